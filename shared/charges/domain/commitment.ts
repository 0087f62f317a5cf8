import { type PricingTerms, priceQuantity } from './pricing.ts';
import { type Decimal, max, ZERO } from '#kernel/decimal.ts';
import type { CommitmentType } from '#subscriptions/domain/commitment.ts';
import { prorate, type Share } from './proration.ts';

/** What is promised for a span of time, in money. */
export interface Commitment {
  readonly amount: Decimal;
  /** Usage above the amount costs its price times this; at least 1. */
  readonly overageFactor: Decimal;
  /** What is missing to the amount is charged. */
  readonly trueUp: boolean;
}

/** How a commitment divides a cost. Always exact, and charge = utilized + overage + true-up. */
export interface CommitmentSplit {
  /** The cost at the normal price. */
  readonly base: Decimal;
  readonly utilized: Decimal;
  readonly overage: Decimal;
  readonly trueUp: Decimal;
  readonly charge: Decimal;
}

/** The amount that a commitment stands for: money as it is, a quantity at the price it would be charged at (billing.md 3.8). */
export function committedAmount(terms: PricingTerms, type: CommitmentType, value: Decimal): Decimal {
  return type === 'amount' ? value : priceQuantity(terms, value).amount;
}

/**
 * Divides the cost of usage by a commitment (table of metering.md 7). Without one all usage is utilized. Where a period was cut,
 * `lived` is the share that is left of it: the true-up fills up to that share of the amount, while overage begins above all of it.
 * A negative base, which a single window may have (N6), is a credit like any usage; a true-up fills up to the amount all the same.
 */
export function splitCommitment(base: Decimal, commitment: Commitment | null, lived: Share | null = null): CommitmentSplit {
  if (commitment === null) return { base, utilized: base, overage: ZERO, trueUp: ZERO, charge: base };
  const { amount, overageFactor, trueUp } = commitment;
  if (base.gt(amount)) {
    const overage = base.minus(amount).times(overageFactor);
    return { base, utilized: amount, overage, trueUp: ZERO, charge: amount.plus(overage) };
  }
  const missing = trueUp ? max((lived === null ? amount : prorate(amount, lived)).minus(base), ZERO) : ZERO;
  return { base, utilized: base, overage: ZERO, trueUp: missing, charge: base.plus(missing) };
}

/** The sum of splits. A charge never falls below 0, whatever credits single windows hold (metering.md N6); utilized takes what that adds. */
export function sumSplits(splits: readonly CommitmentSplit[]): CommitmentSplit {
  let [base, overage, trueUp, charge] = [ZERO, ZERO, ZERO, ZERO];
  for (const split of splits) {
    base = base.plus(split.base);
    overage = overage.plus(split.overage);
    trueUp = trueUp.plus(split.trueUp);
    charge = charge.plus(split.charge);
  }
  if (charge.isNegative()) charge = ZERO;
  return { base, overage, trueUp, charge, utilized: charge.minus(overage).minus(trueUp) };
}
