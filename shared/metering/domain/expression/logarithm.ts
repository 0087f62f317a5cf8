import { Decimal, ZERO } from '#kernel/decimal.ts';

/*
 * Logarithm and exponential as an algorithm in whole numbers: no two libraries agree on the last digits of such functions. The SQL
 * of usage queries does the very same in 256-bit integers and so arrives at the same number by construction. Series run in binary
 * fractions of 119 digits, where a division is a shift and drops the rest; their own error is below 10^-32, beyond the 18 digits that are kept.
 */

const DIGITS = 36;
/** One, in the units of a quantity. */
export const UNIT = 10n ** BigInt(DIGITS);
/** Natural logarithms of 2 and 10, in units. */
export const LN2 = 693147180559945309417232121458176568n;
export const LN10 = 2302585092994045684017991454684364208n;

export const BINARY_DIGITS = 119n;
const BINARY_UNIT = 1n << BINARY_DIGITS;
/** Coefficients of t^2 in ln((1+t)/(1-t)) / 2t, and of x in e^x, the highest first: 1 / (2k + 1) and 1 / k!. */
export const LOG_SERIES: readonly bigint[] = Array.from({ length: 40 }, (_, index) => BINARY_UNIT / BigInt(2 * (39 - index) + 1));
export const EXP_SERIES: readonly bigint[] = reciprocalFactorials(25).reverse();
/** The exponential is taken of a 16th and squared four times. */
export const EXP_HALVINGS = 4;
/** Significant digits of an exponential: its mantissa has one before the point. */
export const EXP_DIGITS = 18;
/** Powers of ten outside of which an exponential is no quantity, or none that differs from 0. */
export const [LEAST_TENS, MOST_TENS] = [-38n, 30n];

/** Natural logarithm with 36 fraction digits, of which at least 32 hold. Takes a quantity greater than 0. */
export function naturalLog(value: Decimal): Decimal {
  const units = unitsOf(value);
  const exponent = units.toString().length - 1;
  const mantissa = exponent <= DIGITS ? units * 10n ** BigInt(DIGITS - exponent) : units / 10n ** BigInt(exponent - DIGITS);
  const halvings = [2n, 4n, 8n].filter((power) => mantissa >= power * UNIT).length;
  const near = UNIT << BigInt(halvings);
  // ln(m/n) = 2 (t + t^3/3 + t^5/5 + ...) with t = (m - n) / (m + n), at most a third.
  const t = ((mantissa - near) << BINARY_DIGITS) / (mantissa + near);
  const logarithm = (2n * t * series(LOG_SERIES, (t * t) >> BINARY_DIGITS)) >> BINARY_DIGITS;
  return decimalOf(((logarithm * UNIT) >> BINARY_DIGITS) + BigInt(halvings) * LN2 + BigInt(exponent - DIGITS) * LN10);
}

/** e to the power of a quantity, with 18 significant digits; null when it is far beyond any quantity. */
export function exponential(value: Decimal): Decimal | null {
  const units = unitsOf(value);
  const tens = floorDivision(units, LN10);
  if (tens > MOST_TENS) return null;
  if (tens < LEAST_TENS) return ZERO;
  const part = (units - tens * LN10) >> BigInt(EXP_HALVINGS);
  let power = series(EXP_SERIES, (part << BINARY_DIGITS) / UNIT);
  for (let halving = 0; halving < EXP_HALVINGS; halving += 1) power = (power * power) >> BINARY_DIGITS;
  return decimalOf((power * UNIT) >> BINARY_DIGITS)
    .toDecimalPlaces(EXP_DIGITS - 1)
    .times(new Decimal(10).pow(new Decimal(tens.toString())));
}

function series(coefficients: readonly bigint[], x: bigint): bigint {
  return coefficients.reduce((sum, coefficient) => ((sum * x) >> BINARY_DIGITS) + coefficient, 0n);
}

function reciprocalFactorials(count: number): bigint[] {
  const values = [BINARY_UNIT];
  for (let k = 1; k < count; k += 1) values.push((values[k - 1] ?? 0n) / BigInt(k));
  return values;
}

function unitsOf(value: Decimal): bigint {
  return BigInt(value.times(`1e${DIGITS}`).toFixed(0));
}

function decimalOf(units: bigint): Decimal {
  return new Decimal(units.toString()).times(`1e-${DIGITS}`);
}

function floorDivision(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  return dividend % divisor < 0n ? quotient - 1n : quotient;
}
