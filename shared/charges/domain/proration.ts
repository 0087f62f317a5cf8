import type { DateTime } from 'luxon';
import { calendarDaysBetween } from '#kernel/calendar/civil.ts';
import type { Period } from '#kernel/calendar/period.ts';
import { Decimal, divide } from '#kernel/decimal.ts';

/** A share of a period as a fraction of whole numbers (seconds or days), so that money is divided last and only once. */
export interface Share {
  readonly numerator: Decimal;
  readonly denominator: Decimal;
}

/**
 * Share of [start, end] that is left at `date`, by time: (end - date) / (end - start), within 0 and 1 of what the period holds
 * (billing.md 4.7). Subscription operations pass the period's end less one second.
 */
export function secondBasedShare(date: DateTime, period: Period): Share {
  return { numerator: Decimal.max(seconds(date, period.end), 0), denominator: positive(seconds(period.start, period.end)) };
}

/** Share of [start, end] that is left at `date`, in calendar days of the zone, both ends counted (billing.md 4.7). */
export function dayBasedShare(date: DateTime, period: Period, timezone: string): Share {
  return {
    numerator: new Decimal(Math.max(calendarDaysBetween(date, period.end, timezone) + 1, 0)),
    denominator: positive(new Decimal(calendarDaysBetween(period.start, period.end, timezone) + 1)),
  };
}

/** The share of `whole` that `part`, which lies inside it, covers. */
export function coverage(part: Period, whole: Period): Share {
  return { numerator: seconds(part.start, part.end), denominator: positive(seconds(whole.start, whole.end)) };
}

/** The coefficient c of a share, with 16 digits. */
export function coefficient(share: Share): Decimal {
  return divide(share.numerator, share.denominator);
}

/** `amount` x share, multiplied before it is divided, with 16 digits. */
export function prorate(amount: Decimal, share: Share): Decimal {
  return divide(amount.times(share.numerator), share.denominator);
}

function seconds(from: DateTime, to: DateTime): Decimal {
  return new Decimal(to.toMillis() - from.toMillis()).div(1000);
}

function positive(length: Decimal): Decimal {
  if (length.lte(0)) throw new RangeError('a share needs a period of some length');
  return length;
}
