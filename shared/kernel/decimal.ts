import { Decimal as DecimalJs } from 'decimal.js';

/**
 * Exact decimals for money, credits and usage. 100 significant digits leave room for sums of 76-digit usage values;
 * rounding is half away from zero wherever a rounding happens at all (billing.md section 1).
 */
export const Decimal = DecimalJs.clone({ precision: 100, rounding: DecimalJs.ROUND_HALF_UP, toExpNeg: -9e15, toExpPos: 9e15 });
export type Decimal = DecimalJs;

export const ZERO: Decimal = new Decimal(0);
export const ONE: Decimal = new Decimal(1);

/** Division digits of money arithmetic (billing.md section 1). */
const DIVISION_DIGITS = 16;

/** Reads decimal text or a safe integer. Throws on anything that is not a finite decimal number. */
export function decimal(value: string | number | Decimal): Decimal {
  const result = new Decimal(value);
  if (!result.isFinite()) throw new RangeError(`not a finite decimal: ${String(value)}`);
  return result;
}

/** True for text that reads as a finite plain or exponent decimal, such as "12.50" or "1e-7"; hex and blanks are refused. */
export function isDecimalText(text: string): boolean {
  return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?$/.test(text);
}

/** Quotient with a fixed number of fraction digits (16 unless told), half away from zero. */
export function divide(dividend: Decimal, divisor: Decimal, digits: number = DIVISION_DIGITS): Decimal {
  return dividend.div(divisor).toDecimalPlaces(digits);
}

export function sum(values: Iterable<Decimal>): Decimal {
  let total = ZERO;
  for (const value of values) total = total.plus(value);
  return total;
}

export function max(a: Decimal, b: Decimal): Decimal {
  return a.gte(b) ? a : b;
}

export function min(a: Decimal, b: Decimal): Decimal {
  return a.lte(b) ? a : b;
}
