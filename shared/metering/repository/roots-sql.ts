import {
  BINARY_DIGITS,
  EXP_DIGITS,
  EXP_HALVINGS,
  EXP_SERIES,
  LEAST_TENS,
  LN10,
  LN2,
  LOG_SERIES,
  MOST_TENS,
  UNIT,
} from '../domain/expression/logarithm.ts';
import { EXPONENT_LIMIT, ROOT_DIGITS, WHOLE_EXPONENT_LIMIT } from '../domain/expression/numbers.ts';
import { bounded, type Names, product, quotient, roundedTo, sizeOf, whole } from './fixed-point-sql.ts';

/* Roots, logarithms and powers over the numbers of fixed-point-sql.ts. See domain/expression for what they are. */

/** One unit in the last digit that roots and logarithms keep. */
const ROOT_STEP = UNIT / 10n ** BigInt(ROOT_DIGITS);

/**
 * Square root to 18 fraction digits, NULL of a negative number: the whole-number root of the units. Two rounds of Newton's method
 * bring a double's 15 digits to all, whatever its last bits; the comparisons after them settle the last digit.
 */
export function squareRoot(names: Names, value: string): string {
  const better = (x: string, r: string): string => `intDiv(${r} + intDiv(${x}, ${r}), 2)`;
  return names.let([value], (x) =>
    names.let([`if(${x} > 0, assumeNotNull(${x}), ${whole(1n)})`], (n) =>
      names.let([`greatest(toInt256(sqrt(toFloat64(${n}))), ${whole(1n)})`], (r0) =>
        names.let([better(n, r0)], (r1) =>
          names.let([better(n, r1)], (r2) =>
            names.let([`${r2} - (${r2} * ${r2} > ${n})`], (r3) =>
              names.let(
                [`${r3} + ((${r3} + 1) * (${r3} + 1) <= ${n})`],
                (r) => `if(${x} >= 0, if(${x} = 0, ${whole(0n)}, (${r} + (${n} > ${r} * ${r} + ${r})) * ${whole(ROOT_STEP)}), NULL)`,
              ),
            ),
          ),
        ),
      ),
    ),
  );
}

/** Natural logarithm to 18 fraction digits, NULL of 0 and less. */
export function logarithm(names: Names, value: string): string {
  return names.let([value], (x) => `if(${x} > 0, ${roundedTo(names, naturalLog(names, orOne(x)), ROOT_STEP)}, NULL)`);
}

/** A power; `exponent` is a literal where the expression has one there, so that only one of the two ways is gone. */
export function power(names: Names, base: string, exponent: string, literal: bigint | null): string {
  return names.let([base, exponent], (x, y) => {
    if (literal !== null) return isWholeExponent(literal) ? wholePower(names, x, y) : fractionalPower(names, x, y);
    const isWhole = `intDiv(${y}, ${whole(UNIT)}) * ${whole(UNIT)} = ${y} AND ${sizeOf(y)} <= ${whole(BigInt(WHOLE_EXPONENT_LIMIT) * UNIT)}`;
    return `if(${isWhole}, ${wholePower(names, x, y)}, ${fractionalPower(names, x, y)})`;
  });
}

function isWholeExponent(units: bigint): boolean {
  return units % UNIT === 0n && (units < 0n ? -units : units) <= BigInt(WHOLE_EXPONENT_LIMIT) * UNIT;
}

/** By squaring, from the lowest binary digit on. Only as many rounds as the exponent has digits: none where the other way is gone. */
function wholePower(names: Names, x: string, y: string): string {
  const n = `intDiv(${sizeOf(y)}, ${whole(UNIT)})`;
  return names.let([`if(${n} <= ${WHOLE_EXPONENT_LIMIT}, assumeNotNull(toUInt64(${n})), 0)`], (e) => {
    const nullable = (value: string): string => `CAST(${value} AS Nullable(Int256))`;
    const rounds = `arrayFilter(digit -> bitShiftRight(${e}, digit) > 0, range(10))`;
    const round = `(if(bitTest(${e}, digit), ${product(names, 'powers.1', 'powers.2')}, powers.1), ${product(names, 'powers.2', 'powers.2')})`;
    return names.let(
      [`arrayFold((powers, digit) -> ${round}, ${rounds}, (${nullable(whole(UNIT))}, ${nullable(x)})).1`],
      (p) => `if(isNull(${x}) OR isNull(${y}), NULL, if(${y} < 0, ${quotient(names, whole(UNIT), p)}, ${p}))`,
    );
  });
}

function fractionalPower(names: Names, x: string, y: string): string {
  const exponent = names.let([product(names, y, naturalLog(names, orOne(x)))], (z) => exponential(names, z));
  const limit = whole(BigInt(EXPONENT_LIMIT.toFixed(0)) * UNIT);
  return `multiIf(isNull(${x}) OR isNull(${y}) OR ${x} < 0, NULL, ${x} = 0, if(${y} < 0, NULL, ${whole(0n)}), ${sizeOf(y)} > ${limit}, NULL, ${exponent})`;
}

/** A named number, or one unit where it has no logarithm. */
function orOne(x: string): string {
  return `if(${x} > 0, assumeNotNull(${x}), ${whole(1n)})`;
}

/** `naturalLog` of domain/expression/logarithm.ts, step by step, of a number greater than 0. */
function naturalLog(names: Names, value: string): string {
  return names.let([value], (x) =>
    names.let([`toInt32(length(toString(${x}))) - 1`], (e) =>
      names.let([`if(${e} <= 36, ${x} * ${tenTo(`36 - ${e}`)}, intDiv(${x}, ${tenTo(`${e} - 36`)}))`], (m) =>
        names.let([[2n, 4n, 8n].map((power) => `(${m} >= ${whole(power * UNIT)})`).join(' + ')], (halvings) =>
          names.let([`${whole(UNIT)} * toInt256(bitShiftLeft(toUInt8(1), ${halvings}))`], (near) =>
            names.let([`intDiv((${m} - ${near}) * ${whole(1n << BINARY_DIGITS)}, ${m} + ${near})`], (t) => {
              const logarithm = shifted(`2 * ${t} * ${names.let([shifted(`${t} * ${t}`)], (square) => series(LOG_SERIES, square))}`);
              return `(${shifted(`${logarithm} * ${whole(UNIT)}`)} + ${halvings} * ${whole(LN2)} + (${e} - 36) * ${whole(LN10)})`;
            }),
          ),
        ),
      ),
    ),
  );
}

/** `exponential` of domain/expression/logarithm.ts, step by step. */
function exponential(names: Names, z: string): string {
  const least = whole(LEAST_TENS * LN10);
  const most = whole((MOST_TENS + 1n) * LN10);
  const inside = names.let([`if(${z} >= ${least} AND ${z} < ${most}, assumeNotNull(${z}), ${whole(0n)})`], (y) =>
    names.let([`intDiv(${y}, ${whole(LN10)}) - (intDiv(${y}, ${whole(LN10)}) * ${whole(LN10)} > ${y})`], (tens) => {
      const part = `bitShiftRight(${y} - ${tens} * ${whole(LN10)}, ${EXP_HALVINGS})`;
      let power = names.let([`intDiv(${part} * ${whole(1n << BINARY_DIGITS)}, ${whole(UNIT)})`], (x) => series(EXP_SERIES, x));
      for (let halving = 0; halving < EXP_HALVINGS; halving += 1) power = names.let([power], (p) => shifted(`${p} * ${p}`));
      const mantissa = roundedTo(names, shifted(`${power} * ${whole(UNIT)}`), 10n ** BigInt(37 - EXP_DIGITS));
      return names.let(
        [mantissa, tenTo(`-${tens}`)],
        (m, divisor) => `if(${tens} >= 0, ${m} * ${tenTo(tens)}, intDiv(${m} + intDiv(${divisor}, 2), ${divisor}))`,
      );
    }),
  );
  return `multiIf(isNull(${z}) OR ${z} >= ${most}, NULL, ${z} < ${least}, ${whole(0n)}, ${bounded(names, inside)})`;
}

/** Horner's scheme over a named binary fraction. */
function series(coefficients: readonly bigint[], x: string): string {
  return coefficients.reduce(
    (sum, coefficient) => (sum === '' ? whole(coefficient) : `(${shifted(`${sum} * ${x}`)} + ${whole(coefficient)})`),
    '',
  );
}

/** A product of two binary fractions that are not negative, or of one and a number of units, back in units. */
function shifted(product: string): string {
  return `bitShiftRight(${product}, ${BINARY_DIGITS})`;
}

/** Ten to the power of a whole number; 1 of less than 0. */
function tenTo(exponent: string): string {
  return `toInt256(concat('1', repeat('0', greatest(toInt32(${exponent}), 0))))`;
}
