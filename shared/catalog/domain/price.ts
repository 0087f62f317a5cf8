import type { DateTime } from 'luxon';
import type { BillingPeriod } from '#kernel/calendar/period.ts';
import { type Decimal, decimal } from '#kernel/decimal.ts';
import { invalid } from '#kernel/errors.ts';
import { displayAmount } from '#kernel/money.ts';

export type PriceType = 'USAGE' | 'FIXED';
export type BillingModel = 'FLAT_FEE' | 'PACKAGE' | 'TIERED';
export type TierMode = 'VOLUME' | 'SLAB';
export type InvoiceCadence = 'ADVANCE' | 'ARREAR';
export type PriceEntityType = 'PLAN' | 'SUBSCRIPTION' | 'ADDON' | 'PRICE' | 'COSTSHEET';
/** Whose prices are made on their own; those of the others come with their owner. */
export type PriceOwnerType = Extract<PriceEntityType, 'PLAN' | 'COSTSHEET'>;
export type PriceUnitType = 'FIAT' | 'CUSTOM';

/** One tier. `upTo` is inclusive and in meter units; null is the open last tier. Amounts are in the price's currency. */
export interface Tier {
  readonly upTo: Decimal | null;
  readonly unitAmount: Decimal;
  readonly flatAmount: Decimal | null;
}

/** Package size of a PACKAGE price; a part of a package counts as one (`up`) or not at all (`down`). */
export interface TransformQuantity {
  readonly divideBy: number;
  readonly round: 'up' | 'down';
}

/** A price (billing.md 3.1). Amounts are fiat in `currency`, also where they come from a custom price unit. */
export interface Price {
  readonly id: string;
  readonly tenantId: string;
  readonly environmentId: string;
  readonly status: 'published' | 'deleted' | 'archived';
  readonly entityType: PriceEntityType;
  readonly entityId: string;
  readonly type: PriceType;
  readonly billingModel: BillingModel;
  readonly billingPeriod: BillingPeriod;
  readonly billingPeriodCount: number;
  readonly billingCadence: 'RECURRING';
  readonly invoiceCadence: InvoiceCadence;
  readonly tierMode: TierMode | null;
  readonly tiers: readonly Tier[] | null;
  readonly transformQuantity: TransformQuantity | null;
  readonly amount: Decimal | null;
  readonly currency: string;
  readonly displayAmount: string;
  readonly displayName: string | null;
  readonly description: string | null;
  readonly lookupKey: string | null;
  readonly meterId: string | null;
  /** Default and least seat count of a line; usage never has one (billing.md 3.5). */
  readonly minQuantity: Decimal | null;
  readonly trialPeriodDays: number;
  /** Lineage back to the root price, through every change. */
  readonly parentPriceId: string | null;
  readonly groupId: string | null;
  readonly startDate: DateTime | null;
  readonly endDate: DateTime | null;
  /** Rises on every change that subscriptions must react to. */
  readonly sequence: number;
  readonly priceUnitType: PriceUnitType;
  readonly priceUnitId: string | null;
  /** Code of the custom unit. */
  readonly priceUnit: string | null;
  readonly priceUnitAmount: Decimal | null;
  readonly priceUnitTiers: readonly Tier[] | null;
  /** Fiat per unit, frozen when the price was created. */
  readonly conversionRate: Decimal | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly createdAt: DateTime;
  readonly updatedAt: DateTime;
  readonly createdBy: string;
  readonly updatedBy: string;
}

/** A tier as JSON columns keep it: decimals are text. */
export interface TierRecord {
  readonly upTo: string | null;
  readonly unitAmount: string;
  readonly flatAmount: string | null;
}

/** Reads tiers from a JSON column. Throws RangeError on text that is no decimal. */
export function tiersFromRecords(records: readonly TierRecord[]): Tier[] {
  return records.map((tier) => ({
    upTo: tier.upTo === null ? null : decimal(tier.upTo),
    unitAmount: decimal(tier.unitAmount),
    flatAmount: tier.flatAmount === null ? null : decimal(tier.flatAmount),
  }));
}

/** Tiers for a JSON column; no digit is lost. */
export function tiersToRecords(tiers: readonly Tier[]): TierRecord[] {
  return tiers.map((tier) => ({
    upTo: tier.upTo?.toFixed() ?? null,
    unitAmount: tier.unitAmount.toFixed(),
    flatAmount: tier.flatAmount?.toFixed() ?? null,
  }));
}

/** Tiers in walking order: `upTo` ascending, the open one last. */
export function sortedTiers(tiers: readonly Tier[]): Tier[] {
  return [...tiers].sort((a, b) => {
    if (a.upTo === null || b.upTo === null) return Number(a.upTo === null) - Number(b.upTo === null);
    return a.upTo.comparedTo(b.upTo);
  });
}

/**
 * The price for people: "$10.00", "$50.00/10 units", "Starts at $0.10". Empty when the price has no amount yet.
 * A tiered price starts at the first tier's unit amount, or its flat amount when units are free.
 */
export function displayPrice(price: Pick<Price, 'billingModel' | 'amount' | 'currency' | 'transformQuantity' | 'tiers'>): string {
  if (price.billingModel === 'TIERED') {
    const first = sortedTiers(price.tiers ?? [])[0];
    if (first === undefined) return '';
    const startsAt = first.unitAmount.isZero() && first.flatAmount !== null ? first.flatAmount : first.unitAmount;
    return `Starts at ${displayAmount(startsAt, price.currency)}`;
  }
  if (price.amount === null) return '';
  const amount = displayAmount(price.amount, price.currency);
  return price.billingModel === 'PACKAGE' && price.transformQuantity !== null
    ? `${amount}/${price.transformQuantity.divideBy} units`
    : amount;
}

/** What the rules of billing.md 3.2 look at: the price without identity, owner and history. */
export type PriceRules = Pick<
  Price,
  | 'type'
  | 'billingModel'
  | 'billingPeriod'
  | 'billingPeriodCount'
  | 'invoiceCadence'
  | 'tierMode'
  | 'tiers'
  | 'transformQuantity'
  | 'amount'
  | 'currency'
  | 'meterId'
  | 'minQuantity'
  | 'trialPeriodDays'
  | 'startDate'
  | 'endDate'
  | 'priceUnitType'
  | 'priceUnit'
  | 'priceUnitAmount'
  | 'priceUnitTiers'
  | 'conversionRate'
>;

/**
 * Checks a price before it is written, overrides included. Throws `validation_error` naming the wire field and the reason.
 * Source: billing.md 3.2 and 3.4.
 */
export function validatePrice(price: PriceRules): void {
  if (!/^[a-z]{3}$/.test(price.currency)) throw invalid('currency', 'must be a three-letter code in lower case');
  validatePeriod(price);
  validateType(price);
  validateModel(price);
  validatePriceUnit(price);
  nonNegative('amount', price.amount);
  nonNegative('min_quantity', price.minQuantity);
}

/** Throws `validation_error` unless `up_to` strictly ascends, only the last tier is open, and no amount is negative. */
export function validateTiers(tiers: readonly Tier[], field: 'tiers' | 'price_unit_tiers' = 'tiers'): void {
  if (tiers.length === 0) throw invalid(field, 'at least one tier is required');
  let previous: Decimal | null = null;
  tiers.forEach((tier, index) => {
    const last = index === tiers.length - 1;
    if (tier.upTo === null && !last) throw invalid(field, 'only the last tier may be unbounded');
    if (tier.upTo !== null && last) throw invalid(field, 'the last tier must be unbounded');
    if (tier.upTo !== null && (!tier.upTo.isInteger() || !tier.upTo.isPositive() || tier.upTo.isZero()))
      throw invalid(field, 'up_to must be a whole number above 0');
    if (tier.upTo !== null && previous !== null && tier.upTo.lte(previous)) throw invalid(field, 'up_to must strictly ascend');
    nonNegative(`${field}.unit_amount`, tier.unitAmount);
    nonNegative(`${field}.flat_amount`, tier.flatAmount);
    previous = tier.upTo;
  });
}

/** Which of the terms a billing model has no use for, by their wire names. */
const FOREIGN_TERMS: Readonly<Record<BillingModel, readonly (readonly [string, 'amount' | 'tierMode' | 'tiers' | 'transformQuantity'])[]>> =
  {
    FLAT_FEE: [
      ['tier_mode', 'tierMode'],
      ['tiers', 'tiers'],
      ['transform_quantity', 'transformQuantity'],
    ],
    PACKAGE: [
      ['tier_mode', 'tierMode'],
      ['tiers', 'tiers'],
    ],
    TIERED: [
      ['amount', 'amount'],
      ['transform_quantity', 'transformQuantity'],
    ],
  };

/**
 * Refuses what a request says and its billing model does not charge by, as it would change no amount: throws `validation_error` with the wire name.
 * An empty list, and an amount of 0, ask for nothing. Stored prices may have such terms.
 */
export function refuseForeignTerms(
  billingModel: BillingModel,
  terms: Partial<Pick<Price, 'amount' | 'tierMode' | 'tiers' | 'transformQuantity'>>,
): void {
  for (const [field, term] of FOREIGN_TERMS[billingModel]) {
    const value = terms[term];
    if (value === null || value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    if (term === 'amount' && terms.amount?.isZero()) continue;
    throw invalid(field, `has no meaning for a ${billingModel} price`);
  }
}

function validatePeriod(price: PriceRules): void {
  if (!Number.isInteger(price.billingPeriodCount) || price.billingPeriodCount < 1)
    throw invalid('billing_period_count', 'must be a whole number of at least 1');
  if (price.type === 'USAGE' && price.billingPeriod === 'ONETIME')
    throw invalid('billing_period', 'a usage price is charged again and again');
  if (price.billingPeriod === 'ONETIME' && price.invoiceCadence !== 'ADVANCE')
    throw invalid('invoice_cadence', 'a one-time price must be ADVANCE');
  if (price.startDate !== null && price.endDate !== null && price.endDate < price.startDate)
    throw invalid('end_date', 'must not be before start_date');
}

function validateType(price: PriceRules): void {
  if (price.type === 'USAGE') {
    if (!price.meterId) throw invalid('meter_id', 'is required for a usage price');
    if (price.minQuantity !== null) throw invalid('min_quantity', 'is not allowed on a usage price');
    // What was used is known when the period is over: no invoice looks for it before.
    if (price.invoiceCadence !== 'ARREAR') throw invalid('invoice_cadence', 'a usage price must be ARREAR');
  }
  if (!Number.isInteger(price.trialPeriodDays) || price.trialPeriodDays < 0)
    throw invalid('trial_period_days', 'must be a whole number of at least 0');
  if (price.trialPeriodDays > 0 && (price.type !== 'FIXED' || price.billingPeriod === 'ONETIME')) {
    throw invalid('trial_period_days', 'is allowed on recurring fixed prices only');
  }
}

function validateModel(price: PriceRules): void {
  switch (price.billingModel) {
    case 'FLAT_FEE':
      if (price.amount === null) throw invalid('amount', 'is required for FLAT_FEE');
      return;
    case 'PACKAGE':
      if (price.amount === null) throw invalid('amount', 'is required for PACKAGE');
      if (price.transformQuantity === null) throw invalid('transform_quantity', 'is required for PACKAGE');
      if (!Number.isInteger(price.transformQuantity.divideBy) || price.transformQuantity.divideBy < 1) {
        throw invalid('transform_quantity.divide_by', 'must be a whole number of at least 1');
      }
      if (!['up', 'down'].includes(price.transformQuantity.round)) throw invalid('transform_quantity.round', 'must be up or down');
      return;
    case 'TIERED':
      if (price.tiers === null) throw invalid('tiers', 'are required for TIERED');
      if (price.tierMode !== 'VOLUME' && price.tierMode !== 'SLAB') throw invalid('tier_mode', 'must be VOLUME or SLAB');
      validateTiers(price.tiers);
      return;
    default:
      throw invalid('billing_model', `unknown billing model ${String(price.billingModel satisfies never)}`);
  }
}

function validatePriceUnit(price: PriceRules): void {
  if (price.priceUnitType === 'FIAT') return;
  if (!price.priceUnit) throw invalid('price_unit', 'is required for a price in a custom unit');
  if (price.conversionRate === null || price.conversionRate.lte(0)) throw invalid('conversion_rate', 'must be above 0');
  nonNegative('price_unit_amount', price.priceUnitAmount);
  if (price.billingModel === 'TIERED') {
    if (price.priceUnitTiers === null) throw invalid('price_unit_tiers', 'are required for TIERED in a custom unit');
    validateTiers(price.priceUnitTiers, 'price_unit_tiers');
  } else if (price.priceUnitAmount === null) {
    throw invalid('price_unit_amount', 'is required for a price in a custom unit');
  }
}

function nonNegative(field: string, value: Decimal | null): void {
  if (value?.isNegative() && !value.isZero()) throw invalid(field, 'must not be negative');
}
