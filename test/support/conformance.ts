import { readFileSync } from 'node:fs';
import { DateTime } from 'luxon';
import { expect } from 'vitest';
import type { Tier } from '#catalog/domain/price.ts';
import type { PricingTerms } from '#charges/domain/pricing.ts';
import { type Decimal, decimal } from '#kernel/decimal.ts';

/** One worked example of the behaviour reference as data. `id` is the reference's id, with a letter when it has several parts. */
export interface ConformanceCase<Given = Record<string, unknown>, Expected = unknown> {
  readonly id: string;
  readonly group: string;
  readonly given: Given;
  readonly expected: Expected;
}

/** The cases of test/conformance/<file> whose group is `group`. Throws when there are none, so that no test runs empty. */
export function cases<Given, Expected>(file: string, group: string): ConformanceCase<Given, Expected>[] {
  const all = JSON.parse(readFileSync(new URL(`../conformance/${file}`, import.meta.url), 'utf8')) as ConformanceCase<Given, Expected>[];
  const found = all.filter((item) => item.group === group);
  if (found.length === 0) throw new Error(`no cases of group ${group} in ${file}`);
  return found;
}

/** A price as the examples write it. */
export interface PriceNotation {
  readonly model: 'FLAT_FEE' | 'PACKAGE' | 'VOLUME' | 'SLAB';
  readonly amount?: string;
  readonly per?: number;
  readonly round?: 'up' | 'down';
  /** "10:50, 20:40+2, inf:30": up_to:unit_amount+flat_amount. */
  readonly tiers?: string;
}

export function priceOf(notation: PriceNotation): PricingTerms {
  const tiered = notation.model === 'VOLUME' || notation.model === 'SLAB';
  return {
    billingModel: tiered ? 'TIERED' : (notation.model as 'FLAT_FEE' | 'PACKAGE'),
    tierMode: tiered ? (notation.model as 'VOLUME' | 'SLAB') : null,
    tiers: notation.tiers === undefined ? null : tiersOf(notation.tiers),
    amount: notation.amount === undefined ? null : decimal(notation.amount),
    transformQuantity: notation.per === undefined ? null : { divideBy: notation.per, round: notation.round ?? 'up' },
  };
}

/** Reads tiers in the notation of the examples. */
export function tiersOf(text: string): Tier[] {
  return text.split(',').map((part) => {
    const match = /^\s*(inf|[\d.]+):([\d.]+)(?:\+([\d.]+))?\s*$/.exec(part);
    if (match === null) throw new Error(`not a tier: ${part}`);
    const [, upTo, unit, flat] = match as unknown as [string, string, string, string | undefined];
    return {
      upTo: upTo === 'inf' ? null : decimal(upTo),
      unitAmount: decimal(unit),
      flatAmount: flat === undefined ? null : decimal(flat),
    };
  });
}

/** A time of the examples: local to `zone` unless it ends in Z. */
export function at(text: string, zone: string = 'UTC'): DateTime {
  const time = DateTime.fromISO(text, { zone });
  if (!time.isValid) throw new Error(`not a time: ${text}`);
  return time.toUTC();
}

/** Asserts that two decimals are the same number, whatever their digits. */
export function expectDecimal(actual: Decimal, expected: string | Decimal): void {
  expect(actual.toFixed()).toBe(decimal(expected).toFixed());
}

/** Asserts the same instant, and that it is given in UTC. */
export function expectInstant(actual: DateTime, expected: DateTime): void {
  expect(actual.toISO()).toBe(expected.toUTC().toISO());
}
