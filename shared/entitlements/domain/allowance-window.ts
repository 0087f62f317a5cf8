import type { DateTime } from 'luxon';
import { calendarAnchor, periodsFrom } from '#kernel/calendar/billing-dates.ts';
import { startOfLocalDay, toCivil } from '#kernel/calendar/civil.ts';
import { monthSpan } from '#kernel/calendar/month-spans.ts';
import { earlier, later, type Period } from '#kernel/calendar/period.ts';
import { nextWindowStart, windowStart } from '#kernel/calendar/windows.ts';
import { chainOf, currentPeriod } from '#subscriptions/domain/periods.ts';
import type { Subscription } from '#subscriptions/domain/subscription.ts';
import type { ResetPeriod } from './entitlement.ts';

/** What of a subscription decides its windows. */
export type WindowTerms = Pick<
  Subscription,
  | 'billingCycle'
  | 'billingAnchor'
  | 'billingPeriod'
  | 'billingPeriodCount'
  | 'timezone'
  | 'startDate'
  | 'endDate'
  | 'cancelAt'
  | 'currentPeriodStart'
  | 'currentPeriodEnd'
>;

/** The time whose usage is held against a limit. */
export interface AllowanceWindow {
  readonly period: Period;
  /** When the count begins anew; null: never. */
  readonly nextReset: DateTime | null;
}

/**
 * The window of a limit that contains `now` (table of metering.md section 8, L1). It never begins before the subscription does:
 * what was used earlier was not used from its allowance, and no invoice of it counts that.
 *
 * - No reset period, or the billing period's own: the billing period, by the clock, whether or not it has been closed already.
 * - DAILY, WEEKLY: the local day, and the week from Monday. MONTHLY: from the day of the billing anchor, as invoices cut it.
 * - QUARTERLY, HALF_YEARLY, ANNUAL: on the anchor, or on the calendar's own boundaries where the subscription bills by the calendar.
 * - NEVER: from the start of the subscription, or of the right where that is later, to the end of the billing period.
 *
 * Local means the time zone that the subscription took from its customer: the one of its invoices.
 */
export function allowanceWindow(
  subscription: WindowTerms,
  reset: ResetPeriod | null,
  now: DateTime,
  rightStart: DateTime | null = null,
): AllowanceWindow {
  const { startDate, timezone, billingAnchor } = subscription;
  if (reset === null || (reset === subscription.billingPeriod && subscription.billingPeriodCount === 1))
    return resetting(billingPeriodAt(subscription, now), startDate);
  switch (reset) {
    case 'DAILY':
      return resetting({ start: startOfLocalDay(now, timezone), end: startOfLocalDay(now, timezone, 1) }, startDate);
    case 'WEEKLY':
      return resetting({ start: windowStart(now, 'WEEK', timezone), end: nextWindowStart(now, 'WEEK', timezone) }, startDate);
    case 'MONTHLY':
      return resetting(
        { start: windowStart(now, 'MONTH', timezone, billingAnchor), end: nextWindowStart(now, 'MONTH', timezone, billingAnchor) },
        startDate,
      );
    case 'QUARTERLY':
      return resetting(monthSpan(now, 3, timezone, spanAnchor(subscription)), startDate);
    case 'HALF_YEARLY':
      return resetting(monthSpan(now, 6, timezone, spanAnchor(subscription)), startDate);
    case 'ANNUAL':
      return resetting(monthSpan(now, 12, timezone, spanAnchor(subscription)), startDate);
    case 'NEVER': {
      const start = (rightStart === null ? startDate : later(startDate, rightStart)).toUTC();
      return { period: { start, end: later(start, billingPeriodAt(subscription, now).end) }, nextReset: null };
    }
  }
}

/**
 * One window for a limit that several subscriptions give together: from the earliest start to the last end, so that an event is
 * counted once however many of them it lies in (metering.md N13). All windows contain the same moment, hence there is no gap.
 * The count changes with the first of them that resets.
 */
export function combinedWindow(windows: readonly [AllowanceWindow, ...AllowanceWindow[]]): AllowanceWindow {
  const periods = windows.map(({ period }) => period);
  const resets = windows.map(({ nextReset }) => nextReset).filter((reset) => reset !== null);
  return {
    period: { start: periods.map(({ start }) => start).reduce(earlier), end: periods.map(({ end }) => end).reduce(later) },
    nextReset: resets.length === 0 ? null : resets.reduce(earlier),
  };
}

/** The billing period that contains `now`. After the subscription's end: its last one. */
export function billingPeriodAt(subscription: WindowTerms, now: DateTime): Period {
  let period = currentPeriod(subscription);
  if (now < period.end) return period;
  // The sweep has not closed it yet; the limit does not wait for it.
  for (period of periodsFrom(chainOf(subscription, period.end))) if (now < period.end) break;
  return period;
}

function resetting(period: Period, startDate: DateTime): AllowanceWindow {
  return { period: { start: later(period.start, startDate).toUTC(), end: period.end }, nextReset: period.end };
}

/** Calendar quarters and years for a subscription whose own periods are the calendar's; the anchor of any other. */
function spanAnchor({ billingCycle, billingAnchor, billingPeriod, startDate, timezone }: WindowTerms): DateTime {
  const isCalendar =
    billingCycle === 'calendar' && billingAnchor.toMillis() === calendarAnchor(startDate, billingPeriod, timezone).toMillis();
  if (!isCalendar) return billingAnchor;
  return startOfLocalDay(billingAnchor, timezone, 1 - toCivil(billingAnchor, timezone).ordinal);
}
