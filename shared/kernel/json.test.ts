import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decimal } from './decimal.ts';
import { parseExactJson } from './json.ts';

test.each([
  ['9007199254740993', '9007199254740993'],
  ['0.1', 0.1],
  ['-123456789012345678901234567890.5', '-123456789012345678901234567890.5'],
  ['1e900', '1e900'],
  ['1.000000000000000001', '1.000000000000000001'],
  ['1000000000000000000000', '1000000000000000000000'],
  ['"9007199254740993"', '9007199254740993'],
])('%s keeps its digits', (text, expected) => {
  expect(parseExactJson(`{"a":[${text}]}`)).toEqual({ a: [expected] });
});

test('no decimal text loses a digit on its way in', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }), fc.nat(30), (digits, scale) => {
      const text = decimal(digits.toString()).div(decimal(10).pow(scale)).toFixed();
      const parsed = parseExactJson(`[${text}]`) as [number | string];
      expect(decimal(String(parsed[0])).toFixed()).toBe(decimal(text).toFixed());
    }),
  );
});

test('without risky numbers it is plain JSON', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 3 }), (value) => {
      const text = JSON.stringify(value);
      fc.pre(!/\d[\d.]{15,}|[eE][+-]?\d{3,}/.test(text));
      expect(parseExactJson(text)).toEqual(JSON.parse(text));
    }),
  );
});

test('malformed text throws a SyntaxError', () => {
  for (const text of ['{', '[1,]', '12345678901234567890,', 'undefined']) expect(() => parseExactJson(text)).toThrow(SyntaxError);
});
