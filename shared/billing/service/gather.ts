import { type AggregatedEntitlement, mergeEntitlements } from '#entitlements/domain/merge.ts';
import type { Period } from '#kernel/calendar/period.ts';
import type { RequestContext } from '#kernel/context.ts';
import { invalid } from '#kernel/errors.ts';
import type { Meter } from '#metering/domain/meter.ts';
import type { MeterSnapshot } from '../domain/calculation.ts';
import type { ReferencePoint } from '../domain/fixed-charges.ts';
import type { BilledItem, EntitlementSource, InvoiceBasis, UsageAnswer } from '../domain/inputs.ts';
import { usageQuestions } from '../domain/usage-charges.ts';
import type { BillingDependencies } from './dependencies.ts';
import { readUsage } from './read-usage.ts';

/** Longest range that a caller may ask about: daily allowances make a window of every day. */
const LONGEST_RANGE = { years: 30 } as const;

/** The range of a question from outside. Throws a validation error for one that is empty, turned round, or out of all proportion. */
export function askedPeriod(start: Period['start'], end: Period['end'], field: string): Period {
  if (end <= start) throw invalid(field, 'must be after the start of the range');
  if (end > start.plus(LONGEST_RANGE))
    throw invalid(field, `must not be more than ${LONGEST_RANGE.years} years after the start of the range`);
  return { start, end };
}

/** What an invoice is about. */
export interface InvoiceScope {
  readonly subscriptionId: string;
  readonly referencePoint: ReferencePoint;
  readonly period: Period;
  readonly fullPeriodEnd: Period['end'] | null;
}

export interface GatheredInputs {
  readonly basis: Omit<InvoiceBasis, 'invoiced'>;
  readonly usage: readonly UsageAnswer[];
}

/** Collects all that an invoice depends on, without holding a lock; usage is read last, so that its watermark is the youngest. */
export async function gatherInputs(dependencies: BillingDependencies, ctx: RequestContext, scope: InvoiceScope): Promise<GatheredInputs> {
  const { basis, meters } = await dependencies.database.withTenant(ctx, (tx) =>
    gatherBasis(dependencies, { ...ctx, transaction: tx }, scope),
  );
  const { subscription, externalCustomerId, inherited, items } = basis;
  const usage = await readUsage(dependencies.readUsage, ctx, usageQuestions(basis), {
    externalCustomerId,
    inherited,
    timezone: subscription.timezone,
    anchor: subscription.billingAnchor,
    meters,
    items,
  });
  return { basis, usage };
}

async function gatherBasis(
  dependencies: BillingDependencies,
  ctx: RequestContext,
  { subscriptionId, ...scope }: InvoiceScope,
): Promise<{ basis: GatheredInputs['basis']; meters: ReadonlyMap<string, Meter> }> {
  const { subscription, items, customer, inherited } = await dependencies.subscriptions.billable(ctx, subscriptionId);
  const priceIds = items.flatMap((item) => [item.priceId, ...item.commitmentTimeBuckets.map((bucket) => bucket.priceId)]);
  const prices = new Map((await dependencies.prices.getMany(ctx, [...new Set(priceIds)])).map((price) => [price.id, price]));
  const meterIds = [...new Set(items.flatMap((item) => item.meterId ?? []))];
  const meters = new Map((await dependencies.meters.getMany(ctx, meterIds)).map((meter) => [meter.id, meter]));
  const entitlements = await entitlementsByMeter(dependencies, ctx, meterIds, subscription.planId);
  const billed = items.map((item): BilledItem => {
    const price = prices.get(item.priceId);
    // A line is never dropped for what cannot be read: the computation fails and is tried again (billing.md section 12, rule 8).
    if (!price) throw new Error(`price ${item.priceId} of line item ${item.id} is gone`);
    const meter = meters.get(item.meterId ?? '');
    const bucketPrices = item.commitmentTimeBuckets.flatMap(({ priceId }) => prices.get(priceId) ?? []);
    return {
      item,
      price,
      bucketPrices,
      meter: meter ? snapshotOf(meter) : null,
      entitlement: entitlements.get(item.meterId ?? '') ?? null,
    };
  });
  return {
    basis: { subscription, externalCustomerId: customer.externalId, inherited, items: billed, ...scope, asOf: dependencies.clock.now() },
    meters,
  };
}

/** Merged entitlements of the plan by the meter of their feature. */
async function entitlementsByMeter(
  dependencies: BillingDependencies,
  ctx: RequestContext,
  meterIds: readonly string[],
  planId: string,
): Promise<Map<string, AggregatedEntitlement<EntitlementSource>>> {
  if (meterIds.length === 0) return new Map();
  const features = await dependencies.featuresOfMeters(ctx, meterIds);
  const merged = new Map(
    mergeEntitlements(await dependencies.entitlementsOf(ctx, [planId])).map((entitlement) => [entitlement.featureId, entitlement]),
  );
  return new Map(
    features.flatMap(({ id, meterId }) => {
      const entitlement = merged.get(id);
      return entitlement && meterId !== null && entitlement.featureType === 'metered' ? [[meterId, entitlement] as const] : [];
    }),
  );
}

function snapshotOf({ id, name, version, eventName, aggregation, filters }: Meter): MeterSnapshot {
  const { type, field, expression, multiplier, bucketSize, groupBy } = aggregation;
  return {
    id,
    name,
    version,
    eventName,
    aggregation: { type, field, ...(expression ? { expression } : {}), multiplier, bucketSize, groupBy },
    filters,
  };
}
