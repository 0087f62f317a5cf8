import type { DateTime } from 'luxon';
import { type PricedStep, summedSteps } from './pricing.ts';
import type { Period } from '#kernel/calendar/period.ts';
import { type Decimal, ZERO } from '#kernel/decimal.ts';
import { isCommitted } from '#subscriptions/domain/commitment.ts';
import { type CommitmentCalculation, priceSnapshot } from './calculation.ts';
import { splitCommitment } from './commitment.ts';
import type { BilledItem, UsageAnswer } from './inputs.ts';
import { commitmentOf, windowedTermsOf } from './line-commitment.ts';
import { coverage } from './proration.ts';
import { afterAllowance, type FreeUsage, type SplitWindow, splitWindows } from './windowed-commitment.ts';

/** What usage costs before its commitment is looked at. */
export interface BillableUsage {
  readonly quantityBeforeEntitlement: Decimal;
  readonly quantity: Decimal;
  readonly unroundedAmount: Decimal;
  readonly steps: readonly PricedStep[];
  /** What of it the allowance leaves free, by the times that it is about. */
  readonly free: readonly FreeUsage[];
}

export interface AppliedCommitment {
  readonly unroundedAmount: Decimal;
  readonly steps: readonly PricedStep[];
  readonly commitment: Omit<CommitmentCalculation, 'info'>;
}

/**
 * Applies a line's commitment to the usage of one service period: once to what the usage costs after its entitlement or, windowed,
 * to each window of the meter (metering.md 7). Null for a line without one. Of a period that was cut, which is a part of `whole`, a
 * true-up is owed for that part.
 * Throws RangeError when a windowed commitment has no windows to look at.
 */
export function applyCommitment(
  billed: BilledItem,
  charge: BillableUsage,
  answer: UsageAnswer,
  { whole, timezone, asOf }: { whole: Period; timezone: string; asOf: DateTime },
): AppliedCommitment | null {
  const { item, meter, bucketPrices } = billed;
  if (!isCommitted(item)) return null;
  const line = commitmentOf(billed);
  const terms = windowedTermsOf(billed, meter?.aggregation.bucketSize ?? null, timezone);
  if (terms === null) {
    const lived = coverage(answer.period, whole);
    const isCut = lived.numerator.lt(lived.denominator);
    const split = splitCommitment(charge.unroundedAmount, line, lived);
    return {
      unroundedAmount: split.charge,
      steps: charge.steps,
      commitment: {
        ...split,
        line,
        committed: line?.amount ?? ZERO,
        lived: isCut && line?.trueUp ? { numeratorSeconds: lived.numerator, denominatorSeconds: lived.denominator } : null,
        timeBuckets: [],
        windows: null,
        emptyWindows: [],
      },
    };
  }
  if (answer.windows === null) throw new RangeError(`no windows were read for line item ${item.id}`);
  const { committed, windows, ...split } = splitWindows(
    terms,
    answer.period,
    afterAllowance(answer.windows, charge.quantityBeforeEntitlement.minus(charge.quantity), charge.free),
    asOf,
  );
  const prices = new Map(bucketPrices.map((price) => [price.id, priceSnapshot(price)]));
  const timeBuckets = item.commitmentTimeBuckets.flatMap(({ id, start, end, priceId }) => {
    const price = prices.get(priceId);
    return price ? [{ id, start, end, price, commitment: terms.buckets.find((bucket) => bucket.id === id)?.commitment ?? null }] : [];
  });
  const [used, empty] = [
    windows.filter((window) => window.quantities.length > 0),
    windows.filter((window) => window.quantities.length === 0),
  ];
  return {
    unroundedAmount: split.charge,
    steps: summedSteps(used.flatMap((window) => window.steps)),
    commitment: {
      ...split,
      line,
      committed,
      lived: null,
      timeBuckets,
      windows: used.map(({ steps: _, ...window }) => window),
      emptyWindows: countsOf(empty),
    },
  };
}

function countsOf(windows: readonly SplitWindow[]): CommitmentCalculation['emptyWindows'] {
  return [...Map.groupBy(windows, (window) => window.bucketId)].map(([bucketId, { length: count }]) => ({ bucketId, count }));
}
