import type { DateTime } from 'luxon';

/** Wire values; `ONETIME` has no next date. */
export type BillingPeriod = 'DAILY' | 'WEEKLY' | 'MONTHLY' | 'QUARTERLY' | 'HALF_YEARLY' | 'ANNUAL' | 'ONETIME';
export type RecurringPeriod = Exclude<BillingPeriod, 'ONETIME'>;
export type BillingCycle = 'anniversary' | 'calendar';

/** Half-open span of time [start, end), both in UTC. */
export interface Period {
  readonly start: DateTime;
  readonly end: DateTime;
}

/** What has a life of its own inside a billing period: a line item, a phase, a price. */
export interface Lifetime {
  readonly startDate: DateTime;
  readonly endDate: DateTime | null;
}

export const RECURRING_PERIODS: readonly RecurringPeriod[] = ['DAILY', 'WEEKLY', 'MONTHLY', 'QUARTERLY', 'HALF_YEARLY', 'ANNUAL'];

/** Orders periods by length, DAILY first (billing.md 3.5): negative when `a` is shorter. */
export function comparePeriods(a: RecurringPeriod, b: RecurringPeriod): number {
  return RECURRING_PERIODS.indexOf(a) - RECURRING_PERIODS.indexOf(b);
}

/** The part of `period` in which `item` lives: start = max, end = min (billing.md 2.2). Null when they do not overlap. */
export function clampPeriod(item: Lifetime, period: Period): Period | null {
  const start = later(item.startDate, period.start).toUTC();
  const end = (item.endDate === null ? period.end : earlier(item.endDate, period.end)).toUTC();
  return start < end ? { start, end } : null;
}

/** True when `instant` lies in [start, end). */
export function contains(period: Period, instant: DateTime): boolean {
  return instant >= period.start && instant < period.end;
}

/** Exact length of a period in seconds, with milliseconds as fraction. */
export function secondsOf(period: Period): number {
  return (period.end.toMillis() - period.start.toMillis()) / 1000;
}

export function earlier(a: DateTime, b: DateTime): DateTime {
  return a <= b ? a : b;
}

export function later(a: DateTime, b: DateTime): DateTime {
  return a >= b ? a : b;
}
