import type { DateTime } from 'luxon';
import { type CommitmentSplit, splitCommitment, sumSplits } from '#charges/domain/commitment.ts';
import { commitmentOf, windowedTermsOf } from '#charges/domain/line-commitment.ts';
import { pricesRows, windowUsages } from '#charges/domain/window-usage.ts';
import { type SplitWindow, splitWindows, type WindowUsage } from '#charges/domain/windowed-commitment.ts';
import { priceBuckets, priceQuantity, type PricingTerms } from '#charges/domain/pricing.ts';
import { nextWindowStart, windowStart } from '#kernel/calendar/windows.ts';
import { type Decimal, sum, ZERO } from '#kernel/decimal.ts';
import type { TimedFigure, UsageGroup } from '#metering/domain/grouped-usage.ts';
import type { UsageFigure, UsageWindow } from '#metering/domain/usage.ts';
import { isCommitted } from '#subscriptions/domain/commitment.ts';
import { type AnalyticsLine, type AnalyticsView, hasWindowedCommitment, type PricedItem, pointWindowOf } from './line.ts';

/** What usage costs, exactly. */
export interface UsageCost {
  readonly amount: Decimal;
  /** How a commitment divides the amount; null without one. */
  readonly split: CommitmentSplit | null;
}

export interface CostedPoint extends TimedFigure {
  readonly cost: UsageCost | null;
  /** The time buckets whose terms the point was charged by. */
  readonly bucketIds: readonly string[];
}

/** Usage of nobody who used something: what a commitment asks for is owed all the same. */
export const NO_USAGE: UsageGroup = { value: ZERO, eventCount: 0, values: [], sources: [], points: [], buckets: [] };

/** A group of a line's usage with what it costs; null where nobody is subscribed to it. */
export interface CostedGroup extends UsageFigure {
  readonly cost: UsageCost | null;
  readonly points: readonly CostedPoint[];
  /** Each window that a commitment was applied to; empty otherwise. */
  readonly windows: readonly SplitWindow[];
}

/**
 * Prices the usage of a line, or of one group of it, over its whole period, never from its points (metering.md N12): with tiers per
 * bucket, and with its commitments. Entitlements are no part of it: their allowance belongs to a billing period, not to a range.
 * A point costs what its own usage costs, so that at tiers over the whole period points need not add up to the total; those of buckets do.
 * Throws `invalid_operation` for a price that cannot be computed (Q4).
 */
export function costGroup(line: AnalyticsLine, group: UsageGroup, view: AnalyticsView): CostedGroup {
  const { value, eventCount } = group;
  const window = pointWindowOf(line, view);
  if (line.priced === null)
    return { value, eventCount, cost: null, points: group.points.map((point) => ({ ...point, cost: null, bucketIds: [] })), windows: [] };
  if (hasWindowedCommitment(line, view)) return windowed(line, line.priced, group, view, window);
  const { price } = line.priced;
  const rows = windowUsages(group.buckets, pricesRows(price));
  const base = amountOf(price, value, rows);
  const split = view.commitments && isCommitted(line.priced.item) ? splitCommitment(base, commitmentOf(line.priced)) : null;
  const costs = new Map(
    window === null
      ? []
      : inPoints(rows, window).map(({ start, own }) => [
          start.toMillis(),
          sum(own.flatMap(({ quantities }) => quantities).map((quantity) => priceQuantity(price, quantity).amount)),
        ]),
  );
  const points = group.points.map((point): CostedPoint => {
    const amount = costs.get(point.windowStart.toMillis()) ?? priceQuantity(price, point.value).amount;
    return { ...point, cost: { amount, split: null }, bucketIds: [] };
  });
  return { value, eventCount, cost: { amount: split?.charge ?? base, split }, points, windows: [] };
}

/** What usage costs at a price alone: tiers begin again in each bucket, where there are some. Throws `invalid_operation` for a price that cannot be computed. */
export function usageAmount(price: PricingTerms, { value, buckets }: Pick<UsageGroup, 'value' | 'buckets'>): Decimal {
  return amountOf(price, value, windowUsages(buckets, pricesRows(price)));
}

function amountOf(price: PricingTerms, value: Decimal, rows: readonly WindowUsage[]): Decimal {
  return rows.length > 0
    ? priceBuckets(
        price,
        rows.flatMap(({ quantities }) => quantities),
      ).amount
    : priceQuantity(price, value).amount;
}

/** Each window of the meter is charged on its own; a point is the sum of its windows, those without usage that owe a true-up included. */
function windowed(
  line: AnalyticsLine,
  priced: PricedItem,
  group: UsageGroup,
  { asOf }: AnalyticsView,
  window: UsageWindow | null,
): CostedGroup {
  const terms = windowedTermsOf(priced, line.meter.aggregation.bucketSize, line.timezone);
  if (terms === null) throw new Error(`line item ${priced.item.id} has a windowed commitment and a meter without windows`);
  const { windows, committed: _, ...split } = splitWindows(terms, line.period, windowUsages(group.buckets, pricesRows(priced.price)), asOf);
  const cost: UsageCost = { amount: split.charge, split };
  const { value, eventCount } = group;
  if (window === null) return { value, eventCount, cost, points: [], windows };
  const used = new Map(group.points.map((point) => [point.windowStart.toMillis(), point]));
  const points = inPoints(windows, window).map(({ start, own }): CostedPoint => {
    const sums = sumSplits(own);
    const figure = used.get(start.toMillis()) ?? { value: ZERO, eventCount: 0, windowStart: start };
    return {
      ...figure,
      cost: { amount: sums.charge, split: sums },
      bucketIds: [...new Set(own.flatMap(({ bucketId }) => bucketId ?? []))],
    };
  });
  return { value, eventCount, cost, points, windows };
}

/** What begins in each point, in the order of time. The calendar is asked once per point, not once per bucket: there may be many. */
function inPoints<Timed extends { readonly start: DateTime }>(
  timed: readonly Timed[],
  { size, timezone, anchor }: UsageWindow,
): { start: DateTime; own: Timed[] }[] {
  const points: { start: DateTime; end: DateTime; own: Timed[] }[] = [];
  for (const item of [...timed].sort((a, b) => a.start.toMillis() - b.start.toMillis())) {
    const last = points.at(-1);
    if (last !== undefined && item.start < last.end) last.own.push(item);
    else
      points.push({
        start: windowStart(item.start, size, timezone, anchor),
        end: nextWindowStart(item.start, size, timezone, anchor),
        own: [item],
      });
  }
  return points;
}
