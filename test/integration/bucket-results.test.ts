import { DateTime } from 'luxon';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createEventStore } from '#ingestion/repository/event-store.ts';
import { fixedClock } from '#kernel/clock.ts';
import { FOR_PEOPLE, MAX_FIGURES } from '#metering/domain/grouped-usage.ts';
import { createGroupedUsageRepository } from '#metering/repository/grouped-usage.ts';
import { type Answer, startTestApi, type TestApi } from '../support/api.ts';
import { type EventSketch, loggedEvent, meteringCtx, range, usageQuery } from '../support/metering.ts';

// Usage of buckets, one result for each with its start, and for each group of them; the total stands beside them.

const RANGE = { start_time: '2026-01-05T00:00:00Z', end_time: '2026-01-07T00:00:00Z' };
const customer = 'buckets';
let api: TestApi;
const store = (sketches: readonly EventSketch[]): Promise<void> =>
  createEventStore(api.app.clickhouse).insert(
    sketches.map((sketch) => ({ ...loggedEvent({ customer, ...sketch }), ...api.ctx })),
    `buckets ${sketches[0]?.id}`,
  );

beforeAll(async () => {
  api = await startTestApi({ clock: fixedClock(DateTime.utc(2026, 3, 15)), clickhouse: true });
  const at = (time: string) => `2026-01-05T${time}:00Z`;
  await store([
    { id: 'b1', at: at('10:00'), properties: { n: 100, k: 'A' } },
    { id: 'b2', at: at('10:30'), properties: { n: 40, k: 'B' } },
    { id: 'b3', at: at('10:45'), properties: { n: 70, k: 'A' } },
    { id: 'b4', at: at('11:15'), properties: { n: 30, k: 'B' } },
    { id: 'b5', at: at('11:20'), properties: { n: 5 } },
  ]);
});
afterAll(() => api?.close());

const result = (hour: number, value: number, group?: string) => ({
  window_size: `2026-01-05T${hour}:00:00Z`,
  ...(group === undefined ? {} : { group }),
  value,
});
const meterOf = async (aggregation: object): Promise<string> =>
  (await api.request('POST', '/v1/meters', { name: 'M', event_name: 'call', aggregation, reset_usage: 'BILLING_PERIOD' })).body.id;
const ofMeter = async (aggregation: object, more: object = {}): Promise<Answer['body']> =>
  (
    await api.request('POST', '/v1/events/usage/meter', {
      meter_id: await meterOf(aggregation),
      external_customer_id: customer,
      ...RANGE,
      ...more,
    })
  ).body;

test.each([
  ['MAX', [result(10, 100), result(11, 30)], 130],
  ['SUM', [result(10, 210), result(11, 35)], 245],
] as const)('%s per hour, of a meter and of events by name', async (type, results, value) => {
  expect(await ofMeter({ type, field: 'n', bucket_size: 'HOUR' })).toEqual({ event_name: 'call', type, results, value });
  const byName = { event_name: 'call', external_customer_id: customer, aggregation_type: type, property_name: 'n', bucket_size: 'HOUR' };
  expect((await api.request('POST', '/v1/events/usage', { ...byName, ...RANGE })).body).toEqual({
    event_name: 'call',
    type,
    results,
    value,
  });
});

test('each group of a bucket is a result of its own, and named', async () => {
  const grouped = await ofMeter({ type: 'MAX', field: 'n', bucket_size: 'HOUR', group_by: 'k' });
  expect(grouped).toEqual({
    event_name: 'call',
    type: 'MAX',
    results: [result(10, 100, 'A'), result(10, 40, 'B'), result(11, 5), result(11, 30, 'B')],
    value: 175,
  });
});

test('a window that is asked for holds its buckets, and no bucket is a result where there is none', async () => {
  const windowed = await ofMeter({ type: 'SUM', field: 'n', bucket_size: 'HOUR' }, { window_size: 'DAY' });
  expect(windowed).toMatchObject({ results: [{ window_size: '2026-01-05T00:00:00Z', value: 245 }], value: 245 });
  const nothing = await ofMeter({ type: 'SUM', field: 'n', bucket_size: 'HOUR' }, { external_customer_id: 'nobody' });
  expect(nothing).toEqual({ event_name: 'call', type: 'SUM', results: [], value: 0 });
});

test('more buckets with events than an answer can price are refused by the name of what has them', async () => {
  const query = usageQuery({
    type: 'SUM',
    field: 'n',
    bucketSize: 'MINUTE',
    eventName: 'minutes',
    externalCustomerIds: [customer],
    range: range('2026-01-01', '2027-01-01'),
  });
  // The engine's answer, without the events that it would take.
  const rows = Array.from({ length: MAX_FIGURES + 1 }, (_, minute) => ({
    question: 0,
    kind: minute === 0 ? 0 : 2,
    groups: [],
    start: '0',
  }));
  const engine = { ...api.app.clickhouse, query: async () => rows as never };
  const asked = createGroupedUsageRepository(engine).usages(meteringCtx, [customer], [{ query, keys: [], buckets: true }], FOR_PEOPLE);
  await expect(asked).rejects.toMatchObject({
    code: 'validation_error',
    message: expect.stringContaining('MINUTE buckets of minutes'),
    details: { field: 'start_time', event_name: 'minutes', bucket_size: 'MINUTE' },
  });
});
