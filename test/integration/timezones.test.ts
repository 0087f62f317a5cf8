import { IANAZone } from 'luxon';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TIMEZONES } from '#kernel/calendar/timezones.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { superuser } from '../support/engines.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ clickhouse: true });
});
afterAll(() => api.close());

test('every name that is taken is known to the runtime, to Postgres and to ClickHouse', async () => {
  const client = new pg.Client(superuser());
  await client.connect();
  const { rows } = await client.query<{ name: string }>('select name from pg_timezone_names');
  await client.end();
  const clickhouse = await api.app.clickhouse.query<{ name: string }>('select time_zone as name from system.time_zones');
  const known = [rows, clickhouse].map((names) => new Set(names.map(({ name }) => name)));
  expect(TIMEZONES.size).toBeGreaterThan(590);
  expect([...TIMEZONES].filter((name) => !IANAZone.isValidZone(name) || known.some((names) => !names.has(name)))).toEqual([]);
  // As zones are named today, and as they were named before.
  for (const name of [
    'UTC',
    'Europe/Berlin',
    'Asia/Kolkata',
    'Asia/Calcutta',
    'America/Argentina/Buenos_Aires',
    'Europe/Kyiv',
    'Etc/GMT+3',
    'US/Pacific',
  ])
    expect(TIMEZONES.has(name)).toBe(true);
});

const REFUSED = [
  'local',
  'UTC+3',
  'GMT+3',
  '+05:30',
  'europe/berlin',
  'Europe/BERLIN',
  'Utc',
  'utc',
  'system',
  'JST',
  'IST',
  'SystemV/PST8',
  'Mars/Base',
  ' ',
  ' UTC',
  '__proto__',
];

test.each(REFUSED)('%j is refused wherever a time zone is taken', async (timezone) => {
  const customer = await api.request('POST', '/v1/customers', { external_id: `zone ${timezone}`, name: 'Zone', timezone });
  expect([customer.status, customer.body.details]).toMatchObject([400, { field: 'timezone' }]);
  const usage = await api.request('POST', '/v1/events/usage', {
    event_name: 'call',
    aggregation_type: 'COUNT',
    window_size: 'DAY',
    timezone,
  });
  expect([usage.status, usage.body.details]).toMatchObject([400, { field: 'timezone' }]);
});

test('a customer keeps its zone when it is given one that does not exist, and an empty text says nothing', async () => {
  const { body: made } = await api.request('POST', '/v1/customers', { external_id: 'zoned', name: 'Z', timezone: 'Asia/Kolkata' });
  expect(made.timezone).toBe('Asia/Kolkata');
  expect((await api.request('PUT', `/v1/customers/${made.id}`, { timezone: 'europe/berlin' })).status).toBe(400);
  expect((await api.request('GET', `/v1/customers/${made.id}`)).body.timezone).toBe('Asia/Kolkata');
  const { status, body } = await api.request('POST', '/v1/customers', { external_id: 'unzoned', name: 'U', timezone: '' });
  expect([status, body.timezone]).toEqual([201, 'UTC']);
});

test('what a customer is made with, a subscription takes', async () => {
  const { body: plan } = await api.request('POST', '/v1/plans', { name: 'P', lookup_key: 'p' });
  await api.request('POST', '/v1/prices', {
    entity_type: 'PLAN',
    entity_id: plan.id,
    type: 'FIXED',
    billing_model: 'FLAT_FEE',
    billing_period: 'MONTHLY',
    billing_period_count: 1,
    price_unit_type: 'FIAT',
    invoice_cadence: 'ADVANCE',
    currency: 'usd',
    amount: '1',
  });
  for (const timezone of ['Asia/Kolkata', 'Etc/GMT+3', 'US/Pacific', 'UTC']) {
    const { body: customer } = await api.request('POST', '/v1/customers', { external_id: `of ${timezone}`, name: 'C', timezone });
    const subscribed = await api.request('POST', '/v1/subscriptions', {
      customer_id: customer.id,
      plan_id: plan.id,
      currency: 'usd',
      billing_period: 'MONTHLY',
      billing_period_count: 1,
      billing_cycle: 'calendar',
    });
    expect([timezone, subscribed.status, subscribed.body.message]).toEqual([timezone, 201, undefined]);
  }
});
