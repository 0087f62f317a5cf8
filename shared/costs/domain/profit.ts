import { type Decimal, divide, sum, ZERO } from '#kernel/decimal.ts';
import { invalidOperation } from '#kernel/errors.ts';

/** An amount in a currency, which is compared without case. */
export interface CurrencyAmount {
  readonly currency: string;
  readonly amount: Decimal;
}

/** Ratios, with 16 fraction digits, and the same times 100. */
export interface Profit {
  readonly margin: Decimal;
  readonly marginPercent: Decimal;
  readonly roi: Decimal;
  readonly roiPercent: Decimal;
}

/** margin = (revenue - cost) / revenue, return = (revenue - cost) / cost (billing.md 2.1). A ratio to nothing is 0. */
export function profitOf(revenue: Decimal, cost: Decimal): Profit {
  const gain = revenue.minus(cost);
  const margin = revenue.isZero() ? ZERO : divide(gain, revenue);
  const roi = cost.isZero() ? ZERO : divide(gain, cost);
  return { margin, marginPercent: margin.times(100), roi, roiPercent: roi.times(100) };
}

/**
 * The one currency of amounts, in lower case. Amounts of 0 have any currency: they decide it only where all are 0 and agree, else null.
 * Throws `invalid_operation` for several: amounts of different currencies have no sum, and leaving some out would be a wrong margin.
 */
export function commonCurrency(amounts: readonly CurrencyAmount[]): string | null {
  const currenciesOf = (some: readonly CurrencyAmount[]) => [...new Set(some.map(({ currency }) => currency.toLowerCase()))].sort();
  const used = currenciesOf(amounts.filter(({ amount }) => !amount.isZero()));
  if (used.length > 1) {
    throw invalidOperation(`costs and revenue are in several currencies (${used.join(', ')}): ask for a customer or for features of one`, {
      currencies: used,
    });
  }
  const named = used.length === 1 ? used : currenciesOf(amounts);
  return named.length === 1 ? (named[0] ?? null) : null;
}

export function totalOf(amounts: readonly CurrencyAmount[]): Decimal {
  return sum(amounts.map(({ amount }) => amount));
}
