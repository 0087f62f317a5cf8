import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestApi, type TestApi } from '../support/api.ts';

// Usage questions that have no answer: each is told what is wrong with it.

let api: TestApi;
let meterId: string;

beforeAll(async () => {
  api = await startTestApi({ clickhouse: true });
  const { body } = await api.request('POST', '/v1/meters', {
    name: 'Tokens',
    event_name: 'call',
    aggregation: { type: 'SUM', field: 'tokens' },
    reset_usage: 'BILLING_PERIOD',
  });
  meterId = body.id;
});
afterAll(() => api.close());

const question = { event_name: 'call', aggregation_type: 'COUNT' };

/** What both usage endpoints refuse. */
const SCOPES: readonly [what: string, scope: object, field: string][] = [
  ['an unknown window', { window_size: 'FORTNIGHT' }, 'window_size'],
  ['a window in lower case', { window_size: 'day' }, 'window_size'],
  ['an unknown bucket', { bucket_size: 'YEAR' }, 'bucket_size'],
  ['an unknown zone', { timezone: 'Mars/Olympus' }, 'timezone'],
  ['an unknown zone with a window', { timezone: 'Mars/Olympus', window_size: 'DAY' }, 'timezone'],
  ['a zone with a quote', { timezone: "UTC') OR 1=1 --", window_size: 'DAY' }, 'timezone'],
  ['a start after the end', { start_time: '2026-02-01T00:00:00Z', end_time: '2026-01-01T00:00:00Z' }, 'end_time'],
  ['a start that is no time', { start_time: 'yesterday' }, 'start_time'],
  ['a start without a zone', { start_time: '2026-02-01T00:00:00' }, 'start_time'],
  ['an end that is a number', { end_time: 1_700_000_000 }, 'end_time'],
  ['an anchor that is no time', { billing_anchor: '31', window_size: 'MONTH' }, 'billing_anchor'],
  ['filters that are a list', { filters: ['model'] }, 'filters'],
  ['a filter that is one text', { filters: { model: 'gpt' } }, 'filters.model'],
  ['a filter value that is a number', { filters: { model: [1] } }, 'filters.model[0]'],
  [
    'more points than an answer holds',
    { window_size: 'MINUTE', start_time: '2000-01-01T00:00:00Z', end_time: '2026-01-01T00:00:00Z' },
    'window_size',
  ],
];

describe.each(SCOPES)('%s', (_, scope, field) => {
  test.each(['/v1/events/usage', '/v1/events/usage/meter'])('%s', async (path) => {
    const { status, body } = await api.request(
      'POST',
      path,
      path.endsWith('meter') ? { meter_id: meterId, ...scope } : { ...question, ...scope },
    );
    expect({ status, body }).toMatchObject({ status: 400, body: { code: 'validation_error', http_status_code: 400, details: { field } } });
  });
});

test.each<[string, object, string]>([
  ['no name', { aggregation_type: 'COUNT' }, 'event_name'],
  ['an empty name', { ...question, event_name: ' ' }, 'event_name'],
  ['a name with NUL', { ...question, event_name: 'a\u0000' }, 'event_name'],
  ['no aggregation', { event_name: 'call' }, 'aggregation_type'],
  ['an unknown aggregation', { ...question, aggregation_type: 'MEDIAN' }, 'aggregation_type'],
  ['a property that is a list', { ...question, property_name: ['tokens'] }, 'property_name'],
  ['buckets for a count', { ...question, bucket_size: 'DAY' }, 'bucket_size'],
  [
    'a multiplier that is no number',
    { ...question, aggregation_type: 'SUM_WITH_MULTIPLIER', property_name: 'tokens', multiplier: 'two' },
    'multiplier',
  ],
  ['two groups', { ...question, group_by: ['a', 'b'] }, 'group_by'],
  ['two names for the group that differ', { ...question, group_by: ['a'], group_by_property: 'b' }, 'group_by_property'],
])('usage by name with %s', async (_, body, field) => {
  expect(await api.request('POST', '/v1/events/usage', body)).toMatchObject({
    status: 400,
    body: { code: 'validation_error', details: { field } },
  });
});

test('without a property every aggregation is a count (metering.md 5.1)', async () => {
  for (const more of [{}, { property_name: '' }, { property_name: null }]) {
    const { status, body } = await api.request('POST', '/v1/events/usage', { ...question, aggregation_type: 'SUM', ...more });
    expect([status, body]).toEqual([200, { event_name: 'call', type: 'COUNT', results: [], value: 0 }]);
  }
});

test('an unknown meter, or one of another tenant, is not found', async () => {
  expect(await api.request('POST', '/v1/events/usage/meter', { meter_id: 'meter_unknown' })).toMatchObject({
    status: 404,
    body: { code: 'not_found' },
  });
  expect(await api.request('POST', '/v1/events/usage/meter', {})).toMatchObject({ status: 400, body: { details: { field: 'meter_id' } } });
  const other = await api.tenant('Other');
  expect(await other.request('POST', '/v1/events/usage/meter', { meter_id: meterId })).toMatchObject({
    status: 404,
    body: { code: 'not_found' },
  });
});

test.each<[string, object]>([
  ['a property that is SQL', { property_name: "x') FROM system.tables --", aggregation_type: 'SUM' }],
  ['a property that is a placeholder', { property_name: '{p0:String}', aggregation_type: 'MAX' }],
  ['a filter that is SQL', { filters: { "a' OR '1'='1": ["'; DROP TABLE events; --", '\\'] } }],
  ['a group that is SQL', { group_by: ["g' OR 1=1"] }],
  ['a customer that is SQL', { external_customer_id: "' OR 1=1 --" }],
  ['a range of no length', { start_time: '2026-01-01T00:00:00Z', end_time: '2026-01-01T00:00:00Z' }],
  ['times at the ends of the calendar', { start_time: '0001-01-01T00:00:00Z', end_time: '9999-12-31T23:59:59Z' }],
])('%s finds nothing', async (_, scope) => {
  const { status, body } = await api.request('POST', '/v1/events/usage', { ...question, ...scope });
  expect({ status, body }).toMatchObject({ status: 200, body: { results: [] } });
  expect(body.value).toBe(0);
});

test.each<[string, string, object | undefined, string]>([
  ['POST', '/v1/events/query', { page_size: 0 }, 'page_size'],
  ['POST', '/v1/events/query', { page_size: 'many' }, 'page_size'],
  ['POST', '/v1/events/query', { offset: -1 }, 'offset'],
  ['POST', '/v1/events/query', { start_time: '2026-02-01T00:00:00Z', end_time: '2026-01-01T00:00:00Z' }, 'end_time'],
  ['POST', '/v1/events/query', { iter_last_key: 'x' }, 'iter_last_key'],
  ['POST', '/v1/events/query', { sort: 'properties' }, 'sort'],
  ['POST', '/v1/events/query', { order: 'up' }, 'order'],
  ['POST', '/v1/events/query', { property_filters: { model: [] } }, 'property_filters.model'],
  ['GET', '/v1/events?property_filters=novalue', undefined, 'property_filters'],
  ['GET', '/v1/events/lookup', undefined, 'id'],
  ['GET', '/v1/events/lookup?id=%00', undefined, 'id'],
])('%s %s with %j', async (method, path, body, field) => {
  expect(await api.request(method, path, body)).toMatchObject({ status: 400, body: { code: 'validation_error', details: { field } } });
});
