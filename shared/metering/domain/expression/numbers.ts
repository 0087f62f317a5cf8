import { Decimal, ONE, ZERO } from '#kernel/decimal.ts';
import { QUANTITY_DIGITS, QUANTITY_LIMIT } from '#ingestion/domain/properties.ts';
import { exponential, naturalLog } from './logarithm.ts';

/*
 * The arithmetic of expressions (docs/adr/0014-expressions.md). Every result is a quantity, like the value of a property:
 * 36 fraction digits, further ones rounded half away from zero, smaller than 10^30. The SQL of usage queries states the same rules.
 */

/** Why an event has no value: what the lookup of an event shows. */
export class Refusal {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}
export type Result = Decimal | Refusal;

/** Wide enough that a product is exact and that a quotient is rounded once. */
const Wide = Decimal.clone({ precision: 170 });

/** Roots and logarithms have this many fraction digits; powers with a fraction in the exponent as many significant ones. */
export const ROOT_DIGITS = 18;
/** Exponents that are whole and not larger than this are repeated multiplication. */
export const WHOLE_EXPONENT_LIMIT = 1000;
/** Larger exponents would magnify the logarithm's last digits into those that count. */
export const EXPONENT_LIMIT = new Decimal('1e12');

/** Exact, unless it is a refusal: of 10^30 or more. */
export function plus(a: Decimal, b: Decimal): Result {
  return quantity(new Wide(a).plus(b));
}

/** Rounded once, half away from zero, where the product has more than 36 fraction digits. */
export function times(a: Decimal, b: Decimal): Result {
  return quantity(new Wide(a).times(b));
}

/** Rounded once to 36 fraction digits; a division by 0 is refused. */
export function over(a: Decimal, b: Decimal): Result {
  return b.isZero() ? new Refusal('division by zero') : quantity(new Wide(a).div(b));
}

/** To a whole number: up, down, or half away from zero. */
export function wholeBy(mode: 'ceil' | 'floor' | 'round', value: Decimal): Result {
  return quantity(mode === 'round' ? value.toDecimalPlaces(0) : value[mode]());
}

/** To 18 fraction digits; refused of a negative number. */
export function squareRoot(value: Decimal): Result {
  return value.isNegative()
    ? new Refusal('square root of a negative number')
    : quantity(new Wide(value).sqrt().toDecimalPlaces(ROOT_DIGITS));
}

/** Natural logarithm to 18 fraction digits; refused of 0 and less. */
export function logarithm(value: Decimal): Result {
  return value.lte(0)
    ? new Refusal('logarithm of a number that is not greater than 0')
    : quantity(naturalLog(value).toDecimalPlaces(ROOT_DIGITS));
}

/** Whole exponents multiply, rounding each product; others go through the logarithm, so the base must not be negative. */
export function power(base: Decimal, exponent: Decimal): Result {
  if (exponent.isInteger() && exponent.abs().lte(WHOLE_EXPONENT_LIMIT)) return wholePower(base, exponent);
  if (base.isNegative()) return new Refusal('power of a negative number with an exponent that is not whole or larger than 1000');
  if (base.isZero()) return exponent.isNegative() ? new Refusal('division by zero') : ZERO;
  if (exponent.abs().gt(EXPONENT_LIMIT)) return new Refusal('exponent larger than 10^12');
  const product = times(exponent, naturalLog(base));
  return product instanceof Refusal ? product : quantity(exponential(product));
}

/** By squaring, from the lowest binary digit on. */
function wholePower(base: Decimal, exponent: Decimal): Result {
  let result: Result = ONE;
  let square: Result = base;
  const digits = [...BigInt(exponent.abs().toFixed(0)).toString(2)].reverse();
  for (const [index, digit] of digits.entries()) {
    if (index > 0) square = product(square, square);
    if (digit === '1') result = product(result, square);
  }
  return exponent.isNegative() && !(result instanceof Refusal) ? over(ONE, result) : result;
}

function product(a: Result, b: Result): Result {
  return a instanceof Refusal ? a : b instanceof Refusal ? b : times(a, b);
}

/** A result as a quantity; null of an exponential that is too large. */
function quantity(exact: Decimal | null): Result {
  const value = exact?.toDecimalPlaces(QUANTITY_DIGITS);
  if (value === undefined || value.abs().gte(QUANTITY_LIMIT)) return new Refusal('a result of 10^30 or more');
  // Zero has no sign here.
  return value.isZero() ? ZERO : new Decimal(value);
}
