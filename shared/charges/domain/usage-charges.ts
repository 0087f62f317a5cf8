import { type PricedStep, priceBuckets, priceQuantity, summedSteps } from './pricing.ts';
import type { AllowanceRule } from '#entitlements/domain/allowance.ts';
import { periodsFrom } from '#kernel/calendar/billing-dates.ts';
import { clampPeriod, earlier } from '#kernel/calendar/period.ts';
import { type Decimal, ZERO } from '#kernel/decimal.ts';
import { isCommitted } from '#subscriptions/domain/commitment.ts';
import { hasOwnPeriods } from '#subscriptions/domain/line-item.ts';
import { type BillingSpan, knownEnd, spansWithin } from '#subscriptions/domain/periods.ts';
import { type AppliedCommitment, applyCommitment } from './committed-usage.ts';
import type { BilledItem, InvoiceBasis, UsageAnswer, UsageQuestion } from './inputs.ts';
import { type AllowancePlan, allowancePlan, applyAllowance, type CountedPiece, freeUsage } from './usage-allowance.ts';

/** A usage charge before rounding. */
export interface UsageCharge {
  readonly quantityBeforeEntitlement: Decimal;
  readonly quantity: Decimal;
  readonly unroundedAmount: Decimal;
  readonly steps: readonly PricedStep[];
  /** What was allowed, and how that was applied; null without an entitlement in the period. */
  readonly allowance: { readonly rule: AllowanceRule; readonly pieces: readonly CountedPiece[] } | null;
  /** How a commitment changed the amount; null without one. */
  readonly commitment: AppliedCommitment['commitment'] | null;
}

type Basis = Omit<InvoiceBasis, 'invoiced' | 'asOf'>;

/**
 * What has to be read from the usage store for an invoice: nothing for an opening one, because usage is billed in arrear only
 * and when its period has closed (billing.md 3.6). A line with longer periods than the subscription's is billed where one ends.
 */
export function usageQuestions(basis: Basis): UsageQuestion[] {
  if (basis.referencePoint === 'period_start') return [];
  return basis.items.filter(isUsage).flatMap((billed) => servicePeriods(billed, basis).map((span) => questionOf(billed, span, basis)));
}

/** In arrear, whatever an old price says: usage is known when its period is over. */
function isUsage({ price }: BilledItem): boolean {
  return price.type === 'USAGE';
}

function questionOf(billed: BilledItem, { whole, lived: period }: BillingSpan, { subscription, items }: Basis): UsageQuestion {
  const { item, meter } = billed;
  const { pieces, ranges, isEntitled } = allowancePlan(billed, period, subscription, items);
  return {
    lineItemId: item.id,
    meterId: item.meterId ?? '',
    period,
    whole,
    windows: ranges,
    byDay: meter?.aggregation.type !== 'WEIGHTED_SUM' && areDays(pieces),
    buckets: meter?.aggregation.bucketSize != null && !isEntitled,
    committedWindows: isCommitted(item) && item.commitmentWindowed,
  };
}

/** Whether each piece is a local day of its own. A weighted sum is still asked day by day: cut by the day, it weighs to the range's end. */
function areDays(pieces: AllowancePlan['pieces']): boolean {
  if (pieces.length < 2 || new Set(pieces.map(({ since }) => since.toMillis())).size < pieces.length) return false;
  return pieces.every(({ entitlement, taken }) => taken.length === 0 && entitlement?.usageResetPeriod === 'DAILY');
}

/** Prices the usage of one service period, exactly: after its entitlement, and with what was committed to (billing.md 3.3, 3.7 and 3.8). */
export function usageCharge(
  billed: BilledItem,
  { whole }: Pick<UsageQuestion, 'whole'>,
  answer: UsageAnswer,
  { subscription, items, asOf }: Pick<InvoiceBasis, 'subscription' | 'items' | 'asOf'>,
): UsageCharge {
  const charge = billableCharge(billed, answer, allowancePlan(billed, answer.period, subscription, items));
  const applied = applyCommitment(billed, { ...charge, free: charge.allowance === null ? [] : freeUsage(charge.allowance) }, answer, {
    whole,
    timezone: subscription.timezone,
    asOf,
  });
  return applied === null ? { ...charge, commitment: null } : { ...charge, ...applied };
}

function billableCharge(billed: BilledItem, answer: UsageAnswer, plan: AllowancePlan): Omit<UsageCharge, 'commitment'> {
  const before = answer.whole.value;
  if (plan.isEntitled) {
    const { quantity, pieces } = applyAllowance(plan, answer.readings);
    return { quantityBeforeEntitlement: before, quantity, ...priced(billed, quantity), allowance: { rule: plan.rule, pieces } };
  }
  if (answer.buckets === null) return { quantityBeforeEntitlement: before, quantity: before, ...priced(billed, before), allowance: null };
  const { amount, quantity, buckets } = priceBuckets(billed.price, answer.buckets);
  return {
    quantityBeforeEntitlement: before,
    quantity,
    unroundedAmount: amount,
    steps: summedSteps(buckets.flatMap((bucket) => bucket.steps)),
    allowance: null,
  };
}

function priced(billed: BilledItem, quantity: Decimal): Pick<UsageCharge, 'unroundedAmount' | 'steps'> {
  const { amount, steps } = priceQuantity(billed.price, quantity.isNegative() ? ZERO : quantity);
  return { unroundedAmount: amount, steps };
}

/** The spans whose usage the invoice bills for a line: its share of the invoice's period, or its own longer periods that end in it. */
function servicePeriods({ item }: BilledItem, basis: Basis): BillingSpan[] {
  const { subscription, period, referencePoint } = basis;
  const { billingPeriod } = item;
  if (billingPeriod === 'ONETIME' || !hasOwnPeriods({ ...item, billingPeriod }, subscription)) {
    const lived = clampPeriod(item, period);
    const spans = spansWithin(subscription, period);
    // Somebody may ask about several billing periods at once, or about a time outside of all.
    const whole = { start: spans[0]?.whole.start ?? period.start, end: spans.at(-1)?.whole.end ?? period.end };
    return lived === null ? [] : [{ whole, lived }];
  }
  const end = knownEnd(subscription);
  const over = item.endDate !== null && end !== null ? earlier(item.endDate, end) : (item.endDate ?? end);
  const cap = referencePoint === 'cancel' ? earlier(over ?? period.end, period.end) : over;
  const own: BillingSpan[] = [];
  for (const whole of periodsFrom({
    start: item.startDate,
    anchor: item.startDate,
    count: item.billingPeriodCount,
    period: billingPeriod,
    timezone: subscription.timezone,
  })) {
    const lived = clampPeriod({ startDate: item.startDate, endDate: cap }, whole);
    if (lived === null || lived.end > period.end) break;
    if (lived.end > period.start) own.push({ whole, lived });
  }
  return own;
}
