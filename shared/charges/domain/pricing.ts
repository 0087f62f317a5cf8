import { Decimal, divide, sum, ZERO } from '#kernel/decimal.ts';
import { invalidOperation } from '#kernel/errors.ts';
import { type Price, sortedTiers, type Tier, type TransformQuantity } from '#catalog/domain/price.ts';

/** The part of a price that its cost depends on, so that snapshots on invoices and overrides can be priced too. */
export type PricingTerms = Pick<Price, 'billingModel' | 'amount' | 'tierMode' | 'tiers' | 'transformQuantity'>;

/** One step of a price walk, kept on the invoice line so that the amount can be explained. */
export interface PricedStep {
  /** Meter units; packages for a PACKAGE price. */
  readonly quantity: Decimal;
  readonly unitAmount: Decimal;
  readonly flatAmount: Decimal;
  readonly amount: Decimal;
  /** Index of the tier in walking order, -1 when the price has none. */
  readonly tierIndex: number;
}

/** What a quantity costs. `amount` is exact: rounding to the currency happens once, on the invoice line. */
export interface PricedQuantity {
  readonly amount: Decimal;
  readonly steps: readonly PricedStep[];
}

/** What the buckets of a meter cost together, and each on its own. */
export interface PricedBuckets {
  readonly amount: Decimal;
  readonly quantity: Decimal;
  readonly buckets: readonly (PricedQuantity & { readonly quantity: Decimal })[];
}

/** The summary of a price walk that the wire shows. */
export interface PriceBreakup {
  readonly effectiveUnitCost: Decimal;
  readonly selectedTierIndex: number;
  readonly tierUnitAmount: Decimal;
  readonly finalCost: Decimal;
}

/**
 * Prices a quantity in meter units, exactly and unrounded (billing.md 3.3).
 * A quantity of zero costs nothing in every model, flat amounts included. A negative quantity, which a single bucket may have
 * (metering.md N6), is a credit at a flat fee and costs nothing where packages or tiers would have to be entered.
 * Throws `invalid_operation` when the terms cannot price the quantity: no amount, no tiers, or a bounded last tier.
 */
export function priceQuantity(terms: PricingTerms, quantity: Decimal): PricedQuantity {
  if (quantity.isZero()) return { amount: ZERO, steps: [] };
  if (quantity.isNegative() && terms.billingModel !== 'FLAT_FEE') return { amount: ZERO, steps: [] };
  switch (terms.billingModel) {
    case 'FLAT_FEE':
      return total([step(quantity, unitPrice(terms))]);
    case 'PACKAGE':
      return total([step(packages(packageSize(terms), quantity), unitPrice(terms))]);
    case 'TIERED':
      return total(terms.tierMode === 'SLAB' ? slabSteps(tiersOf(terms), quantity) : [volumeStep(tiersOf(terms), quantity)]);
  }
}

/**
 * Prices the buckets of a bucketed meter, or its (group, bucket) rows, one by one: tiers and packages start again in each.
 * The total never falls below 0, whatever adjustments single buckets hold (metering.md N6).
 */
export function priceBuckets(terms: PricingTerms, buckets: readonly Decimal[]): PricedBuckets {
  const priced = buckets.map((quantity) => ({ quantity, ...priceQuantity(terms, quantity) }));
  const amount = sum(priced.map((bucket) => bucket.amount));
  return { amount: Decimal.max(amount, ZERO), quantity: Decimal.max(sum(buckets), ZERO), buckets: priced };
}

/**
 * Steps of several walks, summed by tier and terms: as many as the prices have tiers, however many quantities were priced one by one. A flat
 * amount is the sum of those that were paid, so that quantity x unit amount + flat amount is still the amount.
 */
export function summedSteps(steps: readonly PricedStep[]): PricedStep[] {
  const byTier = Map.groupBy(steps, ({ tierIndex, unitAmount }) => `${tierIndex} ${unitAmount.toFixed()}`);
  return [...byTier.values()].map((own) => ({
    ...(own[0] as PricedStep),
    quantity: sum(own.map(({ quantity }) => quantity)),
    flatAmount: sum(own.map(({ flatAmount }) => flatAmount)),
    amount: sum(own.map(({ amount }) => amount)),
  }));
}

/** The breakup of a price walk: cost per unit (16 digits), the last tier used, its unit amount, and the cost. All zero at quantity 0. */
export function priceBreakup(terms: PricingTerms, quantity: Decimal): PriceBreakup {
  const { amount, steps } = priceQuantity(terms, quantity);
  const last = steps.at(-1);
  if (last === undefined) return { effectiveUnitCost: ZERO, selectedTierIndex: -1, tierUnitAmount: ZERO, finalCost: ZERO };
  return {
    effectiveUnitCost: divide(amount, quantity),
    selectedTierIndex: last.tierIndex,
    tierUnitAmount: terms.billingModel === 'PACKAGE' ? divide(last.unitAmount, new Decimal(packageSize(terms).divideBy)) : last.unitAmount,
    finalCost: amount,
  };
}

function packages({ divideBy, round }: TransformQuantity, quantity: Decimal): Decimal {
  const whole = quantity.divToInt(divideBy);
  return round === 'up' && whole.times(divideBy).lt(quantity) ? whole.plus(1) : whole;
}

function volumeStep(tiers: readonly Tier[], quantity: Decimal): PricedStep {
  const index = tiers.findIndex((tier) => tier.upTo === null || quantity.lte(tier.upTo));
  const tier = tiers[index];
  if (tier === undefined) throw unpriced('no tier covers the quantity');
  return step(quantity, tier.unitAmount, tier.flatAmount ?? ZERO, index);
}

function slabSteps(tiers: readonly Tier[], quantity: Decimal): PricedStep[] {
  const steps: PricedStep[] = [];
  let floor = ZERO;
  for (const [index, tier] of tiers.entries()) {
    const ceiling = tier.upTo === null ? quantity : Decimal.min(tier.upTo, quantity);
    steps.push(step(ceiling.minus(floor), tier.unitAmount, tier.flatAmount ?? ZERO, index));
    if (ceiling.eq(quantity)) return steps;
    floor = ceiling;
  }
  throw unpriced('the tiers end below the quantity');
}

function step(quantity: Decimal, unitAmount: Decimal, flatAmount: Decimal = ZERO, tierIndex: number = -1): PricedStep {
  return { quantity, unitAmount, flatAmount, tierIndex, amount: quantity.times(unitAmount).plus(flatAmount) };
}

function total(steps: readonly PricedStep[]): PricedQuantity {
  return { amount: sum(steps.map(({ amount }) => amount)), steps };
}

function unitPrice(terms: PricingTerms): Decimal {
  if (terms.amount === null) throw unpriced('the price has no amount');
  return terms.amount;
}

function packageSize(terms: PricingTerms): TransformQuantity {
  if (terms.transformQuantity === null) throw unpriced('the price has no transform_quantity');
  return terms.transformQuantity;
}

function tiersOf(terms: PricingTerms): Tier[] {
  if (terms.tiers === null || terms.tiers.length === 0) throw unpriced('the price has no tiers');
  if (terms.tierMode !== 'SLAB' && terms.tierMode !== 'VOLUME') throw unpriced('the price has no tier_mode');
  return sortedTiers(terms.tiers);
}

/** A charge that cannot be computed fails; it is never replaced by a zero (billing.md section 12, rule 8). */
function unpriced(reason: string) {
  return invalidOperation(`the quantity cannot be priced: ${reason}`);
}
