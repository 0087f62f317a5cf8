import type { DateTime } from 'luxon';
import type { InvoiceCadence, Price, PriceType } from '#catalog/domain/price.ts';
import { type BillingPeriod, comparePeriods, later, type RecurringPeriod } from '#kernel/calendar/period.ts';
import { type Decimal, ONE, ZERO } from '#kernel/decimal.ts';
import { invalid } from '#kernel/errors.ts';
import type { EntityColumns } from '#kernel/wire.ts';
import type { LineCommitment } from './commitment.ts';
import type { Subscription } from './subscription.ts';

/** One price that a subscription is charged at. It lives from `startDate` to `endDate` (null: open). */
export interface SubscriptionLineItem extends EntityColumns, LineCommitment {
  readonly subscriptionId: string;
  readonly customerId: string;
  readonly entityId: string;
  readonly entityType: 'plan' | 'addon' | 'subscription';
  readonly planDisplayName: string | null;
  readonly priceId: string;
  readonly priceType: PriceType;
  readonly meterId: string | null;
  readonly meterDisplayName: string | null;
  readonly priceUnit: string | null;
  readonly priceUnitId: string | null;
  readonly displayName: string;
  /** Seats or units of a fixed price; 0 for usage. */
  readonly quantity: Decimal;
  readonly currency: string;
  readonly billingPeriod: BillingPeriod;
  readonly billingPeriodCount: number;
  readonly invoiceCadence: InvoiceCadence;
  readonly startDate: DateTime;
  readonly endDate: DateTime | null;
  readonly metadata: Readonly<Record<string, string>>;
}

/** What a price and a subscription must agree on. */
type Rhythm = Pick<Subscription, 'currency' | 'billingPeriod' | 'billingPeriodCount'>;

const MONTHS: Readonly<Partial<Record<RecurringPeriod, number>>> = { MONTHLY: 1, QUARTERLY: 3, HALF_YEARLY: 6, ANNUAL: 12 };
const DAYS: Readonly<Partial<Record<RecurringPeriod, number>>> = { DAILY: 1, WEEKLY: 7 };

/**
 * Whether a plan's price takes part in a subscription (billing.md 4.1): the same currency, whatever its case, and a billing period
 * that is the subscription's own or a whole number of them, because such a line keeps periods of its own (3.5). One-time prices
 * always do. Months and weeks have no common measure: there any longer unit counts.
 */
export function isEligible(
  price: Pick<Price, 'currency' | 'billingPeriod' | 'billingPeriodCount'>,
  { currency, billingPeriod, billingPeriodCount }: Rhythm,
): boolean {
  if (price.currency.toLowerCase() !== currency.toLowerCase()) return false;
  if (price.billingPeriod === 'ONETIME') return true;
  const ratio = lengthRatio(price.billingPeriod, price.billingPeriodCount, billingPeriod, billingPeriodCount);
  return ratio === null ? comparePeriods(price.billingPeriod, billingPeriod) > 0 : Number.isInteger(ratio);
}

/**
 * The prices of a plan that a subscription takes, in their order: those that fit it and have not ended by when their line would begin.
 * Versions of a recurring price share the time between them; a one-time price is charged once, in its first version.
 */
export function takenPrices(prices: readonly Price[], subscription: Rhythm & Pick<Subscription, 'startDate'>): Price[] {
  const begins = (price: Price) => lineStart(subscription.startDate, price.startDate);
  const living = prices.filter((price) => isEligible(price, subscription) && (price.endDate === null || price.endDate > begins(price)));
  const isLaterVersion = (price: Price) =>
    price.billingPeriod === 'ONETIME' &&
    living.some((other) => (other.parentPriceId ?? other.id) === (price.parentPriceId ?? price.id) && begins(other) < begins(price));
  return living.filter((price) => !isLaterVersion(price));
}

/**
 * Whether a line's period is longer than the subscription's, so that the line keeps periods of its own (billing.md 3.5): by unit,
 * DAILY first, and by true length where a count makes a lesser unit the longer period (six months against a quarter).
 */
export function hasOwnPeriods(
  line: { readonly billingPeriod: RecurringPeriod; readonly billingPeriodCount: number },
  { billingPeriod, billingPeriodCount }: Omit<Rhythm, 'currency'>,
): boolean {
  const ratio = lengthRatio(line.billingPeriod, line.billingPeriodCount, billingPeriod, billingPeriodCount);
  return comparePeriods(line.billingPeriod, billingPeriod) > 0 || (ratio !== null && ratio > 1);
}

function lengthRatio(period: RecurringPeriod, count: number, base: RecurringPeriod, baseCount: number): number | null {
  for (const unit of [MONTHS, DAYS]) {
    const [length, baseLength] = [unit[period], unit[base]];
    if (length !== undefined && baseLength !== undefined) return (length * count) / (baseLength * baseCount);
  }
  return null;
}

/**
 * Seats of a new line: usage has none; 0 or nothing means the price's minimum, else one (billing.md 3.5).
 * Throws a validation error below the minimum, or for a quantity on a usage price.
 */
export function lineQuantity(price: Pick<Price, 'type' | 'minQuantity'>, asked: Decimal | null): Decimal {
  if (price.type === 'USAGE') {
    if (asked !== null && !asked.isZero()) throw invalid('override_line_items.quantity', 'a usage price has no quantity');
    return ZERO;
  }
  const least = price.minQuantity ?? ZERO;
  if (asked === null || asked.isZero()) return least.gt(0) ? least : ONE;
  if (asked.lt(least)) throw invalid('override_line_items.quantity', `must not be below the price's min_quantity of ${least.toFixed()}`);
  return asked;
}

/** A line begins with its subscription, or with its price when that comes later (billing.md 4.1). */
export function lineStart(subscriptionStart: DateTime, priceStart: DateTime | null): DateTime {
  return priceStart === null ? subscriptionStart : later(subscriptionStart, priceStart.toUTC());
}
