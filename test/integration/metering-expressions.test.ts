import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { evaluateExpression } from '#metering/domain/expression/evaluate.ts';
import { Refusal } from '#metering/domain/expression/numbers.ts';
import { parseExpression } from '#metering/domain/expression/parse.ts';
import { type Properties, storedProperties } from '#ingestion/domain/properties.ts';
import { createUsageRepository } from '#metering/repository/usage.ts';
import type { ClickHouse } from '#platform/clickhouse/client.ts';
import { meteringCtx, openTestClickHouse, range, storeEvents, usageQuery } from '../support/metering.ts';

let clickhouse: ClickHouse;
let close: () => Promise<void>;

beforeAll(async () => {
  ({ clickhouse, close } = await openTestClickHouse());
});
afterAll(() => close());

let run = 0;

/** What ClickHouse makes of each event: decimal text, or null where it has no value. */
async function inClickHouse(expressions: readonly string[], events: readonly Properties[]): Promise<(string | null)[][]> {
  const customer = `customer ${run++}`;
  await storeEvents(
    clickhouse,
    events.map((properties, index) => ({
      id: `${customer} ${index}`,
      customer,
      at: '2026-01-05T10:00:00Z',
      properties: { ...properties, position: index },
    })),
  );
  const usages = await createUsageRepository(clickhouse).usages(
    meteringCtx,
    expressions.map((text) =>
      usageQuery({
        type: 'SUM',
        expression: parseExpression(text),
        groupBy: 'position',
        externalCustomerIds: [customer],
        range: range('2026-01-01', '2026-02-01'),
      }),
    ),
  );
  return usages.map(({ points }) => {
    const values = new Map(points.map(({ group, value }) => [group, value.toFixed()]));
    return events.map((_, index) => values.get(String(index)) ?? null);
  });
}

/** The same by the evaluator, over the properties in their stored form. */
function inProcess(expressions: readonly string[], events: readonly Properties[]): (string | null)[][] {
  return expressions.map((text) =>
    events.map((properties) => {
      const result = evaluateExpression(parseExpression(text), JSON.parse(storedProperties(properties)) as Properties);
      return result instanceof Refusal ? null : result.toFixed();
    }),
  );
}

const digits = (most: number): fc.Arbitrary<bigint> => fc.bigInt({ min: -(10n ** BigInt(most)), max: 10n ** BigInt(most) });
const value = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -20, max: 20 }) },
  { weight: 2, arbitrary: fc.integer({ min: -99_999, max: 99_999 }).map((n) => n / 1000) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(digits(29), fc.bigInt({ min: 0n, max: 10n ** 36n - 1n }))
      .map(([whole, part]) => `${whole}.${String(part).padStart(36, '0')}`),
  },
  { weight: 2, arbitrary: fc.tuple(digits(12), fc.integer({ min: -45, max: 19 })).map(([whole, power]) => `${whole}e${power}`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '999999999999999999999999999999.999999999999999999999999999999999999',
      '1e-36',
      '0',
      '-0',
      '1e30',
      '1',
      '0.5',
      '-0.5',
      '2.5',
      '1000',
      '1001',
      '10',
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom(null, true, false, 'text', '', [1], { a: 1 }, 'NaN', 'Infinity', "'; DROP TABLE events; --") },
);
const event = fc.dictionary(fc.constantFrom('a', 'b', 'c'), value, { noNullPrototype: true });

const literal = fc.oneof(
  fc.integer({ min: 0, max: 100 }).map(String),
  fc.constantFrom(
    '0.5',
    '1.5',
    '2.25',
    '60',
    '3600',
    '1000000',
    '0.000000001',
    '1e-36',
    '999999999',
    '1000000000',
    '123456789012345678901234567890.5',
    '1e29',
    '7',
    '3',
  ),
  fc.tuple(fc.bigInt({ min: 0n, max: 10n ** 29n }), fc.bigInt({ min: 0n, max: 10n ** 30n })).map(([whole, part]) => `${whole}.${part}`),
);

/** Texts of expressions with up to some ten operations. */
const { number } = fc.letrec<{ number: string; condition: string }>((tie) => ({
  number: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    { weight: 3, arbitrary: fc.constantFrom('a', 'b', 'c') },
    { weight: 2, arbitrary: literal },
    {
      weight: 5,
      arbitrary: fc
        .tuple(tie('number'), fc.constantFrom('+', '-', '*', '/'), tie('number'))
        .map(([left, operator, right]) => `(${left} ${operator} ${right})`),
    },
    { weight: 1, arbitrary: tie('number').map((inner) => `-${inner}`) },
    {
      weight: 3,
      arbitrary: fc
        .tuple(fc.constantFrom('abs', 'ceil', 'floor', 'round', 'sqrt', 'log'), tie('number'))
        .map(([name, inner]) => `${name}(${inner})`),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.constantFrom('min', 'max'), fc.array(tie('number'), { minLength: 2, maxLength: 3 }))
        .map(([name, inner]) => `${name}(${inner.join(', ')})`),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(tie('number'), fc.oneof(fc.constantFrom('2', '3', '-1', '0', '10', '0.5', '1.5', '-0.25', '1001'), tie('number')))
        .map(([base, exponent]) => `pow(${base}, ${exponent})`),
    },
    {
      weight: 2,
      arbitrary: fc.tuple(tie('condition'), tie('number'), tie('number')).map(([condition, yes, no]) => `(${condition} ? ${yes} : ${no})`),
    },
  ),
  condition: fc.oneof(
    { maxDepth: 3 },
    {
      weight: 4,
      arbitrary: fc
        .tuple(tie('number'), fc.constantFrom('==', '!=', '<', '<=', '>', '>='), tie('number'))
        .map(([left, operator, right]) => `${left} ${operator} ${right}`),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(tie('condition'), fc.constantFrom('&&', '||'), tie('condition'))
        .map(([left, operator, right]) => `(${left} ${operator} ${right})`),
    },
    { weight: 1, arbitrary: tie('condition').map((inner) => `!(${inner})`) },
  ),
}));
const expression = number.map((text) => (/\b[abc]\b/.test(text) ? text : `a + ${text}`));

test('any expression is worth the same in ClickHouse and in this process, digit by digit', async () => {
  let [values, refusals] = [0, 0];
  await fc.assert(
    fc.asyncProperty(
      fc.array(expression, { minLength: 1, maxLength: 8 }),
      fc.array(event, { minLength: 1, maxLength: 25 }),
      async (expressions, events) => {
        const expected = inProcess(expressions, events);
        expect(await inClickHouse(expressions, events)).toEqual(expected);
        for (const worth of expected.flat()) worth === null ? (refusals += 1) : (values += 1);
      },
    ),
    { numRuns: 50 },
  );
  // Both kinds of answers were compared, and many of each.
  expect([values > 500, refusals > 100]).toEqual([true, true]);
}, 180_000);

test('ties and limits, which chance seldom meets', async () => {
  const numbers = [
    '0',
    '1e-36',
    '2e-36',
    '3e-36',
    '6e-36',
    '12e-36',
    '0.5',
    '1.5',
    '2',
    '-2',
    '4',
    '1e-18',
    '5e-19',
    '1e15',
    '999999999999999.999999999999999999',
    '1e29',
    '999999999999999999999999999999.999999999999999999999999999999999999',
  ];
  const events = numbers.flatMap((a) =>
    numbers.flatMap((b) => [
      { a, b },
      { a: `-${a}`.replace('--', ''), b },
    ]),
  );
  const expressions = [
    'a / b',
    'a * b',
    'a + b',
    'a - b',
    'sqrt(a)',
    'log(a)',
    'round(a)',
    'ceil(a)',
    'floor(a)',
    'a / 2',
    'a * 0.5',
    'a / 3',
    'a * 0.000000001',
    'a > b ? a : b',
    'min(a, b, 1)',
    'pow(a, b)',
    'pow(a, -0.5)',
  ];
  expect(await inClickHouse(expressions, events)).toEqual(inProcess(expressions, events));
}, 120_000);

test('the longest expressions are no more than ClickHouse can plan', async () => {
  const longest = [
    Array.from({ length: 100 }, () => 'a').join('*'),
    `${'(b+'.repeat(30)}a${')'.repeat(30)}`,
    Array.from({ length: 8 }, () => 'pow(b,a)').join('+'),
    `${'(a>1?b:'.repeat(15)}a${')'.repeat(15)}`,
  ];
  const events = [
    { a: 1, b: 2 },
    { a: '1.01', b: 3 },
    { a: -1, b: 0 },
  ];
  expect(await inClickHouse(longest, events)).toEqual(inProcess(longest, events));
}, 60_000);
