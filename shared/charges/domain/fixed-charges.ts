import type { DateTime } from 'luxon';
import type { Price } from '#catalog/domain/price.ts';
import { type PricedStep, type PricingTerms, priceQuantity } from './pricing.ts';
import { periodsFrom } from '#kernel/calendar/billing-dates.ts';
import { type BillingPeriod, clampPeriod, earlier, type Period } from '#kernel/calendar/period.ts';
import type { Decimal } from '#kernel/decimal.ts';
import { roundToCurrency } from '#kernel/money.ts';
import { hasOwnPeriods } from '#subscriptions/domain/line-item.ts';
import { type BillingSpan, knownEnd, type Lived, spanFrom, spansWithin } from '#subscriptions/domain/periods.ts';
import type { Subscription } from '#subscriptions/domain/subscription.ts';
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

export type FixedChargesSubscription = Lived & Pick<Subscription, 'prorationBehavior'>;

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
 * `period` is what the invoice is about: the opening period for `period_start`, the closing one for `period_end` and `preview`, up to
 * the effective date for `cancel`. Whether something cut it follows from the subscription's rhythm, so that nobody can forget to say.
 * Depends on its arguments only, never on when it runs.
 */
export function fixedChargesFor(input: {
  items: readonly FixedItem[];
  subscription: FixedChargesSubscription;
  period: Period;
  referencePoint: ReferencePoint;
}): FixedCharge[] {
  const { subscription, period, referencePoint } = input;
  const opening = referencePoint === 'period_start';
  const spans = spansWithin(subscription, period);
  const last = spans.at(-1);
  const next = last === undefined || referencePoint === 'cancel' ? null : spanFrom(subscription, last.whole.end);
  const advance = { spans: opening ? spans : next === null ? [] : [next], subscription, opening };
  const arrear = { spans: opening ? [] : spans, subscription, opening };
  return input.items
    .filter((item) => item.price.type === 'FIXED')
    .flatMap((item) => chargesOf(item, item.invoiceCadence === 'ADVANCE' ? advance : arrear));
}

/** The billing periods that an invoice charges a cadence for, oldest first and without a gap. */
interface Charged {
  readonly spans: readonly BillingSpan[];
  readonly subscription: FixedChargesSubscription;
  readonly opening: boolean;
}

function chargesOf(item: FixedItem, charged: Charged): FixedCharge[] {
  const { spans, subscription } = charged;
  const [first, last] = [spans[0], spans.at(-1)];
  if (first === undefined || last === undefined) return [];
  const window = { start: first.lived.start, end: last.lived.end };
  if (item.billingPeriod === 'ONETIME') return onetimeCharges(item, window);
  if (hasOwnPeriods({ ...item, billingPeriod: item.billingPeriod }, subscription)) return ownPeriodCharges(item, window, charged);
  return spans.flatMap((span) => {
    const part = clampPeriod(item, span.lived);
    return part === null
      ? []
      : [charge(item, part, item.invoiceCadence === 'ARREAR' ? coverage(part, span.whole) : advanceShare(item, part, span, charged))];
  });
}

/**
 * What a fee in advance owes of its period. Without prorations a start or an end of the subscription inside of the period costs
 * nothing less: only the time before the line's own start and after its own end is left out. With them it is the time lived, and at the
 * opening the coefficient of billing.md 4.7, which counts one second less.
 */
function advanceShare(item: FixedItem, part: Period, { whole, lived }: BillingSpan, { subscription, opening }: Charged): Share {
  if (subscription.prorationBehavior === 'none') {
    const start = item.startDate > lived.start ? part.start : whole.start;
    return coverage({ start, end: part.end < lived.end ? part.end : whole.end }, whole);
  }
  const isStub = opening && +part.start > +whole.start && +part.start === +lived.start && +part.end === +whole.end;
  return isStub ? secondBasedShare(part.start, { start: whole.start, end: whole.end.minus({ seconds: 1 }) }) : coverage(part, whole);
}

/** One-time: in full, when its date falls into the window (ADVANCE: start counts; ARREAR: end counts). */
function onetimeCharges(item: FixedItem, window: Period): FixedCharge[] {
  if (!isDue(item.startDate, window, item.invoiceCadence)) return [];
  const start = item.startDate.toUTC();
  return [charge(item, { start, end: item.endDate?.toUTC() ?? start }, null)];
}

/**
 * A line with longer periods than the subscription's keeps its own, anchored at its start: ADVANCE is due where one begins, ARREAR
 * where one ends. What an end of line or subscription cuts costs its share: always in arrear, and in advance with prorations.
 */
function ownPeriodCharges(item: FixedItem, window: Period, { subscription }: Charged): FixedCharge[] {
  const end = knownEnd(subscription);
  const charges: FixedCharge[] = [];
  const { startDate: start, billingPeriodCount: count, billingPeriod: period } = item;
  const lifetime = {
    startDate: start,
    endDate: item.endDate !== null && end !== null ? earlier(item.endDate, end) : (item.endDate ?? end),
  };
  for (const whole of periodsFrom({ start, anchor: start, count, period, timezone: subscription.timezone })) {
    const lived = clampPeriod(lifetime, whole);
    if (lived === null || toSecond(whole.start) > toSecond(window.end)) break;
    const isAdvance = item.invoiceCadence === 'ADVANCE';
    if (!isDue(isAdvance ? whole.start : lived.end, window, item.invoiceCadence)) continue;
    const part = isAdvance && subscription.prorationBehavior === 'none' ? whole : lived;
    charges.push(charge(item, part, coverage(part, whole)));
  }
  return charges;
}

/** `share` of the price's full amount; null, or all of it: the full amount. */
function charge(item: FixedItem, period: Period, share: Share | null): FixedCharge {
  const { amount: full, steps } = priceQuantity(item.price, item.quantity);
  const part = share === null || share.numerator.eq(share.denominator) ? null : share;
  const unroundedAmount = part === null ? full : prorate(full, part);
  return {
    lineItemId: item.id,
    price: item.price,
    quantity: item.quantity,
    invoiceCadence: item.invoiceCadence,
    period,
    amount: roundToCurrency(unroundedAmount, item.price.currency),
    unroundedAmount,
    steps,
    proration: part && { numeratorSeconds: part.numerator, denominatorSeconds: part.denominator },
  };
}

/** ADVANCE is due in [start, end), ARREAR in (start, end], at second precision (billing.md 3.5). */
function isDue(date: DateTime, window: Period, cadence: 'ADVANCE' | 'ARREAR'): boolean {
  const [at, start, end] = [toSecond(date), toSecond(window.start), toSecond(window.end)];
  return cadence === 'ADVANCE' ? at >= start && at < end : at > start && at <= end;
}

function toSecond(date: DateTime): number {
  return Math.floor(date.toSeconds());
}
