import { DateTime } from 'luxon';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { fixedClock } from '#kernel/clock.ts';
import { unavailable } from '#kernel/errors.ts';
import { made, store } from '../support/analytics.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { cases } from '../support/conformance.ts';
import { type CostWorld, JANUARY, makeCostWorld, usagePrice } from '../support/costs.ts';

const clock = fixedClock(DateTime.utc(2026, 1, 1));
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ clock, clickhouse: true });
});
afterAll(() => api.close());

const COSTS = '/v1/costs/analytics';
const world = (setup: CostWorld) => makeCostWorld(api, clock, setup);
const used = (customer: string, n: number, day = 5, more: object = {}) => ({
  customer,
  at: `2026-01-${String(day).padStart(2, '0')}T10:00:00Z`,
  properties: { n, ...more },
});
const SUM = { type: 'SUM', field: 'n' };

test.each(cases<CostWorld & { readonly request?: object }, Record<string, unknown>>('costs.json', 'costs'))(
  '$id',
  async ({ given: { request, ...setup }, expected }) => {
    const { analyse } = await world(setup);
    const body = await analyse(request);
    expect(body).toMatchObject(expected);
    expect(await analyse(request, '/v1/costs/analytics-v2')).toEqual(body);
  },
);

test('a subscription that others inherit earns what all of them use together, once; asked by name, what its customer used', async () => {
  const price = { billing_model: 'TIERED', tier_mode: 'SLAB', tiers: [{ up_to: 10, unit_amount: '2' }, { unit_amount: '1' }] };
  const { analyse } = await world({
    meters: { call: { aggregation: SUM, price } },
    customers: { heir: { subscribed: false }, owner: { heirs: ['heir'] }, other: {} },
    events: [
      { ...used('owner', 8), name: 'call' },
      { ...used('heir', 7), name: 'call' },
      { ...used('other', 4), name: 'call' },
    ],
  });
  // Ten units at 2 and five at 1, not eight and seven at 2; and four at 2 of a customer on its own.
  expect(await analyse()).toMatchObject({ total_cost: '19', total_revenue: '33' });
  expect(await analyse({ external_customer_id: 'owner' })).toMatchObject({ total_cost: '8', total_revenue: '16' });
  expect(await analyse({ external_customer_id: 'owner', include_children: true })).toMatchObject({ total_cost: '15', total_revenue: '25' });
  for (const include_children of [false, true])
    expect(await analyse({ external_customer_id: 'heir', include_children })).toMatchObject({ total_cost: '7', total_revenue: '0' });
});

test('whoever inherits two subscriptions of a customer costs once, and is charged by both', async () => {
  const { analyse, tenant, meterIds } = await world({
    meters: { call: { aggregation: SUM, price: { amount: '2' } } },
    customers: { heir: { subscribed: false }, owner: { heirs: ['heir'] } },
    events: [used('owner', 8), used('heir', 7)],
  });
  clock.set(DateTime.utc(2026, 1, 1));
  const plan = await made(tenant, '/v1/plans', { name: 'Second' });
  await made(tenant, '/v1/prices', usagePrice('PLAN', plan.id, meterIds.call ?? '', { amount: '3' }));
  await made(tenant, '/v1/subscriptions', {
    external_customer_id: 'owner',
    plan_id: plan.id,
    currency: 'usd',
    billing_period: 'MONTHLY',
    billing_cycle: 'anniversary',
    start_date: '2026-01-01T00:00:00Z',
    inheritance: { external_customer_ids_to_inherit_subscription: ['heir'] },
  });
  clock.set(DateTime.utc(2026, 2, 1));
  expect(await analyse({ external_customer_id: 'owner', include_children: true })).toMatchObject({
    total_cost: '15',
    total_revenue: '75',
    cost_analytics: [{ total_quantity: '15', total_events: 2 }],
  });
});

test('a changed cost applies from then on: each version prices the usage of its own time, ended ones included', async () => {
  const { analyse, tenant, costPriceIds } = await world({
    meters: { call: { aggregation: SUM } },
    customers: { a: {} },
    events: [used('a', 10, 5), used('a', 10, 15), used('a', 10, 25)],
  });
  const put = await tenant.request('PUT', `/v1/prices/${costPriceIds.call}`, { amount: '2', effective_from: '2026-01-10T00:00:00Z' });
  expect(put).toMatchObject({ status: 200, body: { entity_type: 'COSTSHEET', parent_price_id: costPriceIds.call } });
  expect((await tenant.request('DELETE', `/v1/prices/${put.body.id}`, { end_date: '2026-01-20T00:00:00Z' })).status).toBe(200);
  expect(await analyse()).toMatchObject({
    total_cost: '30',
    total_revenue: '30',
    cost_analytics: [
      { price_id: costPriceIds.call, total_cost: '10' },
      { price_id: put.body.id, total_quantity: '10', total_cost: '20' },
    ],
  });
  expect((await analyse({ start_time: '2026-01-20T00:00:00Z' })).cost_analytics).toEqual([]);
});

test('features narrow cost and revenue; pages show a part of the items and the whole of the totals', async () => {
  const { analyse, featureIds, meterIds, costPriceIds, costsheetId } = await world({
    meters: { one: { aggregation: SUM }, two: { aggregation: SUM, price: { amount: '3' } } },
    customers: { a: {} },
    events: [
      { ...used('a', 2), name: 'one' },
      { ...used('a', 5), name: 'two' },
    ],
  });
  expect(await analyse({ feature_ids: [featureIds.two] })).toMatchObject({
    total_cost: '5',
    total_revenue: '15',
    cost_analytics: [{ meter_id: meterIds.two }],
  });
  expect(await analyse({ feature_ids: ['feat_none'] })).toMatchObject({ total_cost: '0', total_revenue: '0', cost_analytics: [] });
  const [first, second] = [await analyse({ limit: 1 }), await analyse({ limit: 1, offset: 1, expand: ['meter', 'price'] })];
  expect([first, second]).toMatchObject([
    { total_cost: '7', cost_analytics: [{ meter_id: meterIds.one }] },
    { total_cost: '7', cost_analytics: [{ meter: { id: meterIds.two }, price: { id: costPriceIds.two, entity_id: costsheetId } }] },
  ]);
  expect([first.cost_analytics.length, second.cost_analytics.length, (await analyse({ offset: 2 })).cost_analytics.length]).toEqual([
    1, 1, 0,
  ]);
  for (const key of ['meter', 'price', 'customer_id', 'external_customer_id']) expect(first.cost_analytics[0]).not.toHaveProperty(key);
});

test('commitments are revenue, of customers without usage too; fees are not', async () => {
  const { analyse, tenant, meterIds } = await world({
    meters: { call: { aggregation: SUM } },
    customers: { a: {} },
    events: [used('a', 4)],
  });
  clock.set(DateTime.utc(2026, 1, 1));
  const plan = await made(tenant, '/v1/plans', { name: 'Committed' });
  const { id } = await made(tenant, '/v1/prices', usagePrice('PLAN', plan.id, meterIds.call ?? ''));
  await made(tenant, '/v1/customers', { external_id: 'idle', name: 'Idle' });
  await made(tenant, '/v1/subscriptions', {
    external_customer_id: 'idle',
    plan_id: plan.id,
    currency: 'usd',
    billing_period: 'MONTHLY',
    billing_cycle: 'anniversary',
    start_date: '2026-01-01T00:00:00Z',
    line_item_commitments: { [id]: { commitment_amount: 50, enable_true_up: true } },
  });
  clock.set(DateTime.utc(2026, 2, 1));
  expect(await analyse()).toMatchObject({ total_cost: '4', total_revenue: '54' });
  expect(await analyse({ external_customer_id: 'idle' })).toMatchObject({ total_cost: '0', total_revenue: '50', margin: '1', roi: '0' });
  expect(await analyse({ property_filters: { n: ['4'] } })).toMatchObject({ total_revenue: '4' });
});

test('several currencies have no sum: refused where each of them has an amount, and told of which', async () => {
  const { tenant, analyse } = await world({
    meters: { call: { aggregation: SUM } },
    customers: { a: {}, b: { currency: 'eur' } },
    events: [used('a', 1), used('b', 1, 20)],
  });
  const ask = (more: object) => tenant.request('POST', COSTS, { ...JANUARY, ...more });
  for (const more of [{}, { external_customer_id: 'b' }]) {
    expect(await ask(more)).toMatchObject({ status: 400, body: { code: 'invalid_operation', details: { currencies: ['eur', 'usd'] } } });
  }
  expect(await analyse({ external_customer_id: 'a' })).toMatchObject({ currency: 'usd', total_revenue: '1' });
  // Nothing was used by the other one in these days.
  expect(await analyse({ end_time: '2026-01-10T00:00:00Z' })).toMatchObject({ currency: 'usd', total_cost: '1', total_revenue: '1' });
});

test('without a cost sheet nothing is computed; the newest is the one that counts', async () => {
  const { tenant, analyse, meterIds, costsheetId } = await world({
    meters: { call: { aggregation: SUM } },
    customers: { a: {} },
    events: [used('a', 1)],
  });
  const { costsheet } = await made(tenant, '/v1/costs', { name: 'Next year' });
  await made(tenant, '/v1/prices', usagePrice('COSTSHEET', costsheet.id, meterIds.call ?? '', { amount: '0.25' }));
  expect(await analyse()).toMatchObject({ total_cost: '0.25', cost_analytics: [{ costsheet_id: costsheet.id }] });
  await tenant.request('DELETE', `/v1/costs/${costsheet.id}`);
  expect(await analyse()).toMatchObject({ total_cost: '1', cost_analytics: [{ costsheet_id: costsheetId }] });
  await tenant.request('DELETE', `/v1/costs/${costsheetId}`);
  expect(await tenant.request('POST', COSTS, JANUARY)).toMatchObject({ status: 400, body: { code: 'invalid_operation' } });
});

test('the watermark is that of the customer, of whoever of its family is furthest behind, or of all', async () => {
  const family = {
    customers: { b: { subscribed: false }, a: { heirs: ['b'] }, c: {} },
    events: [used('a', 1, 5), used('b', 1, 4), used('c', 1, 6)],
  };
  const { tenant } = await world({ meters: { call: { aggregation: SUM } }, ...family });
  const mark = async (more: object, seller = tenant) =>
    (await seller.request('POST', COSTS, { ...JANUARY, ...more })).headers['X-Usage-Watermark'];
  // Also where nothing is on the cost sheet, and only the revenue is about them.
  for (const seller of [tenant, (await world({ meters: { call: { aggregation: SUM, cost: null } }, ...family })).tenant])
    expect(await mark({ external_customer_id: 'a', include_children: true }, seller)).toBe('2026-01-04T10:00:00Z');
  expect([await mark({ external_customer_id: 'a' }), await mark({}), await mark({ external_customer_id: 'nobody' })]).toEqual([
    '2026-01-05T10:00:00Z',
    '2026-01-06T10:00:00Z',
    undefined,
  ]);
});

test('the range is the last 7 days unless told', async () => {
  const { tenant } = await world({
    meters: { call: { aggregation: SUM } },
    customers: { a: {} },
    events: [used('a', 1, 25), { customer: 'a', at: '2026-01-24T23:59:59.999Z', properties: { n: 2 } }],
  });
  expect(await made(tenant, COSTS, {})).toMatchObject({
    start_time: '2026-01-25T00:00:00Z',
    end_time: '2026-02-01T00:00:00Z',
    total_cost: '1',
    total_revenue: '1',
  });
});

describe('over many customers', () => {
  test('more than usage is told apart by elsewhere: all count, in as many statements as for one', async () => {
    const { tenant, analyse } = await world({
      meters: { call: { aggregation: SUM, cost: { billing_model: 'PACKAGE', amount: '1', transform_quantity: { divide_by: 10 } } } },
      customers: { a: {} },
      events: [used('a', 1)],
    });
    await store(
      { app: api.app, ctx: tenant.ctx },
      Array.from({ length: 1203 }, (_, index) => ({ id: `many_${index}`, name: 'call', ...used(`c${index}`, 1) })),
    );
    const query = vi.spyOn(api.app.clickhouse, 'query');
    expect(await analyse()).toMatchObject({
      total_cost: '1204',
      total_revenue: '1',
      cost_analytics: [{ total_quantity: '1204', total_events: 1204 }],
    });
    const statements = query.mock.calls.length;
    await analyse({ external_customer_id: 'a' });
    expect([statements, query.mock.calls.length]).toEqual([2, 4]);
    query.mockRestore();
  });

  test('more than an answer can be computed from are refused by name, never left out', async () => {
    const { tenant } = await world({ meters: { call: { aggregation: SUM } }, customers: { a: {} }, events: [used('a', 1)] });
    const refused = { status: 400, body: { code: 'validation_error', details: { field: 'external_customer_id' } } };
    const found = vi.spyOn(api.app.subscriptions, 'find').mockResolvedValueOnce(Array.from({ length: 10_001 }));
    expect(await tenant.request('POST', COSTS, JANUARY)).toMatchObject(refused);
    found.mockRestore();
    const query = vi
      .spyOn(api.app.clickhouse, 'query')
      .mockResolvedValue(Array.from({ length: 200_001 }, () => ({ question: 0, events: '0' })));
    expect(await tenant.request('POST', COSTS, JANUARY)).toMatchObject(refused);
    query.mockRestore();
  });
});

test('what cannot be read fails the request: never a zero (Q4)', async () => {
  const { tenant, meterIds } = await world({ meters: { call: { aggregation: SUM } }, customers: { a: {} }, events: [used('a', 1)] });
  const ask = () => tenant.request('POST', COSTS, JANUARY);
  const query = vi.spyOn(api.app.clickhouse, 'query').mockRejectedValue(unavailable('clickhouse', new Error('gone')));
  expect((await ask()).status).toBe(503);
  query.mockRestore();
  expect((await ask()).status).toBe(200);
  // A meter that costs are computed with stays.
  expect(await tenant.request('DELETE', `/v1/meters/${meterIds.call}`)).toMatchObject({ status: 400, body: { code: 'invalid_operation' } });
  expect((await ask()).status).toBe(200);
});
