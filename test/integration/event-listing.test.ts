import { DateTime } from 'luxon';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createEventStore } from '#ingestion/repository/event-store.ts';
import { fixedClock } from '#kernel/clock.ts';
import { MAX_COUNTED } from '#metering/repository/events.ts';
import { type Answer, startTestApi, type TestApi } from '../support/api.ts';
import { loggedEvent } from '../support/metering.ts';

// A page of events costs what lies in its range and no more, however long history is and whatever stands behind it.

const NOW = DateTime.utc(2026, 3, 15, 12);
let api: TestApi;

beforeAll(async () => {
  api = await startTestApi({ clock: fixedClock(NOW), clickhouse: true });
  const event = (id: string, customer: string, at: DateTime) => ({
    ...loggedEvent({ id, customer, at: at.toISO() ?? '' }),
    ...api.ctx,
  });
  await createEventStore(api.app.clickhouse).insert(
    [
      ...[0, 10, 29, 31, 400].map((days) => event(`d${days}`, 'some', NOW.minus({ days }))),
      ...Array.from({ length: MAX_COUNTED + 5 }, (_, index) => event(`m${index}`, 'many', NOW.minus({ seconds: index + 1 }))),
    ],
    'listing',
  );
});
afterAll(() => api.close());

const list = async (body: object): Promise<Answer['body']> => (await api.request('POST', '/v1/events/query', body)).body;
const ids = ({ events }: { events: { id: string }[] }): string[] => events.map(({ id }) => id);

test('without a start it shows the last 30 days, and says so', async () => {
  const page = await list({ external_customer_id: 'some' });
  expect(ids(page)).toEqual(['d0', 'd10', 'd29']);
  expect(page).toMatchObject({ total_count: 3, total_is_estimate: false, start_time: '2026-02-13T12:00:00Z' });
  expect((await api.request('GET', '/v1/events?external_customer_id=some')).body).toEqual(page);
});

test('30 days before an end that is named; all of history from a start that is named', async () => {
  expect(ids(await list({ external_customer_id: 'some', end_time: '2026-03-01T00:00:00Z' }))).toEqual(['d29', 'd31']);
  expect(ids(await list({ external_customer_id: 'some', start_time: '2000-01-01T00:00:00Z' }))).toHaveLength(5);
});

test('behind a cursor nothing is counted', async () => {
  const first = await list({ external_customer_id: 'some', page_size: 1 });
  expect(first.total_count).toBe(3);
  const second = await list({ external_customer_id: 'some', page_size: 1, iter_last_key: first.iter_last_key });
  expect([ids(second), second.has_more, 'total_count' in second]).toEqual([['d10'], true, false]);
});

test('a total is exact up to 10,000, and from there on at least so many', async () => {
  expect(await list({ external_customer_id: 'many' })).toMatchObject({ total_count: MAX_COUNTED, total_is_estimate: true, has_more: true });
  expect(await list({ external_customer_id: 'many', end_time: NOW.minus({ seconds: 6 }).toISO() })).toMatchObject({
    total_count: MAX_COUNTED,
    total_is_estimate: false,
  });
});
