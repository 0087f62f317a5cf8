import type { DateTime } from 'luxon';
import { nextBillingDate, type PeriodChain, previousBillingDate, wholePeriod } from '#kernel/calendar/billing-dates.ts';
import { clampPeriod, earlier, later, type Period } from '#kernel/calendar/period.ts';
import { invalid } from '#kernel/errors.ts';
import type { Subscription } from './subscription.ts';

type Rhythm = Pick<Subscription, 'billingAnchor' | 'billingPeriod' | 'billingPeriodCount' | 'timezone'>;
type Ends = Pick<Subscription, 'endDate' | 'cancelAt'>;
/** What its billing periods and the lived parts of them follow from. */
export type Lived = Rhythm & Ends & Pick<Subscription, 'startDate' | 'currentPeriodStart'>;

/** When the subscription is known to be over: its end date or its scheduled cancellation, whichever comes first. */
export function knownEnd({ endDate, cancelAt }: Ends): DateTime | null {
  return endDate !== null && cancelAt !== null ? earlier(endDate, cancelAt) : (endDate ?? cancelAt);
}

/** The billing period that begins at `start`, cut at the known end (billing.md 4.3). */
export function periodFrom(subscription: Rhythm & Ends, start: DateTime): Period {
  const { billingAnchor, billingPeriodCount, billingPeriod, timezone } = subscription;
  return {
    start: start.toUTC(),
    end: nextBillingDate(start, billingAnchor, billingPeriodCount, billingPeriod, timezone, knownEnd(subscription)),
  };
}

/**
 * Throws a validation error that names `billing_anchor` when the first period would be longer than what one billing period pays for:
 * the anchor lies more than one period after the start, or its day or time of day comes too late.
 */
export function requireNearAnchor({ billingAnchor, billingPeriod, billingPeriodCount, timezone }: Rhythm, start: DateTime): void {
  const latest = nextBillingDate(start, start, billingPeriodCount, billingPeriod, timezone);
  const first = nextBillingDate(start, billingAnchor, billingPeriodCount, billingPeriod, timezone);
  if (billingAnchor > latest || first > latest)
    throw invalid('billing_anchor', `must not make the first period longer than one billing period, to ${latest.toISO()}`);
}

export function currentPeriod({
  currentPeriodStart,
  currentPeriodEnd,
}: Pick<Subscription, 'currentPeriodStart' | 'currentPeriodEnd'>): Period {
  return { start: currentPeriodStart, end: currentPeriodEnd };
}

/** What the period that has just closed means for the subscription (billing.md 4.4). */
export type RollOver = { readonly kind: 'next'; readonly period: Period } | { readonly kind: 'over'; readonly cancelledAt: DateTime };

/**
 * Looks at the closed period only: an end at or before its end makes it the last one; an end in a later period changes nothing yet.
 */
export function rollOver(subscription: Rhythm & Ends & Pick<Subscription, 'currentPeriodEnd'>): RollOver {
  const over = knownEnd(subscription);
  if (over !== null && over <= subscription.currentPeriodEnd) return { kind: 'over', cancelledAt: over };
  return { kind: 'next', period: periodFrom(subscription, subscription.currentPeriodEnd) };
}

/**
 * A billing period and the part of it that is billed. What a cut period costs is `lived` over `whole`, whatever cut it and however
 * often: no end of the subscription ever changes `whole`.
 */
export interface BillingSpan {
  readonly whole: Period;
  readonly lived: Period;
}

/** The span that begins at the boundary `start`, lived up to the known end; null when the subscription is over by then. */
export function spanFrom(subscription: Rhythm & Ends, start: DateTime): BillingSpan | null {
  const end = knownEnd(subscription);
  if (end !== null && start >= end) return null;
  const { billingAnchor: anchor, billingPeriodCount: count, billingPeriod: period, timezone } = subscription;
  const whole = wholePeriod({ start, anchor, count, period, timezone });
  return { whole, lived: { start: start.toUTC(), end: end === null ? whole.end : earlier(whole.end, end.toUTC()) } };
}

/** The billing periods that `range` touches, oldest first, each lived within the range and the subscription's life. */
export function spansWithin(subscription: Lived, range: Period): BillingSpan[] {
  const spans: BillingSpan[] = [];
  const asked = { startDate: later(range.start, subscription.startDate), endDate: range.end };
  let span = spanFrom(subscription, boundaryBefore(subscription, range.start));
  while (span !== null && span.lived.start < range.end) {
    const lived = clampPeriod(asked, span.lived);
    if (lived !== null) spans.push({ whole: span.whole, lived });
    span = spanFrom(subscription, span.whole.end);
  }
  return spans;
}

/** The billing period that contains `instant`, cut at the known end; the first one before the start, the last one after the end. */
export function periodAt(subscription: Lived, instant: DateTime): Period {
  const end = knownEnd(subscription);
  return periodFrom(subscription, boundaryBefore(subscription, end !== null && instant >= end ? end.minus({ milliseconds: 1 }) : instant));
}

/** Periods that are walked to where a range begins; one that begins further away from the current period is taken for a boundary. */
const MOST_STEPS = 1000;

/** The last boundary of the subscription's periods that is not after `instant`, and its first one for an instant before its start. */
function boundaryBefore(subscription: Lived, instant: DateTime): DateTime {
  const { billingAnchor, billingPeriodCount, billingPeriod, timezone, startDate } = subscription;
  if (instant <= startDate) return startDate;
  let start = subscription.currentPeriodStart;
  for (let steps = 0; steps < MOST_STEPS; steps += 1) {
    if (start > instant) {
      const before = previousBillingDate(start, billingAnchor, billingPeriodCount, billingPeriod, timezone);
      if (before <= startDate) return startDate;
      start = before;
    } else {
      const next = nextBillingDate(start, billingAnchor, billingPeriodCount, billingPeriod, timezone);
      if (next > instant) return start;
      start = next;
    }
  }
  return instant;
}

/** The subscription's periods as a chain from `start`, capped at the known end. */
export function chainOf(subscription: Rhythm & Ends, start: DateTime): PeriodChain {
  const { billingAnchor: anchor, billingPeriodCount: count, billingPeriod: period, timezone } = subscription;
  return { start, anchor, count, period, timezone, cap: knownEnd(subscription) };
}
