import type { DateTime } from 'luxon';
import { type PricedStep, type PricingTerms, priceQuantity } from './pricing.ts';
import { toCivil } from '#kernel/calendar/civil.ts';
import { contains, earlier, later, type Period } from '#kernel/calendar/period.ts';
import { type WindowSize, windowStart, windowStartsWithin } from '#kernel/calendar/windows.ts';
import { type Decimal, min, sum, ZERO } from '#kernel/decimal.ts';
import { isWithin, type TimeOfDay } from '#subscriptions/domain/commitment.ts';
import { type Commitment, type CommitmentSplit, splitCommitment, sumSplits } from './commitment.ts';

/** What a window costs and what is committed for it. */
export interface WindowTerms {
  readonly price: PricingTerms;
  readonly commitment: Commitment | null;
}
/** The terms of the windows that begin in a part of the day. */
export interface TimeBucketTerms extends WindowTerms {
  readonly id: string;
  readonly start: TimeOfDay;
  readonly end: TimeOfDay;
}

/** Usage of one window of the meter; several quantities where its rows are priced one by one. */
export interface WindowUsage {
  readonly start: DateTime;
  readonly quantities: readonly Decimal[];
}

export interface SplitWindow extends CommitmentSplit {
  readonly start: DateTime;
  /** The time bucket whose terms apply; null: those of the line. */
  readonly bucketId: string | null;
  /** Lived through by now; a window that is not owes no true-up. */
  readonly isElapsed: boolean;
  /** As the usage came; none in a window without usage. */
  readonly quantities: readonly Decimal[];
  readonly steps: readonly PricedStep[];
}

export interface WindowedSplit extends CommitmentSplit {
  /** What was committed for the windows below, all together. */
  readonly committed: Decimal;
  /** Windows with usage, and those without that owe a true-up, in the order of time. */
  readonly windows: readonly SplitWindow[];
}

/** A line's windows: which there are, and by which terms each is charged. */
export interface WindowedTerms {
  readonly line: WindowTerms;
  readonly buckets: readonly TimeBucketTerms[];
  readonly size: WindowSize;
  readonly timezone: string;
}

/**
 * Charges each window on its own (metering.md 7): tiers and commitment start again in each, and a window whose start lies in a time
 * bucket of the line's time zone takes that bucket's terms. Where a true-up is owed, windows without usage owe the whole commitment
 * (billing.md 3.8). A window that is not over by `asOf`, or that a start or an end of the period cuts, owes no true-up. Windows are the
 * calendar's: a day has 23 or 25 hours when the clocks change.
 */
export function splitWindows(terms: WindowedTerms, period: Period, usage: readonly WindowUsage[], asOf: DateTime): WindowedSplit {
  const used = new Map(usage.map((window) => [window.start.toMillis(), window]));
  const elapsed = { start: period.start, end: windowStart(earlier(asOf, period.end), terms.size, terms.timezone) };
  const owed = trueUpStarts(terms, elapsed).filter((start) => !used.has(start.toMillis()));
  const windows = [...used.values(), ...owed.map((start): WindowUsage => ({ start, quantities: [] }))]
    .sort((a, b) => a.start.toMillis() - b.start.toMillis())
    .map((window) => splitWindow(window, termsAt(terms, window.start), contains(elapsed, window.start)));
  return {
    ...sumSplits(windows),
    committed: sum(windows.map((window) => termsAt(terms, window.start).commitment?.amount ?? ZERO)),
    windows,
  };
}

/** What an allowance leaves free of the usage of a time. */
export interface FreeUsage {
  readonly span: Period;
  readonly quantity: Decimal;
}

/**
 * The usage that is left when `included` of it costs nothing. What is free of a time, such as of each day of a daily allowance, is taken
 * from the windows that begin in it, in the order of time; what they do not hold, because a window lies in two of the times, from all of
 * them. So the sum of the windows stays what the entitlement leaves (billing.md 3.7).
 */
export function afterAllowance(usage: readonly WindowUsage[], included: Decimal, parts: readonly FreeUsage[] = []): WindowUsage[] {
  const windows = [...usage].sort((a, b) => a.start.toMillis() - b.start.toMillis());
  let left = included;
  const take = (of: readonly WindowUsage[], most: Decimal): WindowUsage[] => {
    let free = min(most, left);
    return of.map(({ start, quantities }) => ({
      start,
      quantities: quantities.map((quantity) => {
        if (!quantity.gt(0) || !free.gt(0)) return quantity;
        const taken = min(quantity, free);
        free = free.minus(taken);
        left = left.minus(taken);
        return quantity.minus(taken);
      }),
    }));
  };
  // The first window may begin before the times do.
  const first = parts[0]?.span.start;
  const byPart = Map.groupBy(windows, ({ start }) =>
    parts.findIndex(({ span }) => contains(span, first === undefined ? start : later(start, first))),
  );
  const inTime = [...byPart].flatMap(([index, own]) => take(own, parts[index]?.quantity ?? ZERO));
  return take(inTime, left);
}

function splitWindow(
  { start, quantities }: WindowUsage,
  { id, price, commitment }: WindowTerms & { readonly id: string | null },
  isElapsed: boolean,
): SplitWindow {
  const priced = quantities.map((quantity) => priceQuantity(price, quantity));
  return {
    start,
    bucketId: id,
    isElapsed,
    quantities,
    steps: priced.flatMap(({ steps }) => steps),
    ...splitCommitment(sum(priced.map(({ amount }) => amount)), commitment && { ...commitment, trueUp: commitment.trueUp && isElapsed }),
  };
}

function termsAt({ line, buckets, timezone }: WindowedTerms, start: DateTime): WindowTerms & { readonly id: string | null } {
  if (buckets.length === 0) return { ...line, id: null };
  const { hour, minute } = toCivil(start, timezone);
  return buckets.find((bucket) => isWithin(bucket, hour * 60 + minute)) ?? { ...line, id: null };
}

/** Starts of the windows without usage that may owe a true-up, oldest first. */
function trueUpStarts(terms: WindowedTerms, { start: first, end }: Period): DateTime[] {
  const { line, buckets, size, timezone } = terms;
  if (!line.commitment?.trueUp && !buckets.some((bucket) => bucket.commitment?.trueUp)) return [];
  if (first >= end) return [];
  const starts = [...windowStartsWithin({ start: first, end }, size, timezone)];
  return starts.filter((start) => start >= first && termsAt(terms, start).commitment?.trueUp);
}
