import fc from 'fast-check';
import { DateTime } from 'luxon';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fixedClock } from '#kernel/clock.ts';
import { Decimal, divide, sum, ZERO } from '#kernel/decimal.ts';
import type { AggregationType } from '#metering/domain/meter.ts';
import { made } from '../support/analytics.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { type CostWorld, makeCostWorld, type PriceSketch } from '../support/costs.ts';
import { aggregate, takenBy } from '../support/usage-oracle.ts';

// The oracle: every unit on its own, every customer on its own, every event looked at; no SQL and none of the product's pricing.

const clock = fixedClock(DateTime.utc(2026, 1, 1));
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ clock, clickhouse: true });
});
afterAll(() => api.close());

const world = (setup: CostWorld) => makeCostWorld(api, clock, setup);
const SUM = { type: 'SUM', field: 'n' };

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

interface RandomWorld extends CostWorld {
  readonly range: readonly [number, number];
  readonly model: string | null;
}

/** Whose usage is priced as one, and whether anybody is charged for it. */
interface Together {
  readonly takes: (customer: string, at: number) => boolean;
  readonly charged: boolean;
}
const alone = ({ customers }: RandomWorld, customer: string | null): Together[] =>
  Object.entries(customers)
    .filter(([id]) => customer === null || id === customer)
    .map(([id, sketch]) => ({ takes: (one) => one === id, charged: sketch !== null && sketch.subscribed !== false }));

function oracle({ meters, events, range: [from, to], model }: RandomWorld, groups: readonly Together[]) {
  const [start, end] = [from, to].map((day) => Date.UTC(2026, 0, day)) as [number, number];
  let [cost, revenue] = [ZERO, ZERO];
  const quantities: Record<string, Decimal> = {};
  for (const [name, meter] of Object.entries(meters)) {
    const { type, bucket_size: bucket } = meter.aggregation as { type: AggregationType; bucket_size?: string };
    for (const { takes, charged } of groups) {
      const own = events
        .map((event, index) => ({ ...event, event: { id: `e${index}`, at: Date.parse(event.at), ingestedAt: Date.parse(event.at) } }))
        .filter(
          (event) =>
            takes(event.customer, event.event.at) &&
            event.name === name &&
            event.event.at >= start &&
            event.event.at < end &&
            (model === null || event.properties?.model === model),
        );
      const parts = bucket === undefined ? [own] : [...Map.groupBy(own, ({ event: { at } }) => Math.floor(at / 86_400_000)).values()];
      const values = parts.map((part) =>
        aggregate(
          type,
          part.flatMap(({ event, properties }) => takenBy(type, event, properties?.n) ?? []),
          [start, end],
          '1',
        ),
      );
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
const tiers = borders.chain((list) =>
  fc.tuple(
    ...list.map((upTo) =>
      fc.record({ unit_amount: cents, flat_amount: cents }).map((tier) => ({ ...tier, ...(upTo === undefined ? {} : { up_to: upTo }) })),
    ),
  ),
);
const price: fc.Arbitrary<PriceSketch> = fc.oneof(
  cents.map((amount) => ({ amount })),
  fc
    .record({ amount: cents, divide_by: fc.integer({ min: 1, max: 9 }) })
    .map(({ amount, divide_by }) => ({ billing_model: 'PACKAGE', amount, transform_quantity: { divide_by, round: 'up' } })),
  fc.record({ tier_mode: fc.constantFrom('SLAB', 'VOLUME'), tiers }).map((tiered) => ({ billing_model: 'TIERED', ...tiered })),
);
const aggregation = fc.constantFrom<object>(
  { type: 'COUNT' },
  SUM,
  { ...SUM, bucket_size: 'DAY' },
  { type: 'MAX', field: 'n' },
  { type: 'MAX', field: 'n', bucket_size: 'DAY' },
  { type: 'LATEST', field: 'n' },
  { type: 'COUNT_UNIQUE', field: 'n' },
);
const meter = fc.record({ aggregation, price: fc.option(price, { freq: 4 }), cost: fc.option(price, { freq: 6 }) });
const NAMES = ['one', 'two', 'three'];
const CUSTOMERS = { a: {}, b: {}, unsubscribed: { subscribed: false }, stranger: null };
const event = fc.record({
  customer: fc.constantFrom(...Object.keys(CUSTOMERS)),
  name: fc.constantFrom(...NAMES),
  minute: fc.integer({ min: 0, max: 6 * 1440 }),
  n: fc.integer({ min: 0, max: 30 }),
  model: fc.constantFrom('x', 'y'),
});
const randomWorld: fc.Arbitrary<RandomWorld> = fc
  .record({
    meters: fc.tuple(meter, meter, meter),
    range: fc.constantFrom([1, 32] as const, [2, 5] as const),
    model: fc.constantFrom(null, null, 'x'),
    // One event per minute, so that the latest is told by its time.
    events: fc.uniqueArray(event, { maxLength: 40, selector: ({ minute }) => minute }),
  })
  .map(({ meters, events, ...rest }) => ({
    ...rest,
    meters: Object.fromEntries(NAMES.map((name, index) => [name, meters[index]])) as CostWorld['meters'],
    customers: CUSTOMERS,
    events: events.map(({ customer, name, minute, n, model }) => ({
      customer,
      name,
      at: new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString(),
      properties: { n, model },
    })),
  }));

test('costs, revenue and margin are those of every customer, event and unit on its own; the whole is the sum of its customers', async () => {
  await fc.assert(
    fc.asyncProperty(randomWorld, async (setup) => {
      const { analyse, tenant } = await world(setup);
      const [start, end] = setup.range.map((day) =>
        DateTime.utc(2026, 1, 1)
          .plus({ days: day - 1 })
          .toISO(),
      );
      const request = { start_time: start, end_time: end, ...(setup.model === null ? {} : { property_filters: { model: [setup.model] } }) };
      const whole = await analyse(request);
      const expected = oracle(setup, alone(setup, null));
      expect(whole).toMatchObject(expected.answer);
      expect(
        Object.fromEntries(
          whole.cost_analytics.map((item: { meter_name: string; total_quantity: string }) => [item.meter_name, item.total_quantity]),
        ),
      ).toEqual(Object.fromEntries(Object.entries(expected.quantities).map(([name, value]) => [name, value.toFixed()])));
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
    }),
    { numRuns: 15 },
  );
}, 180_000);

test('of a customer with those that inherit from it: what a loop over the events of all of them says, each within its time', async () => {
  await fc.assert(
    fc.asyncProperty(randomWorld, fc.integer({ min: 0, max: 6 * 1440 }), async (drawn, minute) => {
      const joined = DateTime.utc(2026, 1, 1).plus({ minutes: minute });
      const names: Readonly<Record<string, string>> = { a: 'parent', b: 'early', unsubscribed: 'late', stranger: 'stranger' };
      const setup: RandomWorld = {
        ...drawn,
        events: drawn.events.map((event) => ({ ...event, customer: names[event.customer] ?? '' })),
        customers: {
          early: { subscribed: false },
          parent: { heirs: ['early'] },
          late: { inherits: { of: 'parent', from: joined.toISO() ?? '' } },
          stranger: null,
        },
      };
      const { analyse, tenant } = await world(setup);
      const [start, end] = setup.range.map((day) =>
        DateTime.utc(2026, 1, 1)
          .plus({ days: day - 1 })
          .toISO(),
      );
      const request = {
        start_time: start,
        end_time: end,
        external_customer_id: 'parent',
        include_children: true,
        ...(setup.model === null ? {} : { property_filters: { model: [setup.model] } }),
      };
      const expected = oracle(setup, [
        {
          takes: (customer, at) => ['parent', 'early'].includes(customer) || (customer === 'late' && at >= joined.toMillis()),
          charged: true,
        },
      ]);
      const found = await analyse(request);
      expect(found).toMatchObject(expected.answer);
      expect(
        Object.fromEntries(
          found.cost_analytics.map((item: { meter_name: string; total_quantity: string }) => [item.meter_name, item.total_quantity]),
        ),
      ).toEqual(Object.fromEntries(Object.entries(expected.quantities).map(([name, value]) => [name, value.toFixed()])));
      expect(found.total_revenue).toBe((await made(tenant, '/v1/events/analytics', request)).total_cost ?? '0');
    }),
    { numRuns: 15 },
  );
}, 180_000);
