import type { DateTime } from 'luxon';
import type { Feature } from '#catalog/domain/feature.ts';
import type { Price } from '#catalog/domain/price.ts';
import { clampPeriod, earlier, type Period } from '#kernel/calendar/period.ts';
import { longerWindow, type WindowSize } from '#kernel/calendar/windows.ts';
import type { Meter } from '#metering/domain/meter.ts';
import type { CustomerSpan, UsageWindow } from '#metering/domain/usage.ts';
import type { SubscriptionLineItem } from '#subscriptions/domain/line-item.ts';
import { knownEnd } from '#subscriptions/domain/periods.ts';
import type { Subscription } from '#subscriptions/domain/subscription.ts';

/** What a line of a subscription is charged at. */
export interface PricedItem {
  readonly subscription: Subscription;
  readonly item: SubscriptionLineItem;
  readonly price: Price;
  /** Prices of the line's time buckets. */
  readonly bucketPrices: readonly Price[];
}

/** A meter whose usage is reported: on a line of a subscription, or on its own and then without a cost, as where another customer pays. */
export interface AnalyticsLine {
  readonly meter: Meter;
  readonly feature: Feature | null;
  readonly priced: PricedItem | null;
  /** Whose usage is reported as one with the customer's own. */
  readonly inherited: readonly CustomerSpan[];
  /** The part of the asked range in which the line lives. */
  readonly period: Period;
  /** Days and buckets begin at its midnight (metering.md W4). */
  readonly timezone: string;
}

/** How the request wants all lines to be looked at. */
export interface AnalyticsView {
  readonly windowSize: WindowSize | null;
  readonly anchor: DateTime | null;
  /** Whether commitments count: they do not for parts of the usage, filtered or grouped (metering.md 6.2). */
  readonly commitments: boolean;
  readonly asOf: DateTime;
}

/** The asked range within a line's own dates and its subscription's end or cancellation; null when they do not meet (metering.md 6.2). */
export function livedPeriod(
  item: Pick<SubscriptionLineItem, 'startDate' | 'endDate'>,
  subscription: Pick<Subscription, 'endDate' | 'cancelAt' | 'cancelledAt'>,
  range: Period,
): Period | null {
  const ends = [item.endDate, knownEnd(subscription), subscription.cancelledAt].filter((end) => end !== null);
  return clampPeriod({ startDate: item.startDate, endDate: ends.length === 0 ? null : ends.reduce(earlier) }, range);
}

/** The windows of a line's points: never shorter than the buckets of its meter. Null: only totals were asked for. */
export function pointWindowOf(
  { meter, timezone }: Pick<AnalyticsLine, 'meter' | 'timezone'>,
  { windowSize, anchor }: Pick<AnalyticsView, 'windowSize' | 'anchor'>,
): UsageWindow | null {
  if (windowSize === null) return null;
  const { bucketSize } = meter.aggregation;
  return { size: bucketSize === null ? windowSize : longerWindow(windowSize, bucketSize), timezone, anchor };
}

export function hasWindowedCommitment(
  { priced }: Pick<AnalyticsLine, 'priced'>,
  { commitments }: Pick<AnalyticsView, 'commitments'>,
): boolean {
  return commitments && priced !== null && priced.item.commitmentWindowed;
}

/**
 * Whether the figure of each bucket is needed for the cost. At a flat price the sum of the buckets costs what they cost one by one,
 * so that only the points of a MAX, which are no sums, need them.
 */
export function needsBuckets(line: AnalyticsLine, view: AnalyticsView): boolean {
  const {
    priced,
    meter: { aggregation },
  } = line;
  if (priced === null || aggregation.bucketSize === null) return false;
  return (
    hasWindowedCommitment(line, view) ||
    priced.price.billingModel !== 'FLAT_FEE' ||
    (view.windowSize !== null && aggregation.type === 'MAX')
  );
}
