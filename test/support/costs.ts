import { DateTime } from 'luxon';
import type { fixedClock } from '#kernel/clock.ts';
import { made, store } from './analytics.ts';
import type { Answer, TestApi, TestTenant } from './api.ts';

/** What a price of an example says; flat, in dollars, unless told. */
export type PriceSketch = Readonly<Record<string, unknown>>;
export interface CostWorld {
  /** By the name of their event. `price` is what customers pay, `cost` what it costs; null: no price there. */
  readonly meters: Readonly<
    Record<string, { readonly aggregation: object; readonly price?: PriceSketch | null; readonly cost?: PriceSketch | null }>
  >;
  /** By external id; null: events without a customer. Subscribed from January 1 unless told. `heirs` are customers before it that inherit its subscription, one that `inherits` comes after its parent. */
  readonly customers: Readonly<
    Record<
      string,
      {
        readonly subscribed?: boolean;
        readonly currency?: string;
        readonly timezone?: string;
        readonly heirs?: readonly string[];
        readonly inherits?: { readonly of: string; readonly from: string };
      } | null
    >
  >;
  readonly events: readonly {
    readonly customer: string;
    readonly at: string;
    readonly name?: string;
    readonly properties?: Readonly<Record<string, unknown>>;
  }[];
  /** A price for time on the cost sheet. */
  readonly fixedCost?: string;
}
export interface MadeCostWorld {
  readonly tenant: TestTenant;
  readonly costsheetId: string;
  readonly featureIds: Readonly<Record<string, string>>;
  readonly meterIds: Readonly<Record<string, string>>;
  readonly costPriceIds: Readonly<Record<string, string>>;
  analyse(request?: object, path?: string): Promise<Answer['body']>;
}

export const JANUARY = { start_time: '2026-01-01T00:00:00Z', end_time: '2026-02-01T00:00:00Z' };
export const usagePrice = (entityType: string, entityId: string, meterId: string, sketch: PriceSketch = {}) => ({
  entity_type: entityType,
  entity_id: entityId,
  meter_id: meterId,
  type: 'USAGE',
  billing_model: 'FLAT_FEE',
  billing_period: 'MONTHLY',
  invoice_cadence: 'ARREAR',
  currency: 'usd',
  ...(sketch.tiers ? {} : { amount: '1' }),
  ...sketch,
});

let worlds = 0;

/** A tenant of its own with a cost sheet, because costs are asked over all customers. Its plan has a fee, too, which is no usage. Everything begins on January 1, 2026; the clock ends on February 1. */
export async function makeCostWorld(api: TestApi, clock: ReturnType<typeof fixedClock>, world: CostWorld): Promise<MadeCostWorld> {
  worlds += 1;
  clock.set(DateTime.utc(2026, 1, 1));
  const tenant = await api.tenant(`Costs ${worlds}`);
  const plan = await made(tenant, '/v1/plans', { name: 'Plan' });
  const { costsheet } = await made(tenant, '/v1/costs', { name: 'Costs' });
  const currencies = new Set(Object.values(world.customers).map((customer) => customer?.currency ?? 'usd'));
  const fee = { type: 'FIXED', billing_model: 'FLAT_FEE', billing_period: 'MONTHLY', invoice_cadence: 'ADVANCE' };
  for (const currency of currencies)
    await made(tenant, '/v1/prices', { ...fee, entity_type: 'PLAN', entity_id: plan.id, currency, amount: '900' });
  const [featureIds, meterIds, costPriceIds]: Record<string, string>[] = [{}, {}, {}];
  for (const [name, { aggregation, price = {}, cost = {} }] of Object.entries(world.meters)) {
    const feature = await made(tenant, '/v1/features', {
      name,
      type: 'metered',
      meter: { name, event_name: name, aggregation, reset_usage: 'BILLING_PERIOD' },
    });
    Object.assign(featureIds ?? {}, { [name]: feature.id });
    Object.assign(meterIds ?? {}, { [name]: feature.meter_id });
    if (price)
      for (const currency of currencies)
        await made(tenant, '/v1/prices', usagePrice('PLAN', plan.id, feature.meter_id, { ...price, currency }));
    if (cost)
      Object.assign(costPriceIds ?? {}, {
        [name]: (await made(tenant, '/v1/prices', usagePrice('COSTSHEET', costsheet.id, feature.meter_id, cost))).id,
      });
  }
  if (world.fixedCost) {
    await made(tenant, '/v1/prices', {
      ...fee,
      entity_type: 'COSTSHEET',
      entity_id: costsheet.id,
      currency: 'usd',
      amount: world.fixedCost,
    });
  }
  const subscriptionIds: Record<string, string> = {};
  for (const [id, customer] of Object.entries(world.customers)) {
    if (customer === null) continue;
    await made(tenant, '/v1/customers', { external_id: id, name: id, timezone: customer.timezone ?? 'UTC' });
    if (customer.subscribed === false) continue;
    const { inherits } = customer;
    const inheritance = inherits
      ? { parent_subscription_id: subscriptionIds[inherits.of] }
      : customer.heirs && { external_customer_ids_to_inherit_subscription: customer.heirs };
    const subscription = await made(tenant, '/v1/subscriptions', {
      external_customer_id: id,
      plan_id: plan.id,
      currency: customer.currency ?? 'usd',
      billing_period: 'MONTHLY',
      billing_cycle: 'anniversary',
      start_date: inherits?.from ?? '2026-01-01T00:00:00Z',
      ...(inheritance && { inheritance }),
    });
    subscriptionIds[id] = subscription.id;
  }
  const first = Object.keys(world.meters)[0] ?? '';
  await store(
    { app: api.app, ctx: tenant.ctx },
    world.events.map((event, index) => ({ ...event, id: `cost_${worlds}_${index}`, name: event.name ?? first })),
  );
  clock.set(DateTime.utc(2026, 2, 1));
  return {
    tenant,
    costsheetId: costsheet.id,
    featureIds: featureIds ?? {},
    meterIds: meterIds ?? {},
    costPriceIds: costPriceIds ?? {},
    analyse: (request = {}, path = '/v1/costs/analytics') => made(tenant, path, { ...JANUARY, ...request }),
  };
}
