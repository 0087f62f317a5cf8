import { Decimal } from './decimal.ts';

const DECIMAL_PLACES: Readonly<Record<string, number>> = { jpy: 0, krw: 0, vnd: 0, clp: 0, kwd: 3, clf: 4 };
const SYMBOLS: Readonly<Record<string, string>> = { usd: '$', eur: '€', gbp: '£', inr: '₹', jpy: '¥', aud: 'AU$', cad: 'CA$', krw: '₩' };

/** Fraction digits of a currency; unknown codes have 2 (billing.md section 1). */
export function currencyDigits(currency: string): number {
  return DECIMAL_PLACES[currency.toLowerCase()] ?? 2;
}

/** Rounds an amount to the currency, half away from zero. Lines are rounded once, with this (billing.md 3.9). */
export function roundToCurrency(amount: Decimal, currency: string): Decimal {
  return amount.toDecimalPlaces(currencyDigits(currency), Decimal.ROUND_HALF_UP);
}

/** An amount in the currency's smallest units: 12.5 dollars are 1250 cents. What is smaller than a unit stays a fraction. */
export function minorUnits(amount: Decimal, currency: string): Decimal {
  return amount.times(new Decimal(10).pow(currencyDigits(currency)));
}

/** Amount with the currency's symbol, or its code where there is none, for people: "$12.50". The digits are never cut. */
export function displayAmount(amount: Decimal, currency: string): string {
  const digits = Math.max(currencyDigits(currency), amount.decimalPlaces());
  const symbol = SYMBOLS[currency.toLowerCase()] ?? `${currency.toUpperCase()} `;
  return `${symbol}${amount.toFixed(digits)}`;
}
