import { DateTime } from 'luxon';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { fixedClock } from '#kernel/clock.ts';
import { type AnalyticsWorld, made, makeAnalyticsWorld } from '../support/analytics.ts';
import { startTestApi, type TestApi } from '../support/api.ts';

const clock = fixedClock(DateTime.utc(2026, 1, 1));
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ clock, clickhouse: true });
});
afterAll(() => api.close());

const JANUARY = { start_time: '2026-01-01T00:00:00Z', end_time: '2026-02-01T00:00:00Z' };
const QUERY = '/v1/meter-usage/query';
const ANALYTICS = '/v1/meter-usage/analytics';
const SUM = { type: 'SUM', field: 'n' };
const world = (setup: AnalyticsWorld) => makeAnalyticsWorld(api, clock, setup);
const at = (time: string, n: unknown, more: object = {}) => ({ at: time, properties: { n, ...more } });

test('usage of a meter by its own aggregation and by others', async () => {
  const {
    customer,
    meterIds: [meterId],
  } = await world({
    meters: { call: { aggregation: SUM } },
    events: [
      at('2026-01-05T10:00:00Z', '0.1'),
      at('2026-01-05T11:00:00Z', '0.2'),
      at('2026-01-06T10:00:00Z', 'none'),
      at('2026-02-01T00:00:00Z', 9),
    ],
  });
  const ask = (type: string, more: object = {}) =>
    made(api, QUERY, { external_customer_id: customer, meter_id: meterId, ...JANUARY, aggregation_type: type, ...more });
  expect(await ask('SUM')).toEqual({ meter_id: meterId, aggregation_type: 'SUM', total_value: '0.3', event_count: 2, points: [] });
  for (const [type, value, count] of [
    ['COUNT', '3', 3],
    ['MAX', '0.2', 2],
    ['AVG', '0.15', 2],
    ['LATEST', '0.2', 2],
    ['COUNT_UNIQUE', '3', 3],
  ] as const)
    expect(await ask(type)).toMatchObject({ aggregation_type: type, total_value: value, event_count: count });
  expect(await ask('COUNT', { window_size: 'DAY' })).toMatchObject({
    points: [
      { timestamp: '2026-01-05T00:00:00Z', value: '2', event_count: 2 },
      { timestamp: '2026-01-06T00:00:00Z', value: '1', event_count: 1 },
    ],
  });
  const answer = await api.request('POST', QUERY, {
    external_customer_id: customer,
    meter_id: meterId,
    ...JANUARY,
    aggregation_type: 'SUM',
  });
  expect(answer.headers['X-Usage-Watermark']).toBe('2026-02-01T00:00:00Z');
});

test('windows of a meter that groups by itself are one point each, in the time zone of the customer', async () => {
  const aggregation = { type: 'MAX', field: 'n', bucket_size: 'HOUR', group_by: 'model' };
  const events = [
    at('2026-01-05T10:00:00Z', 5, { model: 'a' }),
    at('2026-01-05T10:10:00Z', 7, { model: 'b' }),
    at('2026-01-05T20:00:00Z', 3, { model: 'a' }),
  ];
  const {
    customer,
    meterIds: [meterId],
  } = await world({ meters: { call: { aggregation } }, timezone: 'Asia/Kolkata', events });
  const ask = (more: object) =>
    made(api, QUERY, { external_customer_id: customer, meter_id: meterId, ...JANUARY, window_size: 'DAY', ...more });
  expect(await ask({ aggregation_type: 'MAX' })).toMatchObject({
    total_value: '15',
    points: [
      { timestamp: '2026-01-04T18:30:00Z', value: '7', event_count: 2 },
      { timestamp: '2026-01-05T18:30:00Z', value: '3', event_count: 1 },
    ],
  });
  expect(await ask({ aggregation_type: 'SUM' })).toMatchObject({ total_value: '15', points: [{ value: '12' }, { value: '3' }] });
  expect(await ask({ aggregation_type: 'LATEST' })).toMatchObject({ total_value: '3', points: [{ value: '7' }, { value: '3' }] });
  expect(await ask({ aggregation_type: 'MAX', window_size: 'MONTH', billing_anchor: '2025-12-05T12:00:00Z' })).toMatchObject({
    points: [{ timestamp: '2026-01-04T18:30:00Z', value: '7' }],
  });
});

test('several meters are one statement, in the order of their ids', async () => {
  const { customer, meterIds } = await world({
    meters: { a: { aggregation: SUM }, b: { aggregation: { type: 'MAX', field: 'n' } }, c: { aggregation: SUM } },
    events: [
      { ...at('2026-01-05T10:00:00Z', 1), name: 'a' },
      { ...at('2026-01-05T10:00:00Z', 2), name: 'b' },
    ],
  });
  const query = vi.spyOn(api.app.clickhouse, 'query');
  const { items } = await made(api, ANALYTICS, {
    external_customer_id: customer,
    meter_ids: [...meterIds].reverse(),
    ...JANUARY,
    aggregation_type: 'SUM',
    window_size: 'DAY',
  });
  // One for the watermark.
  expect(query).toHaveBeenCalledTimes(1);
  query.mockRestore();
  expect(items.map((item: { meter_id: string; total_value: string }) => [item.meter_id, item.total_value])).toEqual([
    [meterIds[2], '0'],
    [meterIds[1], '2'],
    [meterIds[0], '1'],
  ]);
});

test('zero unless the meter is on a current line of the customer', async () => {
  const events = [at('2026-01-05T10:00:00Z', 1)];
  const running = await world({ meters: { call: { aggregation: SUM } }, events });
  const cancelled = await world({ meters: { call: { aggregation: SUM } }, subscriptions: [{ cancelled: '2026-01-10T00:00:00Z' }], events });
  const ended = await world({ meters: { call: { aggregation: SUM, prices: [{ end_date: '2026-01-20T00:00:00Z' }] } }, events });
  const never = await world({ meters: { call: { aggregation: SUM } }, subscriptions: [], events });
  const ask = (customer: string, meterId: string | undefined) =>
    made(api, QUERY, { external_customer_id: customer, meter_id: meterId, ...JANUARY, aggregation_type: 'SUM' });
  expect((await ask(running.customer, running.meterIds[0])).total_value).toBe('1');
  for (const { customer, meterIds } of [cancelled, ended, never])
    expect(await ask(customer, meterIds[0])).toMatchObject({ total_value: '0', event_count: 0, points: [] });
  expect((await ask('nobody', running.meterIds[0])).total_value).toBe('0');
  expect((await ask(running.customer, never.meterIds[0])).total_value).toBe('0');
});

test('a meter with an expression is evaluated by it, whatever the aggregation and the groups', async () => {
  const aggregation = { type: 'SUM', expression: 'n * 2 + extra', multiplier: '10' };
  const events = [
    at('2026-01-05T10:00:00Z', '0.1', { extra: 1, model: 'a' }),
    at('2026-01-05T11:00:00Z', 3, { model: 'b' }),
    at('2026-01-06T10:00:00Z', 'none', { model: 'a' }),
  ];
  const {
    customer,
    meterIds: [meterId],
  } = await world({ meters: { call: { aggregation } }, events });
  const ask = (type: string) => made(api, QUERY, { external_customer_id: customer, meter_id: meterId, ...JANUARY, aggregation_type: type });
  for (const [type, value, count] of [
    ['SUM', '72', 2],
    ['MAX', '60', 2],
    ['LATEST', '60', 2],
    ['AVG', '36', 2],
    ['COUNT', '3', 3],
  ] as const)
    expect(await ask(type)).toMatchObject({ total_value: value, event_count: count });
  expect(
    await api.request('POST', QUERY, { external_customer_id: customer, meter_id: meterId, ...JANUARY, aggregation_type: 'WEIGHTED_SUM' }),
  ).toMatchObject({ status: 400, body: { details: { field: 'aggregation_type' } } });
  const { items } = await made(api, '/v1/events/analytics', { external_customer_id: customer, ...JANUARY, group_by: ['properties.model'] });
  expect(
    items.map((item: { properties: object; total_usage: string; event_count: number }) => [
      item.properties,
      item.total_usage,
      item.event_count,
    ]),
  ).toEqual(
    expect.arrayContaining([
      [{ model: 'a' }, '12', 1],
      [{ model: 'b' }, '60', 1],
    ]),
  );
});

test('what cannot be answered is refused by its name', async () => {
  const {
    customer,
    meterIds: [meterId],
  } = await world({ meters: { call: { aggregation: { type: 'COUNT' } } }, events: [] });
  const question = { external_customer_id: customer, meter_id: meterId, ...JANUARY, aggregation_type: 'COUNT' };
  for (const [change, field] of [
    [{ aggregation_type: 'MEDIAN' }, 'aggregation_type'],
    [{ aggregation_type: undefined }, 'aggregation_type'],
    [{ aggregation_type: 'SUM' }, 'aggregation_type'],
    [{ external_customer_id: '' }, 'external_customer_id'],
    [{ start_time: undefined }, 'start_time'],
    [{ end_time: 'soon' }, 'end_time'],
    [{ end_time: '2025-12-31T00:00:00Z' }, 'end_time'],
    [{ window_size: 'YEAR' }, 'window_size'],
    [{ billing_anchor: '31' }, 'billing_anchor'],
    [{ start_time: '2000-01-01T00:00:00Z', window_size: 'MINUTE' }, 'window_size'],
    [{ meter_id: '' }, 'meter_id'],
  ] as const) {
    const answer = await api.request('POST', QUERY, { ...question, ...change });
    expect([change, answer.status, answer.body.details?.field]).toEqual([change, 400, field]);
  }
  const { meter_id: _, ...both } = question;
  expect(await api.request('POST', ANALYTICS, { ...both, meter_ids: [] })).toMatchObject({
    status: 400,
    body: { details: { field: 'meter_ids' } },
  });
  expect(await api.request('POST', ANALYTICS, { ...both, meter_ids: [meterId, 'meter_unknown'] })).toMatchObject({
    status: 404,
    body: { code: 'not_found' },
  });
});
