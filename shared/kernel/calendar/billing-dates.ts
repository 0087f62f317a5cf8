import type { DateTime } from 'luxon';
import { invalid } from '#kernel/errors.ts';
import { type Civil, fromCivil, monthDay, toCivil } from './civil.ts';
import { type BillingCycle, type BillingPeriod, earlier, type Period, type RecurringPeriod } from './period.ts';

const MONTHS = { MONTHLY: 1, QUARTERLY: 3, HALF_YEARLY: 6 } as const;

/**
 * End of the billing period that starts at `start`, in UTC (table of billing.md 4.3).
 * `anchor` gives the boundary's weekday, day of month or date, and always the time of day; a start off the anchor has a short
 * first period. `count` >= 1 periods; `cap` (the subscription's end) is never passed.
 * Throws `validation_error` for a count below 1, an unknown zone, or ONETIME.
 */
export function nextBillingDate(
  start: DateTime,
  anchor: DateTime,
  count: number,
  period: BillingPeriod,
  timezone: string,
  cap?: DateTime | null,
): DateTime {
  assertCount(count);
  const next = boundary(toCivil(start, timezone), toCivil(anchor, timezone), count, recurring(period), 'forward');
  const date = fromCivil(next, timezone);
  return cap ? earlier(date, cap.toUTC()) : date;
}

/** Start of the period that ends at `date`: the inverse of `nextBillingDate` for dates on the anchor, in the same zone. */
export function previousBillingDate(date: DateTime, anchor: DateTime, count: number, period: BillingPeriod, timezone: string): DateTime {
  assertCount(count);
  return fromCivil(boundary(toCivil(date, timezone), toCivil(anchor, timezone), count, recurring(period), 'backward'), timezone);
}

/** First calendar boundary strictly after the start's day: next day, Monday, 1st, quarter, half-year or January 1, at local midnight. */
export function calendarAnchor(start: DateTime, period: BillingPeriod, timezone: string): DateTime {
  return fromCivil(nextCalendarBoundary(toCivil(start, timezone).startOf('day'), recurring(period)), timezone);
}

/** The anchor of a subscription: the explicit one, else the calendar's, else its start (billing.md 4.3). */
export function billingAnchor(input: {
  cycle: BillingCycle;
  explicit: DateTime | null;
  start: DateTime;
  period: BillingPeriod;
  timezone: string;
}): DateTime {
  if (input.explicit !== null) return input.explicit.toUTC();
  return input.cycle === 'calendar' ? calendarAnchor(input.start, input.period, input.timezone) : input.start.toUTC();
}

/** Where a chain of periods begins and how it goes on. */
export interface PeriodChain {
  readonly start: DateTime;
  readonly anchor: DateTime;
  readonly count: number;
  readonly period: BillingPeriod;
  readonly timezone: string;
  /** The subscription's end: the last period stops there, and none follows. */
  readonly cap?: DateTime | null;
}

/** The period that begins at the chain's start. */
export function firstPeriod(chain: PeriodChain): Period {
  return {
    start: chain.start.toUTC(),
    end: nextBillingDate(chain.start, chain.anchor, chain.count, chain.period, chain.timezone, chain.cap),
  };
}

/**
 * The billing period that begins at the boundary `start`, uncut: whatever ends it early, this is what its price is for. A start off the
 * anchor lies inside of it (calendar MONTHLY from March 16: March 1 to April 1), any other is its start.
 */
export function wholePeriod({ start, anchor, count, period, timezone }: Omit<PeriodChain, 'cap'>): Period {
  const end = nextBillingDate(start, anchor, count, period, timezone);
  const boundary = previousBillingDate(end, anchor, count, period, timezone);
  // An hour that the clocks show twice: the boundary is its first time, and a start in its second is no hour late.
  const isSameReading = +toCivil(boundary, timezone) === +toCivil(start, timezone);
  return { start: isSameReading ? start.toUTC() : earlier(boundary, start.toUTC()), end };
}

/** All periods of a chain, each beginning where the one before ended. Endless without a cap: take what you need. */
export function* periodsFrom(chain: PeriodChain): Generator<Period, void, undefined> {
  for (let period = firstPeriod(chain); period.start < period.end; period = firstPeriod({ ...chain, start: period.end })) yield period;
}

/** The periods of a chain that are complete at `now` (end <= now), oldest first. */
export function* periodsUntil(chain: PeriodChain & { readonly now: DateTime }): Generator<Period, void, undefined> {
  for (const period of periodsFrom(chain)) {
    if (period.end > chain.now) return;
    yield period;
  }
}

type Direction = 'forward' | 'backward';

function boundary(from: Civil, anchor: Civil, count: number, period: RecurringPeriod, direction: Direction): Civil {
  const steps = direction === 'forward' ? count : -count;
  switch (period) {
    case 'DAILY':
      return atTimeOf(anchor, from.plus({ days: steps }));
    case 'WEEKLY':
      return atTimeOf(anchor, from.plus({ days: daysToWeekday(from, anchor, steps) }));
    case 'MONTHLY':
      return atTimeOf(anchor, monthBoundary(from, anchor, steps));
    case 'QUARTERLY':
    case 'HALF_YEARLY':
      // A start before the anchor has one short period up to it, however far away the anchor lies.
      if (direction === 'forward' && from < anchor) return anchor;
      return atTimeOf(anchor, inMonth(from, MONTHS[period] * steps, anchor.day));
    case 'ANNUAL':
      return atTimeOf(anchor, yearBoundary(from, anchor, steps));
  }
}

/** On the anchor's weekday: whole weeks. Off it: to the nearest such day, which counts as the first of the weeks. */
function daysToWeekday(from: Civil, anchor: Civil, steps: number): number {
  const ahead = (anchor.weekday - from.weekday + 7) % 7;
  if (ahead === 0) return steps * 7;
  return steps > 0 ? ahead + (steps - 1) * 7 : ahead + steps * 7;
}

/** An anchor day still to come in the start's own month ends the first period there, whatever the count (a stub). */
function monthBoundary(from: Civil, anchor: Civil, steps: number): Civil {
  const own = inMonth(from, 0, anchor.day);
  const stub = steps > 0 ? from.day < own.day : from.day > own.day;
  return stub ? own : inMonth(from, steps, anchor.day);
}

function yearBoundary(from: Civil, anchor: Civil, steps: number): Civil {
  const own = inYear(from.year, anchor);
  const day = from.startOf('day');
  const stub = steps > 0 ? day < own : day > own;
  return stub ? own : inYear(from.year + steps, anchor);
}

function inMonth(from: Civil, months: number, day: number): Civil {
  return monthDay(from.startOf('month').plus({ months }), day);
}

function inYear(year: number, anchor: Civil): Civil {
  return monthDay(anchor.startOf('month').set({ year }), anchor.day);
}

function atTimeOf(anchor: Civil, date: Civil): Civil {
  return date.set({ hour: anchor.hour, minute: anchor.minute, second: anchor.second, millisecond: anchor.millisecond });
}

function nextCalendarBoundary(day: Civil, period: RecurringPeriod): Civil {
  switch (period) {
    case 'DAILY':
      return day.plus({ days: 1 });
    case 'WEEKLY':
      return day.plus({ days: 8 - day.weekday });
    case 'MONTHLY':
      return day.startOf('month').plus({ months: 1 });
    case 'QUARTERLY':
      return day.startOf('month').plus({ months: 3 - ((day.month - 1) % 3) });
    case 'HALF_YEARLY':
      return day.startOf('month').plus({ months: 6 - ((day.month - 1) % 6) });
    case 'ANNUAL':
      return day.startOf('year').plus({ years: 1 });
  }
}

function recurring(period: BillingPeriod): RecurringPeriod {
  if (period === 'ONETIME') throw invalid('billing_period', 'a one-time charge has no next billing date');
  return period;
}

function assertCount(count: number): void {
  if (!Number.isInteger(count) || count < 1) throw invalid('billing_period_count', 'must be a whole number of at least 1');
}
