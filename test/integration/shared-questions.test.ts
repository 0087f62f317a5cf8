import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decimal } from '#kernel/decimal.ts';
import type { GroupedQuery, GroupedUsage } from '#metering/domain/grouped-usage.ts';
import { shareQuestions } from '#metering/domain/shared-questions.ts';
import type { UsageQuery } from '#metering/domain/usage.ts';
import { parseExpression } from '#metering/domain/expression/parse.ts';
import { createGroupedUsageRepository } from '#metering/repository/grouped-usage.ts';
import type { ClickHouse } from '#platform/clickhouse/client.ts';
import { meteringCtx, openTestClickHouse, storeEvents, usageQuery, utc } from '../support/metering.ts';

// Questions that are put together against the same questions asked one by one.

let clickhouse: ClickHouse;
let close: () => Promise<void>;
beforeAll(async () => {
  ({ clickhouse, close } = await openTestClickHouse());
});
afterAll(() => close());

const START = utc('2026-03-06T20:00:00Z');
const ask = async (questions: readonly GroupedQuery[]): Promise<readonly GroupedUsage[]> =>
  (await createGroupedUsageRepository(clickhouse).usages(meteringCtx, null, questions)).usages;
const shown = (usage: GroupedUsage | undefined) => {
  const figures = (all: GroupedUsage['groups'][number]['points']) =>
    all.map(({ windowStart, value, eventCount }) => `${windowStart.toISO()} ${value.toFixed()} ${eventCount}`);
  return usage?.groups.map(({ value, eventCount, values, sources, points, buckets }) => [
    `${value.toFixed()} ${eventCount}`,
    values,
    sources,
    figures(points),
    figures(buckets),
  ]);
};

const SHAPES: readonly Partial<UsageQuery>[] = [
  { type: 'COUNT' },
  { type: 'SUM', field: 'n' },
  { type: 'SUM', field: 'n', bucketSize: 'HOUR' },
  { type: 'MAX', field: 'n', bucketSize: 'HOUR' },
  { type: 'MAX', field: 'n', bucketSize: '3HOUR', groupBy: 'region' },
  { type: 'AVG', field: 'n' },
  { type: 'LATEST', field: 'n' },
  { type: 'COUNT_UNIQUE', field: 'n' },
  { type: 'WEIGHTED_SUM', field: 'n' },
  { type: 'SUM_WITH_MULTIPLIER', field: 'n', multiplier: decimal('1.5') },
  { type: 'SUM', expression: parseExpression('n * 2 + 1') },
];

test('each has the answer that it would have alone', async () => {
  const event = fc.record({
    minute: fc.integer({ min: 0, max: 6000 }),
    source: fc.constantFrom('', 'api'),
    region: fc.constantFrom(undefined, 'eu', 'us'),
    n: fc.oneof(fc.integer({ min: -5, max: 50 }), fc.constantFrom('2.5', 'none')),
  });
  const span = fc.tuple(fc.integer({ min: -100, max: 6000 }), fc.integer({ min: 1, max: 6000 }));
  const question = fc.record({ shape: fc.constantFrom(...SHAPES), span, windowed: fc.boolean(), narrow: fc.boolean() });
  let customers = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(event, { minLength: 1, maxLength: 25 }),
      fc.array(question, { minLength: 2, maxLength: 14 }),
      async (events, asked) => {
        customers += 1;
        const customer = `shared_${customers}`;
        await storeEvents(
          clickhouse,
          events.map(({ minute, source, region, n }, index) => ({
            id: `${customer}_${index}`,
            at: START.plus({ minutes: minute }).toISO() ?? '',
            customer,
            source,
            properties: { ...(region && { region }), n },
          })),
        );
        const questions = asked.map(({ shape, span: [from, length], windowed, narrow }): GroupedQuery => {
          const window = windowed ? ({ size: 'DAY', timezone: 'Asia/Kolkata', anchor: null } as const) : null;
          const query = usageQuery({
            type: 'COUNT',
            ...shape,
            window,
            timezone: 'Asia/Kolkata',
            sources: narrow ? ['api'] : null,
            externalCustomerIds: [customer],
            inherited: [{ externalCustomerId: 'nobody', start: START.plus({ hours: 5 }), end: null }],
            range: { start: START.plus({ minutes: from }), end: START.plus({ minutes: from + length }) },
          });
          return { query, keys: [], buckets: query.bucketSize !== null };
        });
        const { asked: shared, answers } = shareQuestions(questions);
        const together = answers(await ask(shared));
        const alone = await ask(questions);
        expect(together.map(shown)).toEqual(alone.map(shown));
        expect(together.map(({ groupCount }) => groupCount)).toEqual(alone.map(({ groupCount }) => groupCount));
      },
    ),
    { numRuns: 30 },
  );
});

test('two thousand that differ in their range, or in nothing, are two', async () => {
  const questions = Array.from({ length: 2000 }, (_, index): GroupedQuery => {
    const range = { start: START.plus({ seconds: index % 1500 }), end: START.plus({ days: 30 }) };
    return { query: usageQuery({ type: 'SUM', field: 'n', externalCustomerIds: ['many'], range }), keys: [], buckets: false };
  });
  await storeEvents(
    clickhouse,
    [0, 700, 1499].map((seconds) => ({
      id: `many_${seconds}`,
      at: START.plus({ seconds }).toISO() ?? '',
      customer: 'many',
      properties: { n: 1 },
    })),
  );
  const { asked, answers } = shareQuestions(questions);
  expect(asked).toHaveLength(2);
  const values = answers(await ask(asked)).map(({ groups }) => groups[0]?.value.toFixed());
  expect(values).toEqual(questions.map((_, index) => (index % 1500 === 0 ? '3' : index % 1500 <= 700 ? '2' : '1')));
});

test('what is told apart, weighed by its end, or of different content stays apart', () => {
  const range = { start: START, end: START.plus({ days: 1 }) };
  const later = { start: START, end: START.plus({ days: 2 }) };
  const sum = (more: Partial<UsageQuery>, keys: GroupedQuery['keys'] = []): GroupedQuery => ({
    query: usageQuery({ type: 'SUM', field: 'n', range, ...more }),
    keys,
    buckets: false,
  });
  const apart = (...questions: GroupedQuery[]): number => shareQuestions(questions).asked.length;
  expect(apart(sum({}), sum({}))).toBe(1);
  expect(apart(sum({}), sum({ range: later }))).toBe(1);
  expect(apart(sum({}, [{ kind: 'source' }]), sum({}, [{ kind: 'source' }]))).toBe(1);
  expect(apart(sum({}, [{ kind: 'source' }]), sum({ range: later }, [{ kind: 'source' }]))).toBe(2);
  expect(apart(sum({ type: 'WEIGHTED_SUM' }), sum({ type: 'WEIGHTED_SUM', range: later }))).toBe(2);
  expect(apart(sum({ range: { start: null, end: range.end } }), sum({ range: { start: null, end: later.end } }))).toBe(2);
  expect(apart(sum({}), sum({ field: 'm' }), sum({ filters: [{ key: 'a', values: ['b'] }] }), sum({ sources: ['x'] }))).toBe(4);
  expect(apart(sum({}), sum({ timezone: 'Asia/Kolkata' }), sum({ multiplier: decimal('2') }))).toBe(3);
});
