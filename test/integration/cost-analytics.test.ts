import fc from 'fast-check';
import { DateTime } from 'luxon';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { fixedClock } from '#kernel/clock.ts';
import { Decimal, divide, sum, ZERO } from '#kernel/decimal.ts';
import { unavailable } from '#kernel/errors.ts';
import type { AggregationType } from '#metering/domain/meter.ts';
import { made, store } from '../support/analytics.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { cases } from '../support/conformance.ts';
import { type CostWorld, JANUARY, makeCostWorld, type PriceSketch, usagePrice } from '../support/costs.ts';
import { aggregate, takenBy } from '../support/usage-oracle.ts';

const clock = fixedClock(DateTime.utc(2026, 1, 1));
let api: TestApi;
beforeAll(async () => { api = await startTestApi({ clock, clickhouse: true }); });
afterAll(() => api.close());

const COSTS = '/v1/costs/analytics';
const world = (setup: CostWorld) => makeCostWorld(api, clock, setup);
const used = (customer: string, n: number, day = 5, more: object = {}) => ({ customer, at: `2026-01-${String(day).padStart(2, '0')}T10:00:00Z`, properties: { n, ...more } });
const SUM = { type: 'SUM', field: 'n' };

test.each(cases<CostWorld & { readonly request?: object }, Record<string, unknown>>('costs.json', 'costs'))('$id', async ({ given: { request, ...setup }, expected }) => {
  const { analyse } = await world(setup);
  const body = await analyse(request);
  expect(body).toMatchObject(expected);
  expect(await analyse(request, '/v1/costs/analytics-v2')).toEqual(body);
});

test('a subscription that others inherit earns what all of them use together, once; asked by name, what its customer used', async () => {
  const price = { billing_model: 'TIERED', tier_mode: 'SLAB', tiers: [{ up_to: 10, unit_amount: '2' }, { unit_amount: '1' }] };
  const { analyse } = await world({
    meters: { call: { aggregation: SUM, price } }, customers: { heir: { subscribed: false }, owner: { heirs: ['heir'] }, other: {} }, events: [{ ...used('owner', 8), name: 'call' }, { ...used('heir', 7), name: 'call' }, { ...used('other', 4), name: 'call' }],
  });
  // Ten units at 2 and five at 1, not eight and seven at 2; and four at 2 of a customer on its own.
  expect(await analyse()).toMatchObject({ total_cost: '19', total_revenue: '33' });
  expect(await analyse({ external_customer_id: 'owner' })).toMatchObject({ total_cost: '8', total_revenue: '16' });
  expect(await analyse({ external_customer_id: 'owner', include_children: true })).toMatchObject({ total_cost: '15', total_revenue: '25' });
  for (const include_children of [false, true]) expect(await analyse({ external_customer_id: 'heir', include_children })).toMatchObject({ total_cost: '7', total_revenue: '0' });
});

test('whoever inherits two subscriptions of a customer costs once, and is charged by both', async () => {
  const { analyse, tenant, meterIds } = await world({ meters: { call: { aggregation: SUM, price: { amount: '2' } } }, customers: { heir: { subscribed: false }, owner: { heirs: ['heir'] } }, events: [used('owner', 8), used('heir', 7)] });
  clock.set(DateTime.utc(2026, 1, 1));
  const plan = await made(tenant, '/v1/plans', { name: 'Second' });
  await made(tenant, '/v1/prices', usagePrice('PLAN', plan.id, meterIds.call ?? '', { amount: '3' }));
  await made(tenant, '/v1/subscriptions', {
    external_customer_id: 'owner', plan_id: plan.id, currency: 'usd', billing_period: 'MONTHLY', billing_cycle: 'anniversary', start_date: '2026-01-01T00:00:00Z', inheritance: { external_customer_ids_to_inherit_subscription: ['heir'] },
  });
  clock.set(DateTime.utc(2026, 2, 1));
  expect(await analyse({ external_customer_id: 'owner', include_children: true })).toMatchObject({ total_cost: '15', total_revenue: '75', cost_analytics: [{ total_quantity: '15', total_events: 2 }] });
});

// The oracle: every unit on its own, every customer on its own, every event looked at; no SQL and none of the product's pricing.

type Tiers = readonly { readonly up_to?: number; readonly unit_amount: string; readonly flat_amount?: string }[];

function costOf(price: PriceSketch, quantity: Decimal): Decimal {
  const amount = new Decimal(String(price.amount ?? '0'));
  if (quantity.lte(0)) return ZERO;
  if (price.billing_model === 'PACKAGE') {
    let packages = 0;
    for (let left = quantity.toNumber(); left > 0; left -= (price.transform_quantity as { divide_by: number }).divide_by) packages += 1;
    return amount.times(packages);
  }
  if (price.billing_model !== 'TIERED') return amount.times(quantity);
  const tiers = price.tiers as Tiers;
  const tierOf = (unit: number) => tiers.findIndex((tier) => tier.up_to === undefined || unit <= tier.up_to);
  const flat = (index: number) => new Decimal(tiers[index]?.flat_amount ?? 0);
  const each = (index: number) => new Decimal(tiers[index]?.unit_amount ?? 0);
  const units = Array.from({ length: quantity.toNumber() }, (_, index) => index + 1);
  if (price.tier_mode === 'VOLUME') return sum(units.map(() => each(tierOf(units.length)))).plus(flat(tierOf(units.length)));
  const entered = [...new Set(units.map(tierOf))];
  return sum(units.map((unit) => each(tierOf(unit)))).plus(sum(entered.map(flat)));
}

interface RandomWorld extends CostWorld { readonly range: readonly [number, number]; readonly model: string | null }

/** Whose usage is priced as one, and whether anybody is charged for it. */
interface Together { readonly takes: (customer: string, at: number) => boolean; readonly charged: boolean }
const alone = ({ customers }: RandomWorld, customer: string | null): Together[] => Object.entries(customers).filter(([id]) => customer === null || id === customer)
  .map(([id, sketch]) => ({ takes: (one) => one === id, charged: sketch !== null && sketch.subscribed !== false }));

function oracle({ meters, events, range: [from, to], model }: RandomWorld, groups: readonly Together[]) {
  const [start, end] = [from, to].map((day) => Date.UTC(2026, 0, day)) as [number, number];
  let [cost, revenue] = [ZERO, ZERO];
  const quantities: Record<string, Decimal> = {};
  for (const [name, meter] of Object.entries(meters)) {
    const { type, bucket_size: bucket } = meter.aggregation as { type: AggregationType; bucket_size?: string };
    for (const { takes, charged } of groups) {
      const own = events.map((event, index) => ({ ...event, event: { id: `e${index}`, at: Date.parse(event.at), ingestedAt: Date.parse(event.at) } }))
        .filter((event) => takes(event.customer, event.event.at) && event.name === name && event.event.at >= start && event.event.at < end && (model === null || event.properties?.model === model));
      const parts = bucket === undefined ? [own] : [...Map.groupBy(own, ({ event: { at } }) => Math.floor(at / 86_400_000)).values()];
      const values = parts.map((part) => aggregate(type, part.flatMap(({ event, properties }) => takenBy(type, event, properties?.n) ?? []), [start, end], '1'));
      const priced = (price: PriceSketch | null | undefined) => (price ? sum(values.map((value) => costOf(price, value))) : ZERO);
      if (meter.cost) quantities[name] = (quantities[name] ?? ZERO).plus(sum(values));
      cost = cost.plus(priced(meter.cost));
      if (charged) revenue = revenue.plus(priced(meter.price));
    }
  }
  const ratio = (whole: Decimal) => (whole.isZero() ? '0' : divide(revenue.minus(cost), whole).toFixed());
  return { quantities, answer: { total_cost: cost.toFixed(), total_revenue: revenue.toFixed(), margin: ratio(revenue), roi: ratio(cost) } };
}

const cents = fc.integer({ min: 0, max: 5000 }).map((value) => new Decimal(value).div(1000).toFixed());
const borders = fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { maxLength: 3 }).map((list) => [...list.sort((a, b) => a - b), undefined]);
const tiers = borders.chain((list) => fc.tuple(...list.map((upTo) => fc.record({ unit_amount: cents, flat_amount: cents }).map((tier) => ({ ...tier, ...(upTo === undefined ? {} : { up_to: upTo }) })))));
const price: fc.Arbitrary<PriceSketch> = fc.oneof(
  cents.map((amount) => ({ amount })),
  fc.record({ amount: cents, divide_by: fc.integer({ min: 1, max: 9 }) }).map(({ amount, divide_by }) => ({ billing_model: 'PACKAGE', amount, transform_quantity: { divide_by, round: 'up' } })),
  fc.record({ tier_mode: fc.constantFrom('SLAB', 'VOLUME'), tiers }).map((tiered) => ({ billing_model: 'TIERED', ...tiered })),
);
const aggregation = fc.constantFrom<object>({ type: 'COUNT' }, SUM, { ...SUM, bucket_size: 'DAY' }, { type: 'MAX', field: 'n' }, { type: 'MAX', field: 'n', bucket_size: 'DAY' }, { type: 'LATEST', field: 'n' }, { type: 'COUNT_UNIQUE', field: 'n' });
const meter = fc.record({ aggregation, price: fc.option(price, { freq: 4 }), cost: fc.option(price, { freq: 6 }) });
const NAMES = ['one', 'two', 'three'];
const CUSTOMERS = { a: {}, b: {}, unsubscribed: { subscribed: false }, stranger: null };
const event = fc.record({ customer: fc.constantFrom(...Object.keys(CUSTOMERS)), name: fc.constantFrom(...NAMES), minute: fc.integer({ min: 0, max: 6 * 1440 }), n: fc.integer({ min: 0, max: 30 }), model: fc.constantFrom('x', 'y') });
const randomWorld: fc.Arbitrary<RandomWorld> = fc.record({
  meters: fc.tuple(meter, meter, meter), range: fc.constantFrom([1, 32] as const, [2, 5] as const), model: fc.constantFrom(null, null, 'x'),
  // One event per minute, so that the latest is told by its time.
  events: fc.uniqueArray(event, { maxLength: 40, selector: ({ minute }) => minute }),
}).map(({ meters, events, ...rest }) => ({
  ...rest, meters: Object.fromEntries(NAMES.map((name, index) => [name, meters[index]])) as CostWorld['meters'], customers: CUSTOMERS,
  events: events.map(({ customer, name, minute, n, model }) => ({ customer, name, at: new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString(), properties: { n, model } })),
}));

test('costs, revenue and margin are those of every customer, event and unit on its own; the whole is the sum of its customers', async () => {
  await fc.assert(fc.asyncProperty(randomWorld, async (setup) => {
    const { analyse, tenant } = await world(setup);
    const [start, end] = setup.range.map((day) => DateTime.utc(2026, 1, 1).plus({ days: day - 1 }).toISO());
    const request = { start_time: start, end_time: end, ...(setup.model === null ? {} : { property_filters: { model: [setup.model] } }) };
    const whole = await analyse(request);
    const expected = oracle(setup, alone(setup, null));
    expect(whole).toMatchObject(expected.answer);
    expect(Object.fromEntries(whole.cost_analytics.map((item: { meter_name: string; total_quantity: string }) => [item.meter_name, item.total_quantity])))
      .toEqual(Object.fromEntries(Object.entries(expected.quantities).map(([name, value]) => [name, value.toFixed()])));
    let [costs, revenues] = [ZERO, ZERO];
    for (const customer of Object.keys(CUSTOMERS)) {
      const one = await analyse({ ...request, external_customer_id: customer });
      expect(one).toMatchObject(oracle(setup, alone(setup, customer)).answer);
      // The revenue is what analytics say of the customer.
      const usage = await made(tenant, '/v1/events/analytics', { ...request, external_customer_id: customer });
      expect(one.total_revenue).toBe(usage.total_cost ?? '0');
      [costs, revenues] = [costs.plus(one.total_cost), revenues.plus(one.total_revenue)];
    }
    expect([whole.total_cost, whole.total_revenue]).toEqual([costs.toFixed(), revenues.toFixed()]);
  }), { numRuns: 15 });
}, 180_000);

test('of a customer with those that inherit from it: what a loop over the events of all of them says, each within its time', async () => {
  await fc.assert(fc.asyncProperty(randomWorld, fc.integer({ min: 0, max: 6 * 1440 }), async (drawn, minute) => {
    const joined = DateTime.utc(2026, 1, 1).plus({ minutes: minute });
    const names: Readonly<Record<string, string>> = { a: 'parent', b: 'early', unsubscribed: 'late', stranger: 'stranger' };
    const setup: RandomWorld = {
      ...drawn, events: drawn.events.map((event) => ({ ...event, customer: names[event.customer] ?? '' })),
      customers: { early: { subscribed: false }, parent: { heirs: ['early'] }, late: { inherits: { of: 'parent', from: joined.toISO() ?? '' } }, stranger: null },
    };
    const { analyse, tenant } = await world(setup);
    const [start, end] = setup.range.map((day) => DateTime.utc(2026, 1, 1).plus({ days: day - 1 }).toISO());
    const request = { start_time: start, end_time: end, external_customer_id: 'parent', include_children: true, ...(setup.model === null ? {} : { property_filters: { model: [setup.model] } }) };
    const expected = oracle(setup, [{ takes: (customer, at) => ['parent', 'early'].includes(customer) || (customer === 'late' && at >= joined.toMillis()), charged: true }]);
    const found = await analyse(request);
    expect(found).toMatchObject(expected.answer);
    expect(Object.fromEntries(found.cost_analytics.map((item: { meter_name: string; total_quantity: string }) => [item.meter_name, item.total_quantity])))
      .toEqual(Object.fromEntries(Object.entries(expected.quantities).map(([name, value]) => [name, value.toFixed()])));
    expect(found.total_revenue).toBe((await made(tenant, '/v1/events/analytics', request)).total_cost ?? '0');
  }), { numRuns: 15 });
}, 180_000);

test('a changed cost applies from then on: each version prices the usage of its own time, ended ones included', async () => {
  const { analyse, tenant, costPriceIds } = await world({ meters: { call: { aggregation: SUM } }, customers: { a: {} }, events: [used('a', 10, 5), used('a', 10, 15), used('a', 10, 25)] });
  const put = await tenant.request('PUT', `/v1/prices/${costPriceIds.call}`, { amount: '2', effective_from: '2026-01-10T00:00:00Z' });
  expect(put).toMatchObject({ status: 200, body: { entity_type: 'COSTSHEET', parent_price_id: costPriceIds.call } });
  expect((await tenant.request('DELETE', `/v1/prices/${put.body.id}`, { end_date: '2026-01-20T00:00:00Z' })).status).toBe(200);
  expect(await analyse()).toMatchObject({ total_cost: '30', total_revenue: '30', cost_analytics: [{ price_id: costPriceIds.call, total_cost: '10' }, { price_id: put.body.id, total_quantity: '10', total_cost: '20' }] });
  expect((await analyse({ start_time: '2026-01-20T00:00:00Z' })).cost_analytics).toEqual([]);
});

test('features narrow cost and revenue; pages show a part of the items and the whole of the totals', async () => {
  const { analyse, featureIds, meterIds, costPriceIds, costsheetId } = await world({
    meters: { one: { aggregation: SUM }, two: { aggregation: SUM, price: { amount: '3' } } }, customers: { a: {} }, events: [{ ...used('a', 2), name: 'one' }, { ...used('a', 5), name: 'two' }],
  });
  expect(await analyse({ feature_ids: [featureIds.two] })).toMatchObject({ total_cost: '5', total_revenue: '15', cost_analytics: [{ meter_id: meterIds.two }] });
  expect(await analyse({ feature_ids: ['feat_none'] })).toMatchObject({ total_cost: '0', total_revenue: '0', cost_analytics: [] });
  const [first, second] = [await analyse({ limit: 1 }), await analyse({ limit: 1, offset: 1, expand: ['meter', 'price'] })];
  expect([first, second]).toMatchObject([{ total_cost: '7', cost_analytics: [{ meter_id: meterIds.one }] }, { total_cost: '7', cost_analytics: [{ meter: { id: meterIds.two }, price: { id: costPriceIds.two, entity_id: costsheetId } }] }]);
  expect([first.cost_analytics.length, second.cost_analytics.length, (await analyse({ offset: 2 })).cost_analytics.length]).toEqual([1, 1, 0]);
  for (const key of ['meter', 'price', 'customer_id', 'external_customer_id']) expect(first.cost_analytics[0]).not.toHaveProperty(key);
});

test('commitments are revenue, of customers without usage too; fees are not', async () => {
  const { analyse, tenant, meterIds } = await world({ meters: { call: { aggregation: SUM } }, customers: { a: {} }, events: [used('a', 4)] });
  clock.set(DateTime.utc(2026, 1, 1));
  const plan = await made(tenant, '/v1/plans', { name: 'Committed' });
  const { id } = await made(tenant, '/v1/prices', usagePrice('PLAN', plan.id, meterIds.call ?? ''));
  await made(tenant, '/v1/customers', { external_id: 'idle', name: 'Idle' });
  await made(tenant, '/v1/subscriptions', {
    external_customer_id: 'idle', plan_id: plan.id, currency: 'usd', billing_period: 'MONTHLY', billing_cycle: 'anniversary', start_date: '2026-01-01T00:00:00Z',
    line_item_commitments: { [id]: { commitment_amount: 50, enable_true_up: true } },
  });
  clock.set(DateTime.utc(2026, 2, 1));
  expect(await analyse()).toMatchObject({ total_cost: '4', total_revenue: '54' });
  expect(await analyse({ external_customer_id: 'idle' })).toMatchObject({ total_cost: '0', total_revenue: '50', margin: '1', roi: '0' });
  expect(await analyse({ property_filters: { n: ['4'] } })).toMatchObject({ total_revenue: '4' });
});

test('several currencies have no sum: refused where each of them has an amount, and told of which', async () => {
  const { tenant, analyse } = await world({ meters: { call: { aggregation: SUM } }, customers: { a: {}, b: { currency: 'eur' } }, events: [used('a', 1), used('b', 1, 20)] });
  const ask = (more: object) => tenant.request('POST', COSTS, { ...JANUARY, ...more });
  for (const more of [{}, { external_customer_id: 'b' }]) {
    expect(await ask(more)).toMatchObject({ status: 400, body: { code: 'invalid_operation', details: { currencies: ['eur', 'usd'] } } });
  }
  expect(await analyse({ external_customer_id: 'a' })).toMatchObject({ currency: 'usd', total_revenue: '1' });
  // Nothing was used by the other one in these days.
  expect(await analyse({ end_time: '2026-01-10T00:00:00Z' })).toMatchObject({ currency: 'usd', total_cost: '1', total_revenue: '1' });
});

test('without a cost sheet nothing is computed; the newest is the one that counts', async () => {
  const { tenant, analyse, meterIds, costsheetId } = await world({ meters: { call: { aggregation: SUM } }, customers: { a: {} }, events: [used('a', 1)] });
  const { costsheet } = await made(tenant, '/v1/costs', { name: 'Next year' });
  await made(tenant, '/v1/prices', usagePrice('COSTSHEET', costsheet.id, meterIds.call ?? '', { amount: '0.25' }));
  expect(await analyse()).toMatchObject({ total_cost: '0.25', cost_analytics: [{ costsheet_id: costsheet.id }] });
  await tenant.request('DELETE', `/v1/costs/${costsheet.id}`);
  expect(await analyse()).toMatchObject({ total_cost: '1', cost_analytics: [{ costsheet_id: costsheetId }] });
  await tenant.request('DELETE', `/v1/costs/${costsheetId}`);
  expect(await tenant.request('POST', COSTS, JANUARY)).toMatchObject({ status: 400, body: { code: 'invalid_operation' } });
});

test('the watermark is that of the customer, of whoever of its family is furthest behind, or of all', async () => {
  const family = { customers: { b: { subscribed: false }, a: { heirs: ['b'] }, c: {} }, events: [used('a', 1, 5), used('b', 1, 4), used('c', 1, 6)] };
  const { tenant } = await world({ meters: { call: { aggregation: SUM } }, ...family });
  const mark = async (more: object, seller = tenant) => (await seller.request('POST', COSTS, { ...JANUARY, ...more })).headers['X-Usage-Watermark'];
  // Also where nothing is on the cost sheet, and only the revenue is about them.
  for (const seller of [tenant, (await world({ meters: { call: { aggregation: SUM, cost: null } }, ...family })).tenant]) expect(await mark({ external_customer_id: 'a', include_children: true }, seller)).toBe('2026-01-04T10:00:00Z');
  expect([await mark({ external_customer_id: 'a' }), await mark({}), await mark({ external_customer_id: 'nobody' })]).toEqual(['2026-01-05T10:00:00Z', '2026-01-06T10:00:00Z', undefined]);
});

test('the range is the last 7 days unless told', async () => {
  const { tenant } = await world({ meters: { call: { aggregation: SUM } }, customers: { a: {} }, events: [used('a', 1, 25), { customer: 'a', at: '2026-01-24T23:59:59.999Z', properties: { n: 2 } }] });
  expect(await made(tenant, COSTS, {})).toMatchObject({ start_time: '2026-01-25T00:00:00Z', end_time: '2026-02-01T00:00:00Z', total_cost: '1', total_revenue: '1' });
});

describe('over many customers', () => {
  test('more than usage is told apart by elsewhere: all count, in as many statements as for one', async () => {
    const { tenant, analyse } = await world({ meters: { call: { aggregation: SUM, cost: { billing_model: 'PACKAGE', amount: '1', transform_quantity: { divide_by: 10 } } } }, customers: { a: {} }, events: [used('a', 1)] });
    await store({ app: api.app, ctx: tenant.ctx }, Array.from({ length: 1203 }, (_, index) => ({ id: `many_${index}`, name: 'call', ...used(`c${index}`, 1) })));
    const query = vi.spyOn(api.app.clickhouse, 'query');
    expect(await analyse()).toMatchObject({ total_cost: '1204', total_revenue: '1', cost_analytics: [{ total_quantity: '1204', total_events: 1204 }] });
    const statements = query.mock.calls.length;
    await analyse({ external_customer_id: 'a' });
    expect([statements, query.mock.calls.length]).toEqual([2, 4]);
    query.mockRestore();
  });

  test('more than an answer can be computed from are refused by name, never left out', async () => {
    const { tenant } = await world({ meters: { call: { aggregation: SUM } }, customers: { a: {} }, events: [used('a', 1)] });
    const refused = { status: 400, body: { code: 'validation_error', details: { field: 'external_customer_id' } } };
    const list = vi.spyOn(api.app.subscriptions, 'list').mockResolvedValueOnce({ items: [], total: 10_001, limit: 1000, offset: 0 });
    expect(await tenant.request('POST', COSTS, JANUARY)).toMatchObject(refused);
    list.mockRestore();
    const query = vi.spyOn(api.app.clickhouse, 'query').mockResolvedValue(Array.from({ length: 200_001 }, () => ({ question: 0, events: '0' })));
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
  await tenant.request('DELETE', `/v1/meters/${meterIds.call}`);
  expect(await ask()).toMatchObject({ status: 400, body: { code: 'invalid_operation', details: { meter_id: meterIds.call } } });
});
