import type { Period } from '#kernel/calendar/period.ts';
import type { RequestContext } from '#kernel/context.ts';
import { invalid, invalidOperation } from '#kernel/errors.ts';
import type { Meter } from '#metering/domain/meter.ts';
import type { MeterSnapshot } from '#charges/domain/calculation.ts';
import type { ReferencePoint } from '#charges/domain/fixed-charges.ts';
import type { BilledItem, EntitlementSource, InvoiceBasis, UsageAnswer } from '#charges/domain/inputs.ts';
import type { Subscription } from '#subscriptions/domain/subscription.ts';
import { usageQuestions } from '#charges/domain/usage-charges.ts';
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
}

export interface GatheredBasis {
  readonly basis: Omit<InvoiceBasis, 'invoiced'>;
  readonly meters: ReadonlyMap<string, Meter>;
}

export interface GatheredInputs extends Pick<GatheredBasis, 'basis'> {
  readonly usage: readonly UsageAnswer[];
}

/** Reads what the questions of an invoice ask, after everything else and without a transaction, so that the watermark is the youngest. */
export async function readInputs(
  { readUsage: read }: Pick<BillingDependencies, 'readUsage'>,
  ctx: RequestContext,
  { basis, meters }: GatheredBasis,
): Promise<GatheredInputs> {
  const { subscription, externalCustomerId, inherited, items } = basis;
  const usage = await readUsage(read, ctx, usageQuestions(basis), {
    externalCustomerId,
    inherited,
    timezone: subscription.timezone,
    meters,
    items,
  });
  return { basis, usage };
}

/** Collects all that an invoice depends on but the usage, in the transaction of the context. Throws `invalid_operation` for what is gone. */
export async function gatherBasis(
  dependencies: BillingDependencies,
  ctx: RequestContext,
  { subscriptionId, ...scope }: InvoiceScope,
): Promise<GatheredBasis> {
  const { subscription, items, customer, inherited } = await dependencies.subscriptions.billable(ctx, subscriptionId);
  const priceIds = items.flatMap((item) => [item.priceId, ...item.commitmentTimeBuckets.map((bucket) => bucket.priceId)]);
  const prices = new Map((await dependencies.prices.getMany(ctx, [...new Set(priceIds)])).map((price) => [price.id, price]));
  const meterIds = [...new Set(items.flatMap((item) => item.meterId ?? []))];
  const meters = new Map((await dependencies.meters.getMany(ctx, meterIds)).map((meter) => [meter.id, meter]));
  const entitlements = await entitlementsByMeter(dependencies, ctx, meterIds, subscription);
  const billed = items.map((item): BilledItem => {
    const price = prices.get(item.priceId);
    // A line is never dropped for what cannot be read: the computation fails and is tried again (billing.md section 12, rule 8).
    if (!price) throw invalidOperation('the price of a line item is gone', { price_id: item.priceId, line_item_id: item.id });
    const meter = meters.get(item.meterId ?? '');
    const bucketPrices = item.commitmentTimeBuckets.flatMap(({ priceId }) => prices.get(priceId) ?? []);
    return {
      item,
      price,
      bucketPrices,
      meter: meter ? snapshotOf(meter) : null,
      entitlements: entitlements.get(item.meterId ?? '') ?? [],
    };
  });
  return {
    basis: { subscription, externalCustomerId: customer.externalId, inherited, items: billed, ...scope, asOf: dependencies.clock.now() },
    meters,
  };
}

/** The subscription's entitlements to metered features, by the meter of the feature. */
async function entitlementsByMeter(
  dependencies: BillingDependencies,
  ctx: RequestContext,
  meterIds: readonly string[],
  subscription: Subscription,
): Promise<Map<string, readonly EntitlementSource[]>> {
  if (meterIds.length === 0) return new Map();
  const features = await dependencies.featuresOfMeters(ctx, meterIds);
  const rights = Map.groupBy(
    (await dependencies.entitlementsOf(ctx, subscription)).filter(({ featureType }) => featureType === 'metered'),
    ({ featureId }) => featureId,
  );
  const byMeter = Map.groupBy(features, ({ meterId }) => meterId ?? '');
  return new Map([...byMeter].map(([meterId, own]) => [meterId, own.flatMap(({ id }) => rights.get(id) ?? [])]));
}

/** A meter as a line keeps it. */
export function snapshotOf({ id, name, version, eventName, aggregation, filters, resetUsage }: Meter): MeterSnapshot {
  const { type, field, expression, multiplier, bucketSize, groupBy } = aggregation;
  return {
    id,
    name,
    version,
    eventName,
    aggregation: { type, field, ...(expression ? { expression } : {}), multiplier, bucketSize, groupBy },
    filters,
    resetUsage,
  };
}
