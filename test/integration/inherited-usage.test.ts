import fc from 'fast-check';
import { DateTime } from 'luxon';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fixedClock } from '#kernel/clock.ts';
import { Decimal } from '#kernel/decimal.ts';
import type { AggregationType } from '#metering/domain/meter.ts';
import type { CustomerSpan, UsageQuery } from '#metering/domain/usage.ts';
import { createGroupedUsageRepository } from '#metering/repository/grouped-usage.ts';
import { createUsageRepository } from '#metering/repository/usage.ts';
import { made, store } from '../support/analytics.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { type EventSketch, usageQuery } from '../support/metering.ts';
import { aggregate, type Taken, takenBy } from '../support/usage-oracle.ts';

// Usage of a parent and of those who inherit from it is one usage: the meter's aggregation over all their events, each event once.

const clock = fixedClock(DateTime.utc(2026, 2, 1));
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ clock, clickhouse: true });
});
afterAll(() => api.close());

const hour = (value: number): DateTime => DateTime.utc(2026, 3, 1).plus({ hours: value });
const HOURS = 31 * 24;
const TYPES = ['COUNT', 'SUM', 'AVG', 'MAX', 'LATEST', 'COUNT_UNIQUE'] as const satisfies readonly AggregationType[];
interface RandomEvent {
  readonly by: number;
  readonly hour: number;
  readonly value: number;
  readonly copies: number;
}
interface RandomSpan {
  readonly of: number;
  readonly start: number;
  readonly hours: number | null;
}

const randomEvent = fc.record<RandomEvent>({
  by: fc.integer({ min: 0, max: 3 }),
  hour: fc.integer({ min: -24, max: HOURS + 24 }),
  value: fc.integer({ min: 1, max: 6 }),
  copies: fc.integer({ min: 1, max: 2 }),
});
const randomSpan = fc.record<RandomSpan>({
  of: fc.integer({ min: 1, max: 3 }),
  start: fc.integer({ min: -48, max: HOURS }),
  hours: fc.option(fc.integer({ min: 0, max: HOURS })),
});

let run = 0;
/** The figure that a loop over the events arrives at: those of the first customer, and of the others within any of their spans. */
function figure(
  type: AggregationType,
  events: readonly RandomEvent[],
  spans: readonly RandomSpan[],
  [start, end]: readonly [number, number],
  idOf: (index: number) => string,
): Decimal {
  const taken = events.flatMap((event, index): Taken[] => {
    const counts =
      event.by === 0 ||
      spans.some(
        (span) => span.of === event.by && event.hour >= span.start && (span.hours === null || event.hour < span.start + span.hours),
      );
    const found =
      counts && event.hour >= start && event.hour < end
        ? takenBy(type, { id: idOf(index), at: hour(event.hour).toMillis(), ingestedAt: 0 }, event.value)
        : null;
    return found === null ? [] : [found];
  });
  return aggregate(type, taken, [hour(start).toMillis(), hour(end).toMillis()], '1');
}

test('usage of customers with spans equals what a loop over the events says, alone and in groups', async () => {
  const given = fc.record({
    events: fc.array(randomEvent, { maxLength: 30 }),
    spans: fc.array(randomSpan, { maxLength: 5 }),
    type: fc.constantFrom(...TYPES),
    start: fc.option(fc.integer({ min: -24, max: HOURS - 1 })),
    hours: fc.integer({ min: 1, max: HOURS }),
  });
  await fc.assert(
    fc.asyncProperty(given, async ({ events, spans, type, start, hours }) => {
      const name = `union_${run++}`;
      const customer = (index: number) => `${name}.customer_${index}`;
      const idOf = (index: number) => `${name}_${String(index).padStart(3, '0')}`;
      const sketches = events.map(
        (event, index): EventSketch => ({
          id: idOf(index),
          name,
          customer: customer(event.by),
          at: hour(event.hour).toISO() ?? '',
          ingestedAt: '2026-05-01T00:00:00Z',
          properties: { n: event.value },
        }),
      );
      for (const copy of [1, 2])
        await store(
          api,
          sketches.filter((_, index) => (events[index]?.copies ?? 0) >= copy),
        );
      const inherited = spans.map(
        ({ of, start: from, hours: long }): CustomerSpan => ({
          externalCustomerId: customer(of),
          start: hour(from),
          end: long === null ? null : hour(from + long),
        }),
      );
      const span = [start ?? -100, (start ?? 0) + hours] as const;
      const query: UsageQuery = usageQuery({
        eventName: name,
        type,
        field: type === 'COUNT' ? null : 'n',
        externalCustomerIds: [customer(0)],
        inherited,
        range: { start: start === null ? null : hour(start), end: hour(span[1]) },
      });
      const expected = figure(type, events, spans, span, idOf).toFixed();
      const [plain] = await createUsageRepository(api.app.clickhouse).usages(api.ctx, [query]);
      const {
        usages: [grouped],
      } = await createGroupedUsageRepository(api.app.clickhouse).usages(api.ctx, null, [{ query, keys: [], buckets: false }]);
      expect([plain?.value.toFixed(), grouped?.groups[0]?.value.toFixed()]).toEqual([expected, expected]);
    }),
    { numRuns: 60 },
  );
}, 120_000);

/** Ten units at 2, the rest at 1, walked unit by unit; and plain, at 3. In cents. */
const PRICES = {
  slab: {
    terms: { billing_model: 'TIERED', tier_mode: 'SLAB', tiers: [{ up_to: 10, unit_amount: '2' }, { unit_amount: '1' }] },
    cost: (quantity: Decimal): Decimal => {
      let cost = new Decimal(0);
      for (let left = quantity, unit = 0; left.gt(0); left = left.minus(1), unit += 1)
        cost = cost.plus(Decimal.min(left, 1).times(unit < 10 ? 2 : 1));
      return cost;
    },
  },
  flat: { terms: { billing_model: 'FLAT_FEE', amount: '3' }, cost: (quantity: Decimal): Decimal => quantity.times(3) },
};
const priceOf = (type: AggregationType) => (type === 'SUM' || type === 'COUNT' ? PRICES.slab : PRICES.flat);

interface Family {
  readonly name: string;
  readonly subscriptionId: string;
  readonly members: readonly string[];
  readonly featureIds: Readonly<Record<string, string>>;
}
let families = 0;
/** A parent with two customers that inherit from March 1, one meter of each aggregation, and an allowance of 4 on the counted events. */
async function family(limit: number | null = 4): Promise<Family> {
  families += 1;
  const name = `family_${families}`;
  const members = [0, 1, 2, 3].map((index) => `${name}.member_${index}`);
  clock.set(DateTime.utc(2026, 2, 20));
  for (const external_id of members) await made(api, '/v1/customers', { external_id, name: external_id });
  const plan = await made(api, '/v1/plans', { name });
  const featureIds: Record<string, string> = {};
  for (const type of TYPES) {
    const feature = await made(api, '/v1/features', {
      name: type,
      type: 'metered',
      meter: {
        name: type,
        event_name: name,
        aggregation: { type, ...(type !== 'COUNT' && { field: 'n' }) },
        reset_usage: 'BILLING_PERIOD',
      },
    });
    featureIds[type] = feature.id;
    await made(api, '/v1/prices', {
      entity_type: 'PLAN',
      entity_id: plan.id,
      type: 'USAGE',
      billing_period: 'MONTHLY',
      invoice_cadence: 'ARREAR',
      currency: 'usd',
      meter_id: feature.meter_id,
      display_name: type,
      ...priceOf(type).terms,
    });
    if (type === 'COUNT' && limit !== null)
      await made(api, '/v1/entitlements', {
        entity_type: 'PLAN',
        entity_id: plan.id,
        feature_id: feature.id,
        feature_type: 'metered',
        usage_limit: limit,
        usage_reset_period: 'MONTHLY',
        is_enabled: true,
      });
  }
  const { id } = await made(api, '/v1/subscriptions', {
    external_customer_id: members[0],
    plan_id: plan.id,
    currency: 'usd',
    billing_period: 'MONTHLY',
    billing_cycle: 'calendar',
    start_date: '2026-03-01T00:00:00Z',
    inheritance: { external_customer_ids_to_inherit_subscription: members.slice(1, 3) },
  });
  return { name, subscriptionId: id, members, featureIds };
}

const sketchesOf = ({ name, members }: Family, events: readonly RandomEvent[]): EventSketch[] =>
  events.map((event, index) => ({
    id: `${name}_${String(index).padStart(3, '0')}`,
    name,
    customer: members[event.by] ?? '',
    at: hour(event.hour).toISO() ?? '',
    ingestedAt: '2026-03-31T23:00:00Z',
    properties: { n: event.value },
  }));

/** Closes March and finalizes its invoice. */
async function marchInvoice(subscriptionId: string) {
  clock.set(DateTime.utc(2026, 4, 1, 3));
  const input = { tenantId: api.ctx.tenantId, environmentId: api.ctx.environmentId, subscriptionId };
  const closed = await api.app.billingActivities.closePeriod(input);
  const invoiceId = closed?.invoiceId ?? '';
  await api.app.invoices.compute(api.ctx, invoiceId);
  const draft = (await api.request('GET', `/v1/invoices/${invoiceId}`)).body;
  await api.app.invoices.compute(api.ctx, invoiceId);
  const again = (await api.request('GET', `/v1/invoices/${invoiceId}`)).body;
  expect(figuresOf(again)).toEqual(figuresOf(draft));
  expect(again.line_items.map(({ id }: { id: string }) => id)).toEqual(draft.line_items.map(({ id }: { id: string }) => id));
  return again;
}
const figuresOf = (invoice: { line_items: { display_name: string; quantity: string; amount: string }[] }) =>
  Object.fromEntries(invoice.line_items.map(({ display_name, quantity, amount }) => [display_name, [quantity, amount]]));

test('a parent is billed for all as one: invoice, preview, subscription usage, analytics and summary say what a loop over the events says', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(randomEvent, { minLength: 5, maxLength: 40 }),
      fc.integer({ min: 1, max: HOURS - 1 }),
      async (events, joins) => {
        const household = await family();
        const { subscriptionId, members, featureIds } = household;
        clock.set(hour(joins));
        // The last member joins during March: its earlier usage stays its own.
        await made(api, '/v1/subscriptions', {
          external_customer_id: members[3],
          plan_id: (await api.request('GET', `/v1/subscriptions/${subscriptionId}`)).body.plan_id,
          currency: 'usd',
          billing_period: 'MONTHLY',
          inheritance: { parent_subscription_id: subscriptionId },
        });
        const sketches = sketchesOf(household, events);
        for (const copy of [1, 2])
          await store(
            api,
            sketches.filter((_, index) => (events[index]?.copies ?? 0) >= copy),
          );

        const spans = [
          { of: 1, start: 0, hours: null },
          { of: 2, start: 0, hours: null },
          { of: 3, start: joins, hours: null },
        ];
        const idOf = (index: number) => sketches[index]?.id ?? '';
        const expected = Object.fromEntries(
          TYPES.map((type) => {
            const usage = figure(type, events, spans, [0, HOURS], idOf);
            const billed = type === 'COUNT' ? Decimal.max(usage.minus(4), 0) : usage;
            return [
              type,
              {
                usage: usage.toFixed(),
                line: [billed.toFixed(), priceOf(type).cost(billed).toDecimalPlaces(2, Decimal.ROUND_HALF_UP).toFixed()],
              },
            ];
          }),
        );
        const lines = Object.fromEntries(TYPES.map((type) => [type, expected[type]?.line]));

        clock.set(DateTime.utc(2026, 3, 31, 23, 30));
        const preview = await made(api, '/v1/invoices/preview', { subscription_id: subscriptionId });
        expect(figuresOf(preview)).toEqual(lines);
        const { charges } = await made(api, '/v1/subscriptions/usage', { subscription_id: subscriptionId });
        expect(
          charges.map(
            ({ meter_display_name: name, quantity, amount }: { meter_display_name: string; quantity: number; amount: number }) => [
              name,
              quantity,
              amount,
            ],
          ),
        ).toEqual(TYPES.map((type) => [type, Number(expected[type]?.usage), Number(expected[type]?.line[1])]));
        const range = { start_time: hour(0).toISO(), end_time: hour(HOURS).toISO() };
        const analytics = await made(api, '/v1/events/analytics', { external_customer_id: members[0], ...range, include_children: true });
        expect(analytics.items.map(({ name, total_usage }: { name: string; total_usage: string }) => [name, total_usage])).toEqual(
          TYPES.map((type) => [type, expected[type]?.usage]),
        );
        const alone = await made(api, '/v1/events/analytics', { external_customer_id: members[1], ...range });
        expect(alone.items.map(({ name, total_usage }: { name: string; total_usage: string }) => [name, total_usage])).toEqual(
          TYPES.map((type) => [
            type,
            figure(
              type,
              events.map((event) => ({ ...event, by: event.by === 1 ? 0 : 9 })),
              [],
              [0, HOURS],
              idOf,
            ).toFixed(),
          ]),
        );
        const parentId = (await api.request('GET', `/v1/customers/external/${members[0]}`)).body.id;
        const {
          features: [counted],
        } = (await api.request('GET', `/v1/customers/${parentId}/usage`)).body;
        const check = (await api.request('GET', `/v1/customers/${parentId}/entitlements/check?feature=${featureIds.COUNT}`)).body;
        expect([counted.current_usage, check.usage, check.allowed]).toEqual([
          expected.COUNT?.usage,
          expected.COUNT?.usage,
          Number(expected.COUNT?.usage) + 1 <= 4,
        ]);

        const invoice = await marchInvoice(subscriptionId);
        expect(figuresOf(invoice)).toEqual(lines);
        const own = {
          external_customer_id: members[0],
          inherited: [1, 2, 3].map((index) => ({
            external_customer_id: members[index],
            start: hour(index === 3 ? joins : 0).toISO({ suppressMilliseconds: true }),
          })),
        };
        for (const { calculation } of invoice.line_items) expect(calculation.usage).toMatchObject(own);
      },
    ),
    { numRuns: 6 },
  );
}, 180_000);

test('what a cancelled parent is billed ends for all at that moment', async () => {
  const household = await family(null);
  await store(
    api,
    sketchesOf(household, [
      { by: 0, hour: 1, value: 5, copies: 1 },
      { by: 1, hour: 2, value: 6, copies: 1 },
      { by: 1, hour: 200, value: 6, copies: 1 },
      { by: 2, hour: 100, value: 6, copies: 1 },
    ]),
  );
  clock.set(hour(100));
  const { proration_invoice: invoice } = await made(api, `/v1/subscriptions/${household.subscriptionId}/cancel`, {
    cancellation_type: 'immediate',
  });
  expect(figuresOf(invoice)).toMatchObject({ SUM: ['11', '21'], COUNT: ['2', '4'], MAX: ['6', '18'], COUNT_UNIQUE: ['2', '6'] });
});

test('the watermark of several customers is that of whoever is furthest behind', async () => {
  const household = await family();
  const [parent, fast] = sketchesOf(household, [
    { by: 0, hour: 1, value: 1, copies: 1 },
    { by: 1, hour: 2, value: 1, copies: 1 },
  ]);
  await store(api, [
    { ...(parent as EventSketch), ingestedAt: '2026-03-02T00:00:00Z' },
    { ...(fast as EventSketch), ingestedAt: '2026-03-03T00:00:00Z' },
  ]);
  clock.set(DateTime.utc(2026, 3, 10));
  const usage = await api.request('POST', '/v1/subscriptions/usage', { subscription_id: household.subscriptionId });
  const analytics = await api.request('POST', '/v1/events/analytics', {
    external_customer_id: household.members[0],
    start_time: '2026-03-01T00:00:00Z',
    end_time: '2026-04-01T00:00:00Z',
    include_children: true,
  });
  expect([usage, analytics].map(({ headers }) => headers['X-Usage-Watermark'])).toEqual(['2026-03-02T00:00:00Z', '2026-03-02T00:00:00Z']);
});

test('a child has no allowance of its own', async () => {
  const household = await family();
  await store(api, sketchesOf(household, [{ by: 1, hour: 2, value: 1, copies: 1 }]));
  clock.set(DateTime.utc(2026, 3, 10));
  const { id } = (await api.request('GET', `/v1/customers/external/${household.members[1]}`)).body;
  expect((await api.request('GET', `/v1/customers/${id}/usage`)).body.features).toEqual([]);
  expect((await api.request('GET', `/v1/customers/${id}/entitlements/check?feature=${household.featureIds.COUNT}`)).body).toMatchObject({
    allowed: false,
  });
  const {
    items: [inherited],
  } = await made(api, '/v1/subscriptions/search', { customer_id: id });
  expect((await api.request('GET', `/v1/subscriptions/${inherited.id}/entitlements`)).body.features).toEqual([]);
});

test('daily allowances and meters that never reset are about all, within the time of each', async () => {
  const household = await family();
  const plan = await made(api, '/v1/plans', { name: 'daily' });
  const offer = async (name: string, reset_usage: string) => {
    const feature = await made(api, '/v1/features', {
      name,
      type: 'metered',
      meter: { name, event_name: household.name, aggregation: { type: 'SUM', field: 'n' }, reset_usage },
    });
    await made(api, '/v1/prices', {
      entity_type: 'PLAN',
      entity_id: plan.id,
      type: 'USAGE',
      billing_period: 'MONTHLY',
      invoice_cadence: 'ARREAR',
      currency: 'usd',
      meter_id: feature.meter_id,
      display_name: name,
      billing_model: 'FLAT_FEE',
      amount: '1',
    });
    return feature.id as string;
  };
  await made(api, '/v1/entitlements', {
    entity_type: 'PLAN',
    entity_id: plan.id,
    feature_id: await offer('daily', 'BILLING_PERIOD'),
    feature_type: 'metered',
    usage_limit: 10,
    usage_reset_period: 'DAILY',
    is_enabled: true,
  });
  await offer('ever', 'NEVER');
  const { id } = await made(api, '/v1/subscriptions', {
    external_customer_id: household.members[0],
    plan_id: plan.id,
    currency: 'usd',
    billing_period: 'MONTHLY',
    billing_cycle: 'calendar',
    start_date: '2026-03-01T00:00:00Z',
    inheritance: { external_customer_ids_to_inherit_subscription: [household.members[1]] },
  });
  // Day by day 8 + 7 and 6 + 3. Before: of the parent 100, which counts for ever, and of the child 50, which is its own.
  const used = [
    [0, -5, 100],
    [1, -5, 50],
    [0, 1, 8],
    [1, 2, 7],
    [0, 30, 6],
    [1, 31, 3],
  ] as const;
  await store(
    api,
    sketchesOf(
      household,
      used.map(([by, at, value]) => ({ by, hour: at, value, copies: 1 })),
    ),
  );
  expect(figuresOf(await marchInvoice(id))).toEqual({ daily: ['5', '5'], ever: ['124', '124'] });
});

test('a bucketed maximum of a parent is the greatest of all in each bucket', async () => {
  const household = await family();
  const peak = await made(api, '/v1/features', {
    name: 'peak',
    type: 'metered',
    meter: {
      name: 'peak',
      event_name: household.name,
      aggregation: { type: 'MAX', field: 'n', bucket_size: 'DAY' },
      reset_usage: 'BILLING_PERIOD',
    },
  });
  const plan = await made(api, '/v1/plans', { name: 'peak' });
  await made(api, '/v1/prices', {
    entity_type: 'PLAN',
    entity_id: plan.id,
    type: 'USAGE',
    billing_period: 'MONTHLY',
    invoice_cadence: 'ARREAR',
    currency: 'usd',
    meter_id: peak.meter_id,
    display_name: 'peak',
    ...PRICES.slab.terms,
  });
  const { id } = await made(api, '/v1/subscriptions', {
    external_customer_id: household.members[0],
    plan_id: plan.id,
    currency: 'usd',
    billing_period: 'MONTHLY',
    billing_cycle: 'calendar',
    start_date: '2026-03-01T00:00:00Z',
    inheritance: { external_customer_ids_to_inherit_subscription: household.members.slice(1, 3) },
  });
  await store(
    api,
    sketchesOf(household, [
      { by: 0, hour: 1, value: 9, copies: 2 },
      { by: 1, hour: 2, value: 12, copies: 1 },
      { by: 2, hour: 30, value: 4, copies: 1 },
      { by: 3, hour: 30, value: 99, copies: 1 },
    ]),
  );
  // 12 on the first day costs 22, 4 on the second 8.
  expect((await marchInvoice(id)).line_items).toMatchObject([
    { quantity: '16', amount: '30', calculation: { usage: { buckets: ['12', '4'] } } },
  ]);
});
