import type { Price } from '#catalog/domain/price.ts';
import type { PricingTerms } from './pricing.ts';
import type { BillingPeriod } from '#kernel/calendar/period.ts';
import type { WindowSize } from '#kernel/calendar/windows.ts';
import { type Decimal, decimal, min, ONE } from '#kernel/decimal.ts';
import { roundToCurrency } from '#kernel/money.ts';
import { type CommitmentType, isCommitted, type LineCommitment } from '#subscriptions/domain/commitment.ts';
import type { SubscriptionLineItem } from '#subscriptions/domain/line-item.ts';
import { type Commitment, type CommitmentSplit, committedAmount } from './commitment.ts';
import type { TimeBucketTerms, WindowedTerms } from './windowed-commitment.ts';

/** A line item with its price and the prices of its time buckets. */
export interface CommittedLine {
  readonly item: Pick<SubscriptionLineItem, keyof LineCommitment | 'id' | 'currency'>;
  readonly price: PricingTerms;
  readonly bucketPrices: readonly Price[];
}

/** A commitment as the wire shows it on an invoice line and in analytics: its terms, and what they came to. */
export interface CommitmentInfo {
  readonly type: CommitmentType | null;
  readonly amount: Decimal | null;
  readonly quantity: Decimal | null;
  readonly duration: BillingPeriod | null;
  readonly overageFactor: Decimal | null;
  readonly trueUpEnabled: boolean;
  readonly isWindowed: boolean;
  readonly computedCommitmentUtilizedAmount: Decimal;
  readonly computedOverageAmount: Decimal;
  readonly computedTrueUpAmount: Decimal;
}

/** The line's own commitment; null where only parts of the day have one. */
export function commitmentOf({ item, price }: Pick<CommittedLine, 'item' | 'price'>): Commitment | null {
  const { commitmentType: type, commitmentAmount, commitmentQuantity, commitmentOverageFactor, commitmentTrueUpEnabled } = item;
  if (type === null) return null;
  const value = type === 'amount' ? commitmentAmount : commitmentQuantity;
  if (value === null) throw new Error(`line item ${item.id} has a commitment of ${type} without one`);
  return { amount: committedAmount(price, type, value), overageFactor: commitmentOverageFactor ?? ONE, trueUp: commitmentTrueUpEnabled };
}

/** How each window of a line is charged; null when its commitment, if any, is about the period as a whole. */
export function windowedTermsOf(line: CommittedLine, size: WindowSize | null, timezone: string): WindowedTerms | null {
  const { item, price, bucketPrices } = line;
  if (!isCommitted(item) || !item.commitmentWindowed || size === null) return null;
  const prices = new Map(bucketPrices.map((bucketPrice) => [bucketPrice.id, bucketPrice]));
  const buckets = item.commitmentTimeBuckets.map((bucket): TimeBucketTerms => {
    const own = prices.get(bucket.priceId);
    // Never charged at another price instead: the computation fails and is tried again.
    if (!own) throw new Error(`price ${bucket.priceId} of time bucket ${bucket.id} of line item ${item.id} is gone`);
    const amount = committedAmount(own, bucket.commitmentType, decimal(bucket.commitmentValue));
    return {
      id: bucket.id,
      start: bucket.start,
      end: bucket.end,
      price: own,
      commitment: { amount, overageFactor: decimal(bucket.overageFactor), trueUp: bucket.trueUpEnabled },
    };
  });
  return { line: { price, commitment: commitmentOf(line) }, buckets, size, timezone };
}

/**
 * The parts of a charge that was rounded to `amount`: overage and true-up are rounded, and utilized takes the rest, so that they add up
 * (billing.md 2.3). Where both were rounded up there is no rest, and none of them is below zero.
 */
export function roundedParts(split: CommitmentSplit, amount: Decimal, currency: string): Parts {
  const overage = min(roundToCurrency(split.overage, currency), amount);
  const trueUp = min(roundToCurrency(split.trueUp, currency), amount.minus(overage));
  return { utilized: amount.minus(overage).minus(trueUp), overage, trueUp };
}

type Parts = Pick<CommitmentSplit, 'utilized' | 'overage' | 'trueUp'>;

export function commitmentInfo({ item }: Pick<CommittedLine, 'item'>, { utilized, overage, trueUp }: Parts): CommitmentInfo {
  return {
    type: item.commitmentType,
    amount: item.commitmentAmount,
    quantity: item.commitmentQuantity,
    duration: item.commitmentDuration,
    overageFactor: item.commitmentOverageFactor,
    trueUpEnabled: item.commitmentTrueUpEnabled,
    isWindowed: item.commitmentWindowed,
    computedCommitmentUtilizedAmount: utilized,
    computedOverageAmount: overage,
    computedTrueUpAmount: trueUp,
  };
}
