import { DateTime } from 'luxon';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fixedClock } from '#kernel/clock.ts';
import { makeAnalyticsWorld } from '../support/analytics.ts';
import { startTestApi, type TestApi } from '../support/api.ts';

const clock = fixedClock(DateTime.utc(2026, 1, 1));
let api: TestApi;
let customer: string;
let featureId: string | undefined;
beforeAll(async () => {
  api = await startTestApi({ clock, clickhouse: true });
  ({
    customer,
    featureIds: [featureId],
  } = await makeAnalyticsWorld(api, clock, {
    meters: { call: { aggregation: { type: 'SUM', field: 'n', bucket_size: 'MINUTE' } } },
    events: [{ at: '2026-01-31T22:00:00Z', properties: { n: 1 } }],
  }));
});
afterAll(() => api.close());

const BOTH = ['/v1/events/analytics', '/v1/meter-usage/detailed-analytics'];
const ask = (path: string, more: object) => api.request('POST', path, { external_customer_id: customer, ...more });

describe.each<[what: string, change: object, field: string]>([
  ['no customer', { external_customer_id: undefined }, 'external_customer_id'],
  ['an empty customer', { external_customer_id: ' ' }, 'external_customer_id'],
  ['a customer with NUL', { external_customer_id: 'a\u0000' }, 'external_customer_id'],
  ['an unknown window', { window_size: 'FORTNIGHT' }, 'window_size'],
  ['a window in lower case', { window_size: 'day' }, 'window_size'],
  ['a start after the end', { start_time: '2026-02-01T00:00:00Z', end_time: '2026-01-01T00:00:00Z' }, 'end_time'],
  ['a start in the future', { start_time: '2027-01-01T00:00:00Z' }, 'end_time'],
  ['a start without a zone', { start_time: '2026-02-01T00:00:00' }, 'start_time'],
  ['an end that is a number', { end_time: 1_700_000_000 }, 'end_time'],
  ['a range of many lives', { start_time: '1900-01-01T00:00:00Z' }, 'end_time'],
  ['an unknown group', { group_by: ['customer'] }, 'group_by[0]'],
  ['a group without a key', { group_by: ['source', 'properties.'] }, 'group_by[1]'],
  ['a group with NUL', { group_by: ['properties.\u0000'] }, 'group_by[0]'],
  ['a group that is one text', { group_by: 'source' }, 'group_by'],
  ['eleven groups', { group_by: Array.from({ length: 11 }, (_, index) => `properties.k${index}`) }, 'group_by'],
  ['filters that are a list', { property_filters: ['model'] }, 'property_filters'],
  ['a filter that is one text', { property_filters: { model: 'gpt' } }, 'property_filters.model'],
  ['a source that is a number', { sources: [1] }, 'sources[0]'],
  ['an unknown part', { expand: ['customer'] }, 'expand[0]'],
  ['features that are one text', { feature_ids: 'feat_1' }, 'feature_ids'],
  ['children that are one text', { include_children: 'yes' }, 'include_children'],
  ['no groups at all', { group_by: ['source'], limit: 0 }, 'limit'],
  ['more groups than an answer holds', { group_by: ['source'], limit: 1001 }, 'limit'],
  ['groups before the first', { group_by: ['source'], offset: -1 }, 'offset'],
  ['half a group', { group_by: ['source'], offset: 0.5 }, 'offset'],
  ['a page of what is not grouped', { offset: 1 }, 'offset'],
  ['a page of features', { group_by: ['feature_id'], offset: 1 }, 'offset'],
])('%s', (_, change, field) => {
  test.each(BOTH)('%s', async (path) => {
    const { status, body } = await ask(path, change);
    expect({ status, body }).toMatchObject({ status: 400, body: { code: 'validation_error', http_status_code: 400, details: { field } } });
  });
});

test('more points than an answer holds are refused; a line makes none before it begins', async () => {
  const years = { start_time: '2024-01-01T00:00:00Z', end_time: '2026-02-01T00:00:00Z', window_size: 'MINUTE' };
  for (const path of BOTH) {
    expect((await ask(path, years)).status).toBe(200);
    expect((await ask(path, { ...years, external_customer_id: 'nobody', feature_ids: [featureId] })).body.details.field).toBe(
      'window_size',
    );
  }
});

test('meters and anchors belong to the detailed question only', async () => {
  expect((await ask('/v1/events/analytics', { group_by: ['meter_id'] })).body.details.field).toBe('group_by[0]');
  expect((await ask('/v1/meter-usage/detailed-analytics', { group_by: ['meter_id'] })).status).toBe(200);
  expect((await ask('/v1/meter-usage/detailed-analytics', { billing_anchor: '31' })).body.details.field).toBe('billing_anchor');
  expect((await ask('/v1/meter-usage/detailed-analytics', { meter_ids: [''] })).body.details.field).toBe('meter_ids[0]');
});

test.each<[string, object]>([
  ['a group that is SQL', { group_by: ["properties.g' OR 1=1 --", 'properties.{p0:String}', 'properties.`'] }],
  ['a filter that is SQL', { property_filters: { "a' OR '1'='1": ["'; DROP TABLE events; --", '\\'] } }],
  ['a source that is SQL', { sources: ["' OR 1=1 --"] }],
  ['a customer that is SQL', { external_customer_id: "' OR 1=1 --" }],
  ['a feature that is SQL', { feature_ids: ["' OR 1=1 --"] }],
  ['a key that JavaScript has', { group_by: ['properties.__proto__', 'properties.constructor'] }],
])('%s changes nothing', async (_, change) => {
  for (const path of BOTH) expect((await ask(path, change)).status).toBe(200);
  expect((await ask(BOTH[0] ?? '', {})).body.items).toMatchObject([{ total_usage: '1' }]);
});
