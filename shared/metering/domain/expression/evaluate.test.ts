import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Decimal } from '#kernel/decimal.ts';
import { cases } from '#test/support/conformance.ts';
import type { Properties } from '#ingestion/domain/properties.ts';
import { evaluateExpression } from './evaluate.ts';
import { LN10, LN2 } from './logarithm.ts';
import { Refusal } from './numbers.ts';
import { parseExpression } from './parse.ts';

const worth = (text: string, properties: Properties): string => {
  const result = evaluateExpression(parseExpression(text), properties);
  return result instanceof Refusal ? result.reason : result.toFixed();
};

test.each(cases<{ expression: string; multiplier?: string; properties: Properties }, string | null>('expressions.json', 'expression'))(
  '$id',
  ({ given: { expression, multiplier, properties }, expected }) => {
    const result = evaluateExpression(parseExpression(expression), properties);
    expect(result instanceof Refusal ? null : result.times(multiplier ?? 1).toFixed()).toBe(expected);
  },
);

test.each([
  ['a / 3', { a: 2 }, `0.${'6'.repeat(35)}7`],
  ['a / 3', { a: -2 }, `-0.${'6'.repeat(35)}7`],
  ['a * b', { a: '1e-20', b: '5e-17' }, `0.${'0'.repeat(35)}1`],
  ['sqrt(a)', { a: 2 }, '1.414213562373095049'],
  ['sqrt(a)', { a: '0.25' }, '0.5'],
  ['log(a)', { a: 10 }, '2.302585092994045684'],
  ['log(a)', { a: 1 }, '0'],
  ['pow(a, 0.5)', { a: 4 }, '2'],
  ['pow(a, 0.5)', { a: 2 }, '1.41421356237309505'],
  ['pow(a, -2)', { a: 4 }, '0.0625'],
  ['pow(a, 0)', {}, '1'],
  ['pow(a, 1.5)', {}, '0'],
  ['pow(a, 100)', { a: '1.01' }, '2.704813829421526093267194710807530833'],
  ['pow(a, 2.5)', { a: '1e12' }, 'a result of 10^30 or more'],
  ['-a', { a: '-0' }, '0'],
  ['ceil(a)', { a: '-0.5' }, '0'],
  ['floor(a)', { a: '-0.5' }, '-1'],
  ['round(a)', { a: '2.5' }, '3'],
  ['abs(a)', { a: '-7' }, '7'],
  ['a == b || a / b > 1 ? 1 : 2', {}, '1'],
  ['a / b > 1 && a != 0 ? 1 : 2', {}, '2'],
  ['!(a > 0) ? 1 : 2', {}, '1'],
  ['a / b > 1 || a != 0 ? 1 : 2', {}, 'division by zero'],
  ['a * a', { a: '1e15' }, 'a result of 10^30 or more'],
  ['pow(a, -1)', {}, 'division by zero'],
  ['pow(a, 0.5)', { a: -1 }, /negative/],
  ['pow(a, 1e13 + 0.5)', { a: 2 }, 'exponent larger than 10^12'],
  ['log(a)', { a: -1 }, /not greater than 0/],
  ['a', { a: [1] }, /property a is a object and not a number/],
  ['a', { a: '1e30' }, /text and not a number in range/],
] as const)('%s of %j is %s', (text, properties, expected) => {
  expect(worth(text, properties)).toEqual(typeof expected === 'string' ? expected : expect.stringMatching(expected));
});

const Wide = Decimal.clone({ precision: 120 });
const positive = fc
  .tuple(fc.bigInt({ min: 1n, max: 10n ** 18n }), fc.integer({ min: -30, max: 10 }))
  .map(([digits, power]) => new Decimal(`${digits}e${power}`));

test('logarithms and fractional powers are right in every digit that they keep', () => {
  expect([LN2, LN10].map(String)).toEqual([2, 10].map((base) => new Wide(base).ln().times('1e36').toFixed(0)));
  fc.assert(
    fc.property(positive, fc.integer({ min: -999, max: 999 }), (value, percent) => {
      expect(worth('log(a)', { a: value.toFixed() })).toBe(new Wide(value).ln().toDecimalPlaces(18).toFixed());
      const exact = new Wide(value).pow(new Wide(percent).div(100));
      if (exact.gte('1e29') || percent % 100 === 0) return;
      expect(worth('pow(a, p / 100)', { a: value.toFixed(), p: percent })).toBe(
        exact.toSignificantDigits(18).toDecimalPlaces(36).toFixed(),
      );
    }),
    { numRuns: 300 },
  );
});
