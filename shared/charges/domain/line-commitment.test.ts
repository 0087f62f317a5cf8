import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decimal } from '#kernel/decimal.ts';
import { roundToCurrency } from '#kernel/money.ts';
import { roundedParts } from './line-commitment.ts';

const parts = (utilized: string, overage: string, trueUp: string) => ({
  base: decimal('0'),
  utilized: decimal(utilized),
  overage: decimal(overage),
  trueUp: decimal(trueUp),
  charge: decimal(utilized).plus(overage).plus(trueUp),
});
const rounded = (split: ReturnType<typeof parts>) => roundedParts(split, roundToCurrency(split.charge, 'usd'), 'usd');

test('two halves of a cent are one cent, and nothing is below zero for it', () => {
  expect(rounded(parts('0', '0.005', '0.005'))).toEqual({ utilized: decimal('0'), overage: decimal('0.01'), trueUp: decimal('0') });
});

test('parts add up to the amount, none is below zero, and each is less than a cent from what it was', () => {
  const tenths = fc.nat(5_000).map((count) => decimal(count).div(1000).toFixed());
  fc.assert(
    fc.property(tenths, tenths, tenths, (utilized, overage, trueUp) => {
      const split = parts(utilized, overage, trueUp);
      const made = rounded(split);
      expect(made.utilized.plus(made.overage).plus(made.trueUp)).toEqual(roundToCurrency(split.charge, 'usd'));
      for (const name of ['utilized', 'overage', 'trueUp'] as const) {
        expect(made[name].isNegative()).toBe(false);
        expect(made[name].minus(split[name]).abs().lt('0.015')).toBe(true);
      }
    }),
  );
});
