import { type Decimal, divide } from '#kernel/decimal.ts';
import { invalid } from '#kernel/errors.ts';
import { roundToCurrency } from '#kernel/money.ts';
import type { Price, Tier } from './price.ts';

/** A custom unit (token, credit) in which prices may be written. `conversionRate` is fiat of `baseCurrency` per unit. */
export interface PriceUnitTerms {
  readonly id: string;
  readonly code: string;
  readonly baseCurrency: string;
  readonly conversionRate: Decimal;
}

/** The fields of a price that its unit decides. */
export type PriceInUnit = Pick<Price, 'amount' | 'tiers' | 'conversionRate' | 'priceUnitId' | 'priceUnit' | 'priceUnitType'>;

/**
 * Fiat amounts of a price written in a custom unit: unit amount x rate, not rounded, frozen at creation (billing.md 3.4).
 * Throws `validation_error` when the unit's base currency is not the price's.
 */
export function freezePriceUnit(price: Pick<Price, 'currency' | 'priceUnitAmount' | 'priceUnitTiers'>, unit: PriceUnitTerms): PriceInUnit {
  if (unit.baseCurrency !== price.currency)
    throw invalid('price_unit', `its base currency ${unit.baseCurrency} differs from the price's ${price.currency}`);
  return {
    amount: price.priceUnitAmount === null ? null : unitsToFiat(price.priceUnitAmount, unit.conversionRate),
    tiers: price.priceUnitTiers === null ? null : price.priceUnitTiers.map((tier) => tierToFiat(tier, unit.conversionRate)),
    conversionRate: unit.conversionRate,
    priceUnitId: unit.id,
    priceUnit: unit.code,
    priceUnitType: 'CUSTOM',
  };
}

/** Fiat value of an amount of units, exact. */
export function unitsToFiat(units: Decimal, conversionRate: Decimal): Decimal {
  return units.times(conversionRate);
}

/** What an invoice line's fiat amount is in units at the unit's current rate, rounded to the base currency (billing.md 3.4). */
export function fiatToUnits(amount: Decimal, unit: Pick<PriceUnitTerms, 'baseCurrency' | 'conversionRate'>): Decimal {
  if (unit.conversionRate.lte(0)) throw invalid('conversion_rate', 'must be above 0');
  return roundToCurrency(divide(amount, unit.conversionRate), unit.baseCurrency);
}

function tierToFiat(tier: Tier, rate: Decimal): Tier {
  return {
    ...tier,
    unitAmount: unitsToFiat(tier.unitAmount, rate),
    flatAmount: tier.flatAmount === null ? null : unitsToFiat(tier.flatAmount, rate),
  };
}
