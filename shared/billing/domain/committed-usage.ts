import type { DateTime } from 'luxon';
import type { PricedStep } from '#catalog/domain/pricing.ts';
import { type Decimal, ZERO } from '#kernel/decimal.ts';
import { isCommitted } from '#subscriptions/domain/commitment.ts';
import { type CommitmentCalculation, priceSnapshot } from './calculation.ts';
import { splitCommitment } from './commitment.ts';
import type { BilledItem, UsageAnswer } from './inputs.ts';
import { commitmentOf, windowedTermsOf } from './line-commitment.ts';
import { afterAllowance, type SplitWindow, splitWindows } from './windowed-commitment.ts';

/** What usage costs before its commitment is looked at. */
export interface BillableUsage {
  readonly quantityBeforeEntitlement: Decimal;
  readonly quantity: Decimal;
  readonly unroundedAmount: Decimal;
  readonly steps: readonly PricedStep[];
}

export interface AppliedCommitment {
  readonly unroundedAmount: Decimal;
  readonly steps: readonly PricedStep[];
  readonly commitment: Omit<CommitmentCalculation, 'info'>;
}

/**
 * Applies a line's commitment to the usage of one service period: once to what the usage costs after its entitlement or, windowed,
 * to each window of the meter (metering.md 7). Null for a line without one.
 * Throws RangeError when a windowed commitment has no windows to look at.
 */
export function applyCommitment(
  billed: BilledItem,
  charge: BillableUsage,
  answer: UsageAnswer,
  { timezone, asOf }: { timezone: string; asOf: DateTime },
): AppliedCommitment | null {
  const { item, meter, bucketPrices } = billed;
  if (!isCommitted(item)) return null;
  const line = commitmentOf(billed);
  const terms = windowedTermsOf(billed, meter?.aggregation.bucketSize ?? null, timezone);
  if (terms === null) {
    const split = splitCommitment(charge.unroundedAmount, line);
    return {
      unroundedAmount: split.charge,
      steps: charge.steps,
      commitment: { ...split, line, committed: line?.amount ?? ZERO, timeBuckets: [], windows: null, emptyWindows: [] },
    };
  }
  if (answer.windows === null) throw new RangeError(`no windows were read for line item ${item.id}`);
  const { committed, windows, ...split } = splitWindows(
    terms,
    answer.period,
    afterAllowance(answer.windows, charge.quantityBeforeEntitlement.minus(charge.quantity)),
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
    steps: used.flatMap((window) => window.steps),
    commitment: {
      ...split,
      line,
      committed,
      timeBuckets,
      windows: used.map(({ steps: _, ...window }) => window),
      emptyWindows: countsOf(empty),
    },
  };
}

function countsOf(windows: readonly SplitWindow[]): CommitmentCalculation['emptyWindows'] {
  return [...Map.groupBy(windows, (window) => window.bucketId)].map(([bucketId, { length: count }]) => ({ bucketId, count }));
}
