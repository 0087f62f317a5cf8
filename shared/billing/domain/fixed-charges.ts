import type { DateTime } from 'luxon';
import type { Price } from '#catalog/domain/price.ts';
import { type PricedStep, type PricingTerms, priceQuantity } from '#catalog/domain/pricing.ts';
import { nextBillingDate, periodsFrom, previousBillingDate } from '#kernel/calendar/billing-dates.ts';
import { type BillingCycle, type BillingPeriod, clampPeriod, earlier, type Period, type RecurringPeriod } from '#kernel/calendar/period.ts';
import type { Decimal } from '#kernel/decimal.ts';
import { roundToCurrency } from '#kernel/money.ts';
import { hasOwnPeriods } from '#subscriptions/domain/line-item.ts';
import { knownEnd } from '#subscriptions/domain/periods.ts';
import { coverage, prorate, secondBasedShare, type Share } from './proration.ts';

/** Which charges an invoice holds (table of billing.md 3.6). */
export type ReferencePoint = 'period_start' | 'period_end' | 'cancel' | 'preview';

export type FixedPrice = PricingTerms & Pick<Price, 'id' | 'type' | 'currency'>;

/** A line item with the price it is charged at. `quantity` is in seats or units. */
export interface FixedItem {
  readonly id: string;
  readonly price: FixedPrice;
  readonly quantity: Decimal;
  readonly startDate: DateTime;
  readonly endDate: DateTime | null;
  readonly billingPeriod: BillingPeriod;
  readonly billingPeriodCount: number;
  readonly invoiceCadence: 'ADVANCE' | 'ARREAR';
}

export interface FixedChargesSubscription {
  readonly billingPeriod: RecurringPeriod;
  readonly billingPeriodCount: number;
  readonly anchor: DateTime;
  readonly timezone: string;
  readonly billingCycle: BillingCycle;
  readonly prorationBehavior: 'create_prorations' | 'none';
  readonly endDate: DateTime | null;
  readonly cancelAt: DateTime | null;
}

/** A fixed charge with all that explains it. `amount` is rounded to the price's currency, once. */
export interface FixedCharge {
  readonly lineItemId: string;
  readonly price: FixedPrice;
  readonly quantity: Decimal;
  readonly invoiceCadence: 'ADVANCE' | 'ARREAR';
  /** Service period of the line. A one-time charge without an end has start = end. */
  readonly period: Period;
  readonly amount: Decimal;
  readonly unroundedAmount: Decimal;
  readonly steps: readonly PricedStep[];
  readonly proration: { readonly numeratorSeconds: Decimal; readonly denominatorSeconds: Decimal } | null;
}

/**
 * The fixed charges of an invoice, in the order of `items` (billing.md 3.5 and 3.6).
 * `invoicePeriod` is the opening period for `period_start`, the closing one for `period_end` and `preview`, and for `cancel` the
 * billing period that is cut: a line that ends at the effective date owes its part of it.
 * Depends on its arguments only, never on when it runs.
 */
export function fixedChargesFor(input: {
  items: readonly FixedItem[];
  subscription: FixedChargesSubscription;
  invoicePeriod: Period;
  referencePoint: ReferencePoint;
}): FixedCharge[] {
  const { subscription, invoicePeriod, referencePoint } = input;
  const opening = referencePoint === 'period_start';
  const arrear = opening ? null : invoicePeriod;
  const advance = opening ? invoicePeriod : referencePoint === 'cancel' ? null : periodAfter(invoicePeriod, subscription);
  return input.items
    .filter((item) => item.price.type === 'FIXED')
    .flatMap((item) => {
      const window = item.invoiceCadence === 'ADVANCE' ? advance : arrear;
      return window === null ? [] : chargesOf(item, window, subscription, opening);
    });
}

/** The billing period that follows, cut at the known end. Null when the subscription is over by then (billing.md 3.6). */
function periodAfter(period: Period, subscription: FixedChargesSubscription): Period | null {
  const over = knownEnd(subscription);
  if (over !== null && period.end >= over) return null;
  const { anchor, billingPeriodCount, billingPeriod, timezone } = subscription;
  return { start: period.end, end: nextBillingDate(period.end, anchor, billingPeriodCount, billingPeriod, timezone, over) };
}

function chargesOf(item: FixedItem, window: Period, subscription: FixedChargesSubscription, opening: boolean): FixedCharge[] {
  const over = knownEnd(subscription);
  if (item.invoiceCadence === 'ADVANCE' && over !== null && window.start >= over) return [];
  if (item.billingPeriod === 'ONETIME') return onetimeCharges(item, window);
  if (hasOwnPeriods({ ...item, billingPeriod: item.billingPeriod }, subscription)) return ownPeriodCharges(item, window, subscription);
  const period = clampPeriod(item, window);
  if (period === null) return [];
  return [charge(item, period, partialShare(period, window) ?? openingShare(period, subscription, opening))];
}

/** One-time: in full, when its date falls into the window (ADVANCE: start counts; ARREAR: end counts). */
function onetimeCharges(item: FixedItem, window: Period): FixedCharge[] {
  if (!isDue(item.startDate, window, item.invoiceCadence)) return [];
  const start = item.startDate.toUTC();
  return [charge(item, { start, end: item.endDate?.toUTC() ?? start }, null)];
}

/**
 * A line with longer periods than the subscription's keeps its own, anchored at its start: ADVANCE is due where one begins,
 * ARREAR where one ends. Full amount, except for an ARREAR period that the end of line or subscription cuts: its part is owed.
 */
function ownPeriodCharges(item: FixedItem, window: Period, subscription: FixedChargesSubscription): FixedCharge[] {
  const charges: FixedCharge[] = [];
  const chain = {
    start: item.startDate,
    anchor: item.startDate,
    count: item.billingPeriodCount,
    period: item.billingPeriod,
    timezone: subscription.timezone,
  };
  const over = knownEnd(subscription);
  const lifetime = {
    startDate: item.startDate,
    endDate: item.endDate !== null && over !== null ? earlier(item.endDate, over) : (item.endDate ?? over),
  };
  for (const whole of periodsFrom(chain)) {
    const lived = clampPeriod(lifetime, whole);
    if (lived === null || toSecond(whole.start) > toSecond(window.end)) break;
    const due = item.invoiceCadence === 'ADVANCE' ? whole.start : lived.end;
    if (!isDue(due, window, item.invoiceCadence)) continue;
    charges.push(item.invoiceCadence === 'ADVANCE' ? charge(item, whole, null) : charge(item, lived, partialShare(lived, whole)));
  }
  return charges;
}

function charge(item: FixedItem, period: Period, share: Share | null): FixedCharge {
  const { amount: full, steps } = priceQuantity(item.price, item.quantity);
  const unroundedAmount = share === null ? full : prorate(full, share);
  return {
    lineItemId: item.id,
    price: item.price,
    quantity: item.quantity,
    invoiceCadence: item.invoiceCadence,
    period,
    amount: roundToCurrency(unroundedAmount, item.price.currency),
    unroundedAmount,
    steps,
    proration: share === null ? null : { numeratorSeconds: share.numerator, denominatorSeconds: share.denominator },
  };
}

function partialShare(part: Period, whole: Period): Share | null {
  return +part.start === +whole.start && +part.end === +whole.end ? null : coverage(part, whole);
}

/**
 * The short first period of a calendar subscription costs its share of a whole one (billing.md 4.7, opening proration):
 * what is left at the line's start of [anchor - 1 period, period end - 1 s]. With a count above 1 the whole period that ends with
 * the short one is meant, which is the same thing for a count of 1.
 */
function openingShare(period: Period, subscription: FixedChargesSubscription, opening: boolean): Share | null {
  if (!opening || subscription.billingCycle !== 'calendar' || subscription.prorationBehavior !== 'create_prorations') return null;
  const { anchor, billingPeriodCount, billingPeriod, timezone } = subscription;
  const start = previousBillingDate(period.end, anchor, billingPeriodCount, billingPeriod, timezone);
  // A start on the boundary itself has the whole period before it and nothing to prorate.
  if (+start === +period.start) return null;
  return secondBasedShare(period.start, { start, end: period.end.minus({ seconds: 1 }) });
}

/** ADVANCE is due in [start, end), ARREAR in (start, end], at second precision (billing.md 3.5). */
function isDue(date: DateTime, window: Period, cadence: 'ADVANCE' | 'ARREAR'): boolean {
  const [at, start, end] = [toSecond(date), toSecond(window.start), toSecond(window.end)];
  return cadence === 'ADVANCE' ? at >= start && at < end : at > start && at <= end;
}

function toSecond(date: DateTime): number {
  return Math.floor(date.toSeconds());
}
