import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decimal, sum } from '#kernel/decimal.ts';
import { type AnswerBounds, FOR_PEOPLE, type GroupKey } from '#metering/domain/grouped-usage.ts';
import type { UsageQuery } from '#metering/domain/usage.ts';
import { createGroupedUsageRepository } from '#metering/repository/grouped-usage.ts';
import { createUsageRepository } from '#metering/repository/usage.ts';
import type { ClickHouse } from '#platform/clickhouse/client.ts';
import { type EventSketch, meteringCtx, openTestClickHouse, range, storeEvents, usageQuery, utc } from '../support/metering.ts';

// Grouped usage against the ungrouped question asked once per group: one number, however it is asked (metering.md 9).
let clickhouse: ClickHouse;
let close: () => Promise<void>;
beforeAll(async () => {
  ({ clickhouse, close } = await openTestClickHouse());
});
afterAll(() => close());

const property = (key: string): GroupKey => ({ kind: 'property', key });
const SOURCE: GroupKey = { kind: 'source' };
const ask = async (queries: readonly { query: UsageQuery; keys?: readonly GroupKey[]; buckets?: boolean }[], bounds?: AnswerBounds) =>
  (
    await createGroupedUsageRepository(clickhouse).usages(
      meteringCtx,
      null,
      queries.map(({ query, keys = [], buckets = false }) => ({ query, keys, buckets })),
      bounds,
    )
  ).usages;

let customers = 0;
async function customerWith(events: readonly Omit<EventSketch, 'id'>[]): Promise<string> {
  customers += 1;
  const customer = `grouped_${customers}`;
  const sketches = events.map((event, index) => ({ ...event, id: `${customer}_${index}`, customer }));
  for (let from = 0; from < sketches.length; from += 200) await storeEvents(clickhouse, sketches.slice(from, from + 200));
  return customer;
}
const JANUARY = range('2026-01-01', '2026-02-01');

test('keys with and without dots, empty and missing values are groups of their own (Q2, Q3)', async () => {
  const customer = await customerWith([
    { at: '2026-01-02T10:00:00Z', properties: { 'a.b': 'x', a_b: 'y', n: 1 } },
    { at: '2026-01-02T11:00:00Z', properties: { 'a.b': 'y', a_b: 'x', n: 10 } },
    { at: '2026-01-02T12:00:00Z', properties: { 'a.b': '', n: 100 } },
    { at: '2026-01-02T13:00:00Z', properties: { a: { b: 'x' }, n: 1000 } },
    { at: '2026-01-02T14:00:00Z', properties: { 'a.b': null, n: 10_000 } },
  ]);
  const query = usageQuery({ type: 'SUM', field: 'n', range: JANUARY, externalCustomerIds: [customer] });
  const [answer] = await ask([{ query, keys: [property('a.b'), property('a_b')] }]);
  expect(answer?.groups.map(({ values, value }) => [values, value.toFixed()])).toEqual([
    [[null, null], '11000'],
    [['', null], '100'],
    [['x', 'y'], '1'],
    [['y', 'x'], '10'],
  ]);
});

test('hostile keys and values never reach the statement', async () => {
  const evil = "x'); DROP TABLE events; --";
  const customer = await customerWith([
    { at: '2026-01-02T10:00:00Z', source: evil, properties: { [evil]: evil, '{p0:String}': '\\', n: 1 } },
  ]);
  const query = usageQuery({
    type: 'SUM',
    field: 'n',
    range: JANUARY,
    externalCustomerIds: [customer],
    sources: [evil],
    filters: [{ key: evil, values: [evil] }],
  });
  const [answer] = await ask([{ query, keys: [property(evil), SOURCE, property('{p0:String}')] }]);
  expect(answer).toMatchObject({ groupCount: 1, groups: [{ values: [evil, evil, '\\'], sources: [evil], eventCount: 1 }] });
});

test('of too many groups those with most events are shown, and the rest is counted', async () => {
  const customer = await customerWith(
    Array.from({ length: 1203 }, (_, index) => ({
      at: `2026-01-02T10:00:${String(index % 60).padStart(2, '0')}Z`,
      properties: { user: `u${String(Math.max(0, index - 3)).padStart(4, '0')}`, n: 1 },
    })),
  );
  const query = usageQuery({
    type: 'SUM',
    field: 'n',
    range: JANUARY,
    externalCustomerIds: [customer],
    window: { size: 'DAY', timezone: 'UTC', anchor: null },
  });
  const [answer] = await ask([{ query, keys: [property('user')] }]);
  expect([answer?.groupCount, answer?.groups.length]).toEqual([1200, 1000]);
  expect(answer?.groups[0]).toMatchObject({ values: ['u0000'], eventCount: 4, points: [{ eventCount: 4 }] });
  expect(answer?.groups.at(-1)?.values).toEqual(['u0999']);
});

test('pages of groups hold each group once, those with most events first', async () => {
  const customer = await customerWith(
    Array.from({ length: 60 }, (_, index) => ({
      at: '2026-01-02T10:00:00Z',
      properties: { user: `u${String(Math.floor(Math.sqrt(index))).padStart(2, '0')}`, n: 1 },
    })),
  );
  const query = usageQuery({
    type: 'SUM',
    field: 'n',
    range: JANUARY,
    externalCustomerIds: [customer],
    window: { size: 'DAY', timezone: 'UTC', anchor: null },
  });
  const page = async (groupsBefore: number) =>
    (await ask([{ query, keys: [property('user')] }, { query }], { ...FOR_PEOPLE, groups: 3, groupsBefore }))[0];
  const pages = await Promise.all([0, 3, 6, 9].map(page));
  // u07 has 11 events (49 to 59), u06 13, u05 11, u04 9, ...
  expect(pages.map((one) => one?.groups.map(({ values }) => values[0]))).toEqual([
    ['u05', 'u06', 'u07'],
    ['u02', 'u03', 'u04'],
    ['u00', 'u01'],
    [],
  ]);
  expect(pages.map((one) => one?.groups.every(({ points, eventCount }) => points[0]?.eventCount === eventCount))).toEqual([
    true,
    true,
    true,
    true,
  ]);
  expect(pages.map((one) => one?.groupCount)).toEqual([8, 8, 8, 0]);
});

test('more questions than a statement holds are answered in their order, with one watermark', async () => {
  const customer = await customerWith([
    { at: '2026-01-02T10:00:00Z', properties: { n: 1 } },
    { at: '2026-01-02T10:00:00Z', properties: { n: 2 } },
  ]);
  const question = (type: 'SUM' | 'COUNT') => ({
    query: usageQuery({ type, field: type === 'SUM' ? 'n' : null, range: JANUARY, externalCustomerIds: [customer] }),
    keys: [],
    buckets: false,
  });
  const { usages, watermark } = await createGroupedUsageRepository(clickhouse).usages(
    meteringCtx,
    [customer],
    Array.from({ length: 130 }, (_, index) => question(index % 2 === 0 ? 'SUM' : 'COUNT')),
  );
  expect(usages.map(({ groups }) => groups[0]?.value.toFixed())).toEqual(
    Array.from({ length: 130 }, (_, index) => (index % 2 === 0 ? '3' : '2')),
  );
  expect(watermark?.toISO()).toBe(utc('2026-01-02T10:00:00Z').toISO());
});

test('the watermark is that of the rows that were counted', async () => {
  const customer = await customerWith([
    { at: '2026-01-02T10:00:00Z', ingestedAt: '2026-01-03T00:00:00Z' },
    { at: '2026-01-02T10:00:00Z', name: 'another', ingestedAt: '2026-01-04T00:00:00Z' },
  ]);
  const grouped = createGroupedUsageRepository(clickhouse);
  const question = { query: usageQuery({ type: 'COUNT', range: JANUARY, externalCustomerIds: [customer] }), keys: [], buckets: false };
  expect(await grouped.usages(meteringCtx, [customer], [question])).toMatchObject({
    usages: [{ groups: [{ eventCount: 1 }] }],
    watermark: utc('2026-01-04T00:00:00Z'),
  });
  expect((await grouped.usages(meteringCtx, ['nobody'], [question])).watermark).toBeNull();
});

test('many questions are one statement', async () => {
  const customer = await customerWith([{ at: '2026-01-02T10:00:00Z', properties: { n: 1, model: 'a' } }]);
  let statements = 0;
  const counting: ClickHouse = {
    ...clickhouse,
    query: (...query) => {
      statements += 1;
      return clickhouse.query(...query);
    },
  };
  const query = usageQuery({
    type: 'SUM',
    field: 'n',
    bucketSize: 'HOUR',
    range: JANUARY,
    externalCustomerIds: [customer],
    window: { size: 'DAY', timezone: 'Asia/Kolkata', anchor: null },
  });
  const { usages: answers } = await createGroupedUsageRepository(counting).usages(
    meteringCtx,
    [customer],
    Array.from({ length: 60 }, () => ({ query, keys: [property('model'), SOURCE], buckets: true })),
  );
  expect(answers.map((answer) => answer.groups.length)).toEqual(Array.from({ length: 60 }, () => 1));
  expect(statements).toBe(1);
});

test('each group has the number that the question would have if it were about that group alone', async () => {
  const event = fc.record({
    hour: fc.integer({ min: 0, max: 100 }),
    minute: fc.integer({ min: 0, max: 59 }),
    source: fc.constantFrom('', 'api', 'web'),
    model: fc.constantFrom(undefined, '', 'a', 'b'),
    region: fc.constantFrom(undefined, 'eu', 'us'),
    n: fc.oneof(fc.integer({ min: -5, max: 50 }), fc.constantFrom('2.5', 'none')),
  });
  const shape = fc.constantFrom<Pick<UsageQuery, 'type' | 'field' | 'bucketSize' | 'groupBy' | 'multiplier'>>(
    { type: 'COUNT', field: null, bucketSize: null, groupBy: null, multiplier: null },
    { type: 'SUM', field: 'n', bucketSize: null, groupBy: null, multiplier: null },
    { type: 'SUM', field: 'n', bucketSize: 'HOUR', groupBy: null, multiplier: null },
    { type: 'MAX', field: 'n', bucketSize: 'HOUR', groupBy: null, multiplier: null },
    { type: 'MAX', field: 'n', bucketSize: '3HOUR', groupBy: 'region', multiplier: null },
    { type: 'AVG', field: 'n', bucketSize: null, groupBy: null, multiplier: null },
    { type: 'LATEST', field: 'n', bucketSize: null, groupBy: null, multiplier: null },
    { type: 'COUNT_UNIQUE', field: 'n', bucketSize: null, groupBy: null, multiplier: null },
    { type: 'WEIGHTED_SUM', field: 'n', bucketSize: null, groupBy: null, multiplier: null },
    { type: 'SUM_WITH_MULTIPLIER', field: 'n', bucketSize: null, groupBy: null, multiplier: decimal('1.5') },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(event, { minLength: 1, maxLength: 25 }),
      shape,
      fc.constantFrom('UTC', 'Asia/Kolkata', 'America/New_York'),
      fc.constantFrom(null, 'DAY' as const, '6HOUR' as const),
      async (events, asked, timezone, size) => {
        const customer = await customerWith(
          events.map(({ hour, minute, source, model, region, n }) => ({
            at: utc('2026-03-06T20:00:00Z').plus({ hours: hour, minutes: minute }).toISO() ?? '',
            source,
            properties: { ...(model === undefined ? {} : { model }), ...(region && { region }), n },
          })),
        );
        const query = usageQuery({
          ...asked,
          timezone,
          window: size && { size, timezone, anchor: null },
          range: range('2026-03-06T21:00:00Z', '2026-03-10T20:30:00Z'),
          externalCustomerIds: [customer],
        });
        const [answer, whole] = await ask([{ query, keys: [SOURCE, property('model')], buckets: asked.bucketSize !== null }, { query }]);
        const alone = createUsageRepository(clickhouse);
        const [total] = await alone.usages(meteringCtx, [query]);
        expect([whole?.groups[0]?.value.toFixed(), whole?.groups[0]?.eventCount]).toEqual([total?.value.toFixed(), total?.eventCount]);
        expect(answer?.groups.reduce((count, group) => count + group.eventCount, 0)).toBe(total?.eventCount);
        for (const group of answer?.groups ?? []) {
          const [source, model] = group.values;
          if (model === null) continue;
          // A meter that groups by itself would tell its windows apart; here they are one.
          const narrowed = { ...query, sources: [source ?? ''], filters: [{ key: 'model', values: [model ?? ''] }] };
          const [same] = await alone.usages(meteringCtx, [narrowed]);
          expect([group.value.toFixed(), group.eventCount]).toEqual([same?.value.toFixed(), same?.eventCount]);
          if (asked.groupBy === null && size !== null)
            expect(group.points.map((point) => [point.windowStart.toISO(), point.value.toFixed()])).toEqual(
              same?.points.map((point) => [point.windowStart?.toISO(), point.value.toFixed()]),
            );
          if (asked.type === 'MAX' && !sum(group.buckets.map((bucket) => bucket.value)).isNegative())
            expect(sum(group.buckets.map((bucket) => bucket.value)).toFixed()).toBe(group.value.toFixed());
        }
      },
    ),
    { numRuns: 25 },
  );
});
