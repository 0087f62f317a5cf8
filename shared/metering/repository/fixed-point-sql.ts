/*
 * The arithmetic of domain/expression/numbers.ts as SQL. A number is a Nullable(Int256) that counts units of 10^-36, less than 10^66
 * of them; NULL is "no value". (A product of two such numbers has no room in Decimal256, and ClickHouse's multiplyDecimal takes 27 us.)
 * Nothing here can throw: integers wrap, and no divisor is ever 0.
 */
import { UNIT } from '../domain/expression/logarithm.ts';

const LIMIT = 10n ** 66n;
const HALF = 10n ** 33n;

/** A whole number of ours. (A bare literal of more than 64 bits would be read as a double.) */
export function whole(value: bigint): string {
  return `toInt256('${value}')`;
}

/** Gives SQL expressions a name, so that they can be used several times: a lambda over arrays of one element is ClickHouse's "let". */
export class Names {
  #count = 0;

  let(values: readonly string[], body: (...names: string[]) => string): string {
    const names = values.map(() => `x${this.#count++}`);
    return `arrayMap((${names.join(', ')}) -> ${body(...names)}, ${values.map((value) => `[${value}]`).join(', ')})[1]`;
  }
}

/** Size of a named number. `abs` would make it unsigned. */
export function sizeOf(name: string): string {
  return `if(${name} < 0, -${name}, ${name})`;
}

/** NULL unless the number is smaller than 10^30. */
export function bounded(names: Names, value: string): string {
  return names.let([value], (x) => `if(${x} > ${whole(-LIMIT)} AND ${x} < ${whole(LIMIT)}, ${x}, NULL)`);
}

/** Quotient by a positive whole number, half away from zero; `half` is half of the divisor, rounded down. */
export function roundedQuotient(names: Names, value: string, divisor: string, half: string): string {
  return names.let([value], (x) => `intDiv(if(${x} < 0, ${x} - ${half}, ${x} + ${half}), ${divisor})`);
}

/** The number to a multiple of `step` units, half away from zero. */
export function roundedTo(names: Names, value: string, step: bigint): string {
  return `(${roundedQuotient(names, value, whole(step), whole(step / 2n))} * ${whole(step)})`;
}

/**
 * Product of any two numbers. Both are cut into halves of 33 digits, whose products have room in 256 bits:
 * (h 10^33 + l)(k 10^33 + m) / 10^36 = hk 10^30 + (c 10^33 + lm) / 10^36 with c = hm + lk.
 */
export function product(names: Names, a: string, b: string): string {
  return names.let([a, b], (x, y) =>
    names.let([`intDiv(${sizeOf(x)}, ${whole(HALF)})`, `intDiv(${sizeOf(y)}, ${whole(HALF)})`], (h, k) =>
      names.let([`${sizeOf(x)} - ${h} * ${whole(HALF)}`, `${sizeOf(y)} - ${k} * ${whole(HALF)}`], (l, m) =>
        names.let([`${h} * ${m} + ${l} * ${k}`], (c) => {
          const rest = `intDiv((${c} - intDiv(${c}, 1000) * 1000) * ${whole(HALF)} + ${l} * ${m} + ${whole(UNIT / 2n)}, ${whole(UNIT)})`;
          const size = `if(${h} * ${k} < ${whole(UNIT)}, ${h} * ${k} * ${whole(10n ** 30n)} + intDiv(${c}, 1000) + ${rest}, NULL)`;
          return names.let([size], (s) => `if(${s} < ${whole(LIMIT)}, if((${x} < 0) = (${y} < 0), ${s}, -${s}), NULL)`);
        }),
      ),
    ),
  );
}

/** Quotient of any two numbers, NULL by 0: long division, nine digits at a time, of which each has room. */
export function quotient(names: Names, a: string, b: string): string {
  return names.let([a, b], (x, y) =>
    names.let([`ifNull(${sizeOf(x)}, ${whole(0n)})`, `if(isNull(${y}) OR ${y} = 0, ${whole(1n)}, assumeNotNull(${sizeOf(y)}))`], (p, d) =>
      names.let([`intDiv(${p}, ${d})`], (q) => {
        const next = `(digits.2 * 1000000000)`;
        const divided = `arrayFold((digits, step) -> (digits.1 * 1000000000 + intDiv(${next}, ${d}), ${next} - intDiv(${next}, ${d}) * ${d}), range(4), (${q}, ${p} - ${q} * ${d}))`;
        const size = names.let([divided], (r) => `(${r}.1 + toInt256(${r}.2 * 2 >= ${d}))`);
        const known = `isNotNull(${x}) AND isNotNull(${y}) AND ${y} != 0 AND ${q} < ${whole(10n ** 30n)}`;
        return bounded(names, `if(${known}, if((${x} < 0) = (${y} < 0), ${size}, -${size}), NULL)`);
      }),
    ),
  );
}

/** To a whole number: up, down, or half away from zero. */
export function wholeNumber(names: Names, value: string, mode: 'ceil' | 'floor' | 'round'): string {
  if (mode === 'round') return bounded(names, roundedTo(names, value, UNIT));
  const pushed = (x: string): string =>
    mode === 'ceil' ? `if(${x} > 0, ${x} + ${whole(UNIT - 1n)}, ${x})` : `if(${x} < 0, ${x} - ${whole(UNIT - 1n)}, ${x})`;
  return bounded(names, `(intDiv(${names.let([value], pushed)}, ${whole(UNIT)}) * ${whole(UNIT)})`);
}
