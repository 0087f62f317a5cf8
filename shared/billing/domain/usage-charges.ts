import type { DateTime } from 'luxon';
import { type PricedStep, priceBuckets, priceQuantity } from '#catalog/domain/pricing.ts';
import { billableQuantity, type EntitlementWindows, entitlementWindows } from '#entitlements/domain/billable.ts';
import { countsIn } from '#entitlements/domain/entitlement.ts';
import { mergeEntitlements } from '#entitlements/domain/merge.ts';
import { periodsFrom } from '#kernel/calendar/billing-dates.ts';
import { clampPeriod, earlier, type Period } from '#kernel/calendar/period.ts';
import { type Decimal, ZERO } from '#kernel/decimal.ts';
import { isCommitted } from '#subscriptions/domain/commitment.ts';
import { hasOwnPeriods } from '#subscriptions/domain/line-item.ts';
import { knownEnd } from '#subscriptions/domain/periods.ts';
import type { Subscription } from '#subscriptions/domain/subscription.ts';
import { type AppliedCommitment, applyCommitment } from './committed-usage.ts';
import type { BilledItem, InvoiceBasis, UsageAnswer, UsageQuestion } from './inputs.ts';

/** A usage charge before rounding. */
export interface UsageCharge {
  readonly quantityBeforeEntitlement: Decimal;
  readonly quantity: Decimal;
  readonly unroundedAmount: Decimal;
  readonly steps: readonly PricedStep[];
  /** What was allowed, and how that was applied; null without an entitlement in the period. */
  readonly allowance: { readonly entitlement: Allowance; readonly rule: EntitlementWindows['rule'] } | null;
  /** How a commitment changed the amount; null without one. */
  readonly commitment: AppliedCommitment['commitment'] | null;
}

type Allowance = NonNullable<BilledItem['entitlement']>;

/** Aggregations whose totals can be subtracted from each other (billing.md 3.7). */
const ADDITIVE: readonly string[] = ['COUNT', 'SUM', 'SUM_WITH_MULTIPLIER'];

/**
 * What has to be read from the usage store for an invoice: nothing for an opening one, because usage is billed in arrear only
 * and when its period has closed (billing.md 3.6). A line with longer periods than the subscription's is billed where one ends.
 */
export function usageQuestions(basis: Omit<InvoiceBasis, 'invoiced' | 'asOf'>): UsageQuestion[] {
  if (basis.referencePoint === 'period_start') return [];
  return basis.items
    .filter(isUsage)
    .flatMap((billed) => servicePeriods(billed, basis).map((period) => questionOf(billed, period, basis.subscription)));
}

function isUsage({ item, price }: BilledItem): boolean {
  return price.type === 'USAGE' && item.invoiceCadence === 'ARREAR';
}

function questionOf(billed: BilledItem, period: Period, subscription: Subscription): UsageQuestion {
  const { item, meter } = billed;
  const entitlement = allowanceIn(billed, period);
  const { windows } = windowsOf(billed, entitlement, period, subscription);
  const reset = windows.length > 1 ? entitlement?.usageResetPeriod : null;
  return {
    lineItemId: item.id,
    meterId: item.meterId ?? '',
    period,
    windows,
    cut: reset === 'DAILY' ? 'DAY' : reset === 'MONTHLY' ? 'MONTH' : null,
    buckets: meter?.aggregation.bucketSize != null && entitlement === null,
    committedWindows: isCommitted(item) && item.commitmentWindowed,
  };
}

/** What is allowed in a period: the enabled sources that count in it. The limit is taken from the sum of buckets (billing.md 3.7). */
function allowanceIn({ entitlement }: BilledItem, period: Period): Allowance | null {
  if (entitlement === null) return null;
  const sources = entitlement.sources.filter((source) => countsIn(source, period));
  const merged = sources.length === entitlement.sources.length ? entitlement : mergeEntitlements(sources)[0];
  return merged?.isEnabled ? merged : null;
}

function windowsOf(
  { item, meter }: BilledItem,
  entitlement: Allowance | null,
  period: Period,
  subscription: Subscription,
): EntitlementWindows {
  if (entitlement === null || item.billingPeriod === 'ONETIME') return { rule: 'whole_period', windows: [period] };
  return entitlementWindows({
    reset: entitlement.usageResetPeriod,
    period,
    timezone: subscription.timezone,
    anchor: subscription.billingAnchor,
    billingPeriod: item.billingPeriod,
    billingPeriodCount: item.billingPeriodCount,
    additive: ADDITIVE.includes(meter?.aggregation.type ?? ''),
    subscriptionStart: subscription.startDate,
    entitlementStart: entitlementStart(entitlement.sources),
  });
}

/** A lifetime allowance counts from when the first of its sources began; an open start is the subscription's. */
function entitlementStart(sources: readonly { readonly startDate: DateTime | null }[]): DateTime | null {
  const starts = sources.map((source) => source.startDate).filter((start) => start !== null);
  return starts.length === 0 || starts.length < sources.length ? null : starts.reduce(earlier);
}

/** Prices the usage of one service period, exactly: after its entitlement, and with what was committed to (billing.md 3.3, 3.7 and 3.8). */
export function usageCharge(
  billed: BilledItem,
  answer: UsageAnswer,
  { subscription, asOf }: Pick<InvoiceBasis, 'subscription' | 'asOf'>,
): UsageCharge {
  const charge = billableCharge(billed, answer, subscription);
  const applied = applyCommitment(billed, charge, answer, { timezone: subscription.timezone, asOf });
  return applied === null ? { ...charge, commitment: null } : { ...charge, ...applied };
}

function billableCharge(billed: BilledItem, answer: UsageAnswer, subscription: Subscription): Omit<UsageCharge, 'commitment'> {
  const before = answer.whole.value;
  const entitlement = allowanceIn(billed, answer.period);
  if (entitlement === null) {
    if (answer.buckets !== null) {
      const { amount, quantity, buckets } = priceBuckets(billed.price, answer.buckets);
      return {
        quantityBeforeEntitlement: before,
        quantity,
        unroundedAmount: amount,
        steps: buckets.flatMap((bucket) => bucket.steps),
        allowance: null,
      };
    }
    return { quantityBeforeEntitlement: before, quantity: before, ...priced(billed, before), allowance: null };
  }
  const { rule } = windowsOf(billed, entitlement, answer.period, subscription);
  const quantity = billableQuantity({ entitlement, rule, usages: answer.readings.map((reading) => reading.value) });
  return { quantityBeforeEntitlement: before, quantity, ...priced(billed, quantity), allowance: { entitlement, rule } };
}

function priced(billed: BilledItem, quantity: Decimal): Pick<UsageCharge, 'unroundedAmount' | 'steps'> {
  const { amount, steps } = priceQuantity(billed.price, quantity.isNegative() ? ZERO : quantity);
  return { unroundedAmount: amount, steps };
}

/** The spans whose usage the invoice bills for a line: its share of the invoice's period, or its own longer periods that end in it. */
function servicePeriods({ item }: BilledItem, { subscription, period, referencePoint }: Omit<InvoiceBasis, 'invoiced' | 'asOf'>): Period[] {
  const { billingPeriod } = item;
  if (billingPeriod === 'ONETIME' || !hasOwnPeriods({ ...item, billingPeriod }, subscription)) {
    const part = clampPeriod(item, period);
    return part === null ? [] : [part];
  }
  const over = knownEnd(subscription);
  const end = item.endDate !== null && over !== null ? earlier(item.endDate, over) : (item.endDate ?? over);
  const cap = referencePoint === 'cancel' ? earlier(end ?? period.end, period.end) : end;
  const own: Period[] = [];
  for (const whole of periodsFrom({
    start: item.startDate,
    anchor: item.startDate,
    count: item.billingPeriodCount,
    period: billingPeriod,
    timezone: subscription.timezone,
    cap,
  })) {
    if (whole.end > period.end) break;
    if (whole.end > period.start) own.push(whole);
  }
  return own;
}
