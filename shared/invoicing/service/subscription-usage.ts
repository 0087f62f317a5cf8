import type { Price } from '#catalog/domain/price.ts';
import type { Period } from '#kernel/calendar/period.ts';
import { earlier, later } from '#kernel/calendar/period.ts';
import type { RequestContext } from '#kernel/context.ts';
import { type Decimal, sum } from '#kernel/decimal.ts';
import type { CommitmentCalculation } from '#charges/domain/calculation.ts';
import { chargeLines } from '../domain/charge-lines.ts';
import type { BillingDependencies } from './dependencies.ts';
import { askedPeriod, gatherBasis, readInputs } from './gather.ts';

/** Usage of one line item with what it costs so far. */
export interface UsageOfLine {
  readonly lineItemId: string;
  readonly meterId: string;
  readonly meterName: string;
  readonly price: Price;
  /** All usage, before the entitlement. */
  readonly quantity: Decimal;
  /** What it costs after the entitlement, rounded: what an invoice over the same time would bill. */
  readonly amount: Decimal;
  /** How a commitment divides the amount; null without one. */
  readonly commitment: CommitmentCalculation | null;
}

export interface SubscriptionUsage {
  readonly currency: string;
  readonly period: Period;
  readonly amount: Decimal;
  readonly lines: readonly UsageOfLine[];
  /** All events accepted up to here are counted; null while nothing is stored of the customer. */
  readonly watermark: Period['end'] | null;
}
export interface SubscriptionUsageRequest {
  readonly subscriptionId: string;
  readonly start: Period['start'] | null;
  readonly end: Period['end'] | null;
  readonly lifetime: boolean;
}

export type SubscriptionUsageService = (ctx: RequestContext, request: SubscriptionUsageRequest) => Promise<SubscriptionUsage>;

export function createSubscriptionUsageService(dependencies: BillingDependencies): SubscriptionUsageService {
  return (ctx, request) => subscriptionUsage(dependencies, ctx, request);
}

/**
 * Usage of a subscription and its cost (metering.md 5.6): the current billing period up to now unless told, its whole life with `lifetime`.
 * Made by the same functions as its invoices. Throws a validation error for a range that is empty or turned round.
 */
async function subscriptionUsage(
  dependencies: BillingDependencies,
  ctx: RequestContext,
  request: SubscriptionUsageRequest,
): Promise<SubscriptionUsage> {
  const { subscriptions, clock } = dependencies;
  const subscription = await subscriptions.get(ctx, request.subscriptionId);
  const start = request.start ?? (request.lifetime ? subscription.startDate : subscription.currentPeriodStart);
  const end = request.end ?? (request.lifetime ? later(subscription.currentPeriodEnd, clock.now()) : subscription.currentPeriodEnd);
  const period = askedPeriod(start, end, 'end_time');
  const gathered = await dependencies.database.withTenant(ctx, (tx) =>
    gatherBasis(dependencies, { ...ctx, transaction: tx }, { subscriptionId: subscription.id, referencePoint: 'cancel', period }),
  );
  const { basis, usage } = await readInputs(dependencies, ctx, gathered);
  const items = basis.items.filter(({ price }) => price.type === 'USAGE');
  const lines = chargeLines({ ...basis, items, usage, invoiced: [] }).map((line): UsageOfLine => {
    const billed = items.find(({ item }) => item.id === line.subscriptionLineItemId);
    if (!billed?.meter) throw new Error(`line item ${line.subscriptionLineItemId} has no meter`);
    return {
      lineItemId: billed.item.id,
      meterId: billed.meter.id,
      meterName: billed.meter.name,
      price: billed.price,
      quantity: line.calculation.quantityBeforeEntitlement,
      amount: line.amount,
      commitment: line.calculation.commitment,
    };
  });
  return {
    currency: subscription.currency,
    period,
    amount: sum(lines.map((line) => line.amount)),
    lines,
    watermark: earliest(usage.flatMap(({ whole }) => whole.watermark ?? [])),
  };
}

function earliest(times: readonly Period['end'][]): Period['end'] | null {
  return times.length === 0 ? null : times.reduce(earlier);
}
