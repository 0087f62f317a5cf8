import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseExactJson } from '#kernel/json.ts';
import { type Properties, propertiesProblem, propertyText, quantityOf, storedProperties } from './properties.ts';

const textOf = (json: string): string | null =>
  propertyText(JSON.parse(storedProperties(parseExactJson(json) as Properties)) as Properties, 'v');

test.each([
  ['1', '1'],
  ['1.50', '1.5'],
  ['1e6', '1000000'],
  ['1e21', '1000000000000000000000'],
  ['1e-7', '0.0000001'],
  ['-0', '0'],
  ['0.000001', '0.000001'],
  ['9007199254740993', '9007199254740993'],
  ['9007199254740993.000000000000000001', '9007199254740993.000000000000000001'],
  ['12345678901234567890e2', '1234567890123456789000'],
  ['"1.50"', '1.50'],
  ['"01"', '01'],
  ['true', 'true'],
  ['false', 'false'],
  ['null', null],
  ['""', ''],
  ['[1,2]', '[1,2]'],
  ['{"a":1}', '{"a":1}'],
  ['"\\ud800"', '\ufffd'],
])('the text of %s is %j', (json, expected) => {
  expect(textOf(`{"v":${json}}`)).toBe(expected);
});

test('a key is looked up on the first level, as it is written', () => {
  const stored = JSON.parse('{"a":{"b":1},"a.b":2,"__proto__":3}') as Properties;
  expect([
    propertyText(stored, 'a.b'),
    propertyText(stored, '__proto__'),
    propertyText(stored, 'constructor'),
    propertyText(stored, 'b'),
  ]).toEqual(['2', '3', null, null]);
});

test.each([
  ['12.50', '12.5'],
  ['-1e3', '-1000'],
  ['.5', '0.5'],
  ['5.', '5'],
  ['+7', '7'],
  [' 5', '5'],
  ['\t5\v\f\r\n ', '5'],
  ['1e-40', '0'],
  ['999999999999999999999999999999', '999999999999999999999999999999'],
])('%s is worth %s', (text, expected) => {
  expect(quantityOf(text)?.toFixed()).toBe(expected);
});

test.each([
  null,
  '',
  ' ',
  '5\u00a0',
  '1 2',
  '+ 7',
  '- 5',
  'abc',
  'true',
  '0x10',
  '1,5',
  'NaN',
  'Infinity',
  '-',
  '.',
  'e5',
  '1.2.3',
  '1e30',
  '-1e30',
  '1e99999',
])('%j is worth nothing', (text) => {
  expect(quantityOf(text)).toBeNull();
});

test('what is stored reads back as it was sent, but for numbers that only text can hold', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 })), (properties) => {
      const sent = JSON.stringify(properties);
      const stored = storedProperties(parseExactJson(sent) as Properties);
      expect(stored.isWellFormed()).toBe(true);
      expect(JSON.stringify(JSON.parse(stored), plainNumbers)).toBe(JSON.stringify(JSON.parse(sent), plainNumbers));
    }),
  );
});

/** Text of numbers and numbers compare equal by value. */
function plainNumbers(_key: string, value: unknown): unknown {
  if (typeof value === 'number') return `number ${value}`;
  return typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value) && value.replace(/\D/g, '').length > 6
    ? `number ${Number(value)}`
    : typeof value === 'string'
      ? value.toWellFormed()
      : value;
}

test('bounds of depth and keys', () => {
  const nested = (levels: number): Properties => JSON.parse(`${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`) as Properties;
  const wide = (keys: number): Properties => Object.fromEntries(Array.from({ length: keys }, (_, index) => [`k${index}`, index]));
  expect([propertiesProblem(nested(10)), propertiesProblem(wide(256)), propertiesProblem({ a: wide(256) })]).toEqual([null, null, null]);
  expect(
    [
      propertiesProblem(nested(11)),
      propertiesProblem(nested(5000)),
      propertiesProblem(wide(257)),
      propertiesProblem({ a: [wide(257)] }),
    ].every((problem) => problem !== null),
  ).toBe(true);
});
