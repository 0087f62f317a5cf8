import type { DateTime } from 'luxon';
import { nextBillingDate, type PeriodChain } from '#kernel/calendar/billing-dates.ts';
import { earlier, type Period } from '#kernel/calendar/period.ts';
import type { Subscription } from './subscription.ts';

type Rhythm = Pick<Subscription, 'billingAnchor' | 'billingPeriod' | 'billingPeriodCount' | 'timezone'>;
type Ends = Pick<Subscription, 'endDate' | 'cancelAt'>;

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

/** The subscription's periods as a chain from `start`, capped at the known end. */
export function chainOf(subscription: Rhythm & Ends, start: DateTime): PeriodChain {
  const { billingAnchor: anchor, billingPeriodCount: count, billingPeriod: period, timezone } = subscription;
  return { start, anchor, count, period, timezone, cap: knownEnd(subscription) };
}
