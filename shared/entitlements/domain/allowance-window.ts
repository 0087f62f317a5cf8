import type { DateTime } from 'luxon';
import { periodsFrom } from '#kernel/calendar/billing-dates.ts';
import { startOfLocalDay } from '#kernel/calendar/civil.ts';
import { monthSpan } from '#kernel/calendar/month-spans.ts';
import { clampPeriod, earlier, later, type Period, type RecurringPeriod } from '#kernel/calendar/period.ts';
import { nextWindowStart, windowStart } from '#kernel/calendar/windows.ts';
import type { SubscriptionLineItem } from '#subscriptions/domain/line-item.ts';
import { chainOf, currentPeriod, knownEnd, periodAt } from '#subscriptions/domain/periods.ts';
import type { Subscription } from '#subscriptions/domain/subscription.ts';
import type { ResetPeriod } from '#catalog/domain/entitlement.ts';

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

/** A line whose periods are longer than its subscription's (billing.md 3.5): an allowance of the billing period is about those. */
export interface OwnPeriods extends Pick<SubscriptionLineItem, 'startDate' | 'endDate' | 'billingPeriodCount'> {
  readonly billingPeriod: RecurringPeriod;
}

/** How one subscription counts a feature: by its own periods, or by those of the line that bills the meter where they are longer. */
export interface AllowanceRhythm {
  readonly subscription: WindowTerms;
  readonly line: OwnPeriods | null;
}

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
 * - No reset period, or the billing period's own: the billing period, by the clock, whether or not it has been closed already; of a
 *   line with periods of its own, its period.
 * - DAILY, WEEKLY: the local day, and the week from Monday.
 * - MONTHLY, QUARTERLY, HALF_YEARLY, ANNUAL: from the billing anchor on, also where the subscription bills by the calendar. The time of
 *   day is the anchor's, as of billing periods: one that began at midnight would cut each period that begins later on its day in two.
 * - NEVER: from the start of the subscription, or of the right where that is later, to the end of the billing period.
 *
 * `period` is the billing period that contains `now`, where somebody knows it already.
 *
 * Local means the time zone that the subscription took from its customer: the one of its invoices.
 */
export function allowanceWindow(
  { subscription, line }: AllowanceRhythm,
  reset: ResetPeriod | null,
  now: DateTime,
  rightStart: DateTime | null = null,
  period: Period = billingPeriodAt(subscription, now, line),
): AllowanceWindow {
  const { startDate, timezone, billingAnchor } = subscription;
  const { billingPeriod, billingPeriodCount } = line ?? subscription;
  if (reset === null || (reset === billingPeriod && billingPeriodCount === 1)) return resetting(period, startDate);
  switch (reset) {
    case 'DAILY':
      return resetting({ start: startOfLocalDay(now, timezone), end: startOfLocalDay(now, timezone, 1) }, startDate);
    case 'WEEKLY':
      return resetting({ start: windowStart(now, 'WEEK', timezone), end: nextWindowStart(now, 'WEEK', timezone) }, startDate);
    case 'MONTHLY':
      return resetting(monthSpan(now, 1, timezone, billingAnchor), startDate);
    case 'QUARTERLY':
      return resetting(monthSpan(now, 3, timezone, billingAnchor), startDate);
    case 'HALF_YEARLY':
      return resetting(monthSpan(now, 6, timezone, billingAnchor), startDate);
    case 'ANNUAL':
      return resetting(monthSpan(now, 12, timezone, billingAnchor), startDate);
    case 'NEVER': {
      const start = (rightStart === null ? startDate : later(startDate, rightStart)).toUTC();
      return { period: { start, end: later(start, period.end) }, nextReset: null };
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

/** The billing period that contains `now`, of the subscription or of a line with periods of its own. After the end: the last one. */
export function billingPeriodAt(subscription: WindowTerms, now: DateTime, line: OwnPeriods | null = null): Period {
  if (line !== null) return ownPeriodAt(line, subscription, now);
  let period = currentPeriod(subscription);
  if (now < period.start) return periodAt(subscription, now);
  if (now < period.end) return period;
  // The sweep has not closed it yet; the limit does not wait for it.
  for (period of periodsFrom(chainOf(subscription, period.end))) if (now < period.end) break;
  return period;
}

function ownPeriodAt(line: OwnPeriods, subscription: WindowTerms, now: DateTime): Period {
  const { startDate: start, billingPeriod, billingPeriodCount: count } = line;
  const ends = [line.endDate, knownEnd(subscription)].filter((end) => end !== null);
  const lifetime = { startDate: start, endDate: ends.length === 0 ? null : ends.reduce(earlier) };
  let period: Period | null = null;
  for (const whole of periodsFrom({ start, anchor: start, count, period: billingPeriod, timezone: subscription.timezone })) {
    const lived = clampPeriod(lifetime, whole);
    if (lived === null) break;
    period = lived;
    if (now < lived.end) break;
  }
  return period ?? { start: start.toUTC(), end: start.toUTC() };
}

function resetting(period: Period, startDate: DateTime): AllowanceWindow {
  return { period: { start: later(period.start, startDate).toUTC(), end: period.end }, nextReset: period.end };
}
