import { expect, test } from 'vitest';
import type { DomainError } from '#kernel/errors.ts';
import { propertiesOf } from './ast.ts';
import { parseExpression } from './parse.ts';

function refusalOf(text: string): DomainError {
  try {
    parseExpression(text);
  } catch (error) {
    return error as DomainError;
  }
  throw new Error('was accepted');
}

test('an expression keeps its text and names its properties once', () => {
  const expression = parseExpression('max(a, b, 3) + (a > 0x10 ? c : -2.5e-3) // what a call costs');
  expect([expression.text, propertiesOf(expression)]).toEqual([
    'max(a, b, 3) + (a > 0x10 ? c : -2.5e-3) // what a call costs',
    ['a', 'b', 'c'],
  ]);
});

test.each([
  ['a +', 1, 4, /cannot be read/],
  ['a + * b', 1, 5, /cannot be read/],
  ['(a', 1, 3, /cannot be read/],
  ['a $ b', 1, 3, /Unexpected character/],
  ["a'; DROP TABLE events; --", 1, 2, /cannot be read/],
  ['', 1, 1, /cannot be read/],
  ['a\n  + b %\n c', 2, 6, /remainder/],
  ['a.b + 1', 1, 3, /first-level/],
  ['[a, b].map(x, x)', 1, 1, /macros and methods/],
  ['[a]', 1, 1, /lists and maps/],
  ['{a: 1}', 1, 1, /lists and maps/],
  ['a[0]', 1, 1, /lists and maps/],
  ['has(a.b)', 1, 1, /no function has/],
  ['1 + sum(a)', 1, 5, /no function sum/],
  ['toString(a)', 1, 1, /no function toString/],
  ['a + max(b)', 1, 5, /max takes at least 2 arguments, not 1/],
  ['round(a, 2)', 1, 1, /round takes 1 argument, not 2/],
  ['pow(a)', 1, 1, /pow takes 2 arguments, not 1/],
  ['a > 1', 1, 1, /condition where a number/],
  ['a ? 1 : 2', 1, 1, /no condition/],
  ['a && b ? 1 : 2', 1, 1, /no condition/],
  ['a in b ? 1 : 2', 1, 1, /no condition/],
  ['true ? a : 2', 1, 1, /no condition/],
  ["a + 'x'", 1, 5, /only numbers/],
  ['a + null', 1, 5, /only numbers/],
  ['a + 1e30', 1, 5, /smaller than 1e30/],
  ['a + 1e-37', 1, 5, /at most 36 fraction digits/],
  ['1 + 2', 1, 1, /names no property/],
])('%j is refused at line %i, column %i', (text, line, column, reason) => {
  const { code, details } = refusalOf(text);
  expect([code, details]).toEqual([
    'validation_error',
    { field: 'aggregation.expression', reason: expect.stringMatching(reason), line, column },
  ]);
  expect(details?.reason).toContain(`(line ${line}, column ${column})`);
});

test('an expression that would keep the engines busy is refused', () => {
  expect(refusalOf(`${'('.repeat(60)}a${')'.repeat(60)}`).message).toMatch(/maxDepth/);
  expect(refusalOf(`a${' + a'.repeat(200)}`).message).toMatch(/maxAstNodes/);
  expect(refusalOf(Array.from({ length: 10 }, () => 'log(a)').join('+')).message).toMatch(/too long/);
  expect(refusalOf(`${'-'.repeat(4095)}a`).message).toMatch(/maxAstNodes/);
});
