import fc from 'fast-check';
import { DateTime } from 'luxon';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { windowStart, type WindowSize } from '#kernel/calendar/windows.ts';
import { Decimal } from '#kernel/decimal.ts';
import type { AggregationType } from '#metering/domain/meter.ts';
import type { UsageQuery } from '#metering/domain/usage.ts';
import { createUsageRepository } from '#metering/repository/usage.ts';
import type { ClickHouse } from '#platform/clickhouse/client.ts';
import { timezone } from '../support/arbitraries.ts';
import { type EventSketch, meteringCtx, openTestClickHouse, storeEvents, usageQuery } from '../support/metering.ts';
import { aggregate, type Taken, takenBy, textOf } from '../support/usage-oracle.ts';

let clickhouse: ClickHouse;
let close: () => Promise<void>;

beforeAll(async () => {
  ({ clickhouse, close } = await openTestClickHouse());
});
afterAll(() => close());

const FROM = Date.UTC(2024, 1, 20);
const DAYS = 50;
const MULTIPLIER = '1.5';
const KEYS = ['v', 'a.b', "it's", '__proto__', 'ключ', '', '{v:String}', '\\'] as const;

interface RandomEvent {
  readonly id: string;
  readonly at: number;
  readonly ingestedAt: number;
  readonly key: string;
  readonly value: unknown;
  readonly model: unknown;
  readonly copies: number;
}

const value = fc.oneof(
  fc.integer({ min: -1_000_000, max: 1_000_000 }),
  fc.integer({ min: -999_999, max: 999_999 }).map((n) => n / 1000),
  fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e14, max: 1e14 }),
  fc
    .tuple(fc.bigInt({ min: -(10n ** 29n), max: 10n ** 29n }), fc.bigInt({ min: 0n, max: 10n ** 30n }))
    .map(([whole, part]) => `${whole}.${part}`),
  fc.constantFrom(
    '1e5',
    '1E-3',
    '+7',
    '.5',
    '5.',
    '-',
    '.',
    'e5',
    '1.2.3',
    ' 5',
    '\t-2.5\r\n',
    '3\u00a0',
    '0x10',
    'NaN',
    'inf',
    '',
    'text',
    "'; DROP TABLE events; --",
    '9'.repeat(31),
    '1e30',
    '1e-37',
    null,
    true,
    false,
    [1],
    { a: 1 },
  ),
  fc.constantFrom(1, 2, '1', '2', 'x'),
  fc.constant(undefined),
);

const event = (index: number): fc.Arbitrary<RandomEvent> =>
  fc.record({
    id: fc.constant(`e${index}`),
    at: fc.integer({ min: 0, max: DAYS * 86_400 }).map((second) => FROM + second * 1000),
    ingestedAt: fc.integer({ min: 0, max: 3 }).map((second) => FROM + second * 1000),
    key: fc.constantFrom('v', 'v', 'v', ...KEYS),
    value,
    model: fc.constantFrom('gpt', 'claude', true, 3, undefined),
    copies: fc.integer({ min: 1, max: 3 }),
  });

const question = fc.record({
  type: fc.constantFrom<AggregationType>('COUNT', 'SUM', 'AVG', 'MAX', 'LATEST', 'COUNT_UNIQUE', 'SUM_WITH_MULTIPLIER', 'WEIGHTED_SUM'),
  field: fc.constantFrom('v', 'v', 'v', ...KEYS),
  models: fc.option(fc.constantFrom(['gpt'], ['gpt', 'true'], ['3'], ['none'])),
  start: fc.integer({ min: 0, max: 20 }),
  days: fc.integer({ min: 1, max: 30 }),
  size: fc.option(fc.constantFrom<WindowSize>('15MIN', 'HOUR', '6HOUR', 'DAY', 'WEEK', 'MONTH')),
  zone: timezone(),
});

let run = 0;

test('usage equals what a loop over the events says', async () => {
  const events = fc.integer({ min: 0, max: 25 }).chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => event(index))));
  await fc.assert(
    fc.asyncProperty(events, fc.array(question, { minLength: 1, maxLength: 12 }), async (list, questions) => {
      const customer = `customer ${run++}`;
      const sketches = list.map(
        (item): EventSketch => ({
          id: item.id,
          customer,
          at: new Date(item.at).toISOString(),
          ingestedAt: new Date(item.ingestedAt).toISOString(),
          properties: Object.fromEntries(
            [
              [item.key, item.value],
              ['model', item.model],
            ].filter(([, inner]) => inner !== undefined),
          ),
        }),
      );
      // Copies in inserts of their own are what a redelivery leaves behind.
      for (const copy of [1, 2, 3])
        await storeEvents(
          clickhouse,
          sketches.filter((_, index) => (list[index]?.copies ?? 0) >= copy),
        );

      const asked = questions.map(
        (item): UsageQuery =>
          usageQuery({
            type: item.type,
            field: item.type === 'COUNT' ? null : item.field,
            multiplier: new Decimal(MULTIPLIER),
            externalCustomerIds: [customer],
            filters: item.models === null ? [] : [{ key: 'model', values: item.models }],
            range: {
              start: DateTime.fromMillis(FROM, { zone: 'utc' }).plus({ days: item.start }),
              end: DateTime.fromMillis(FROM, { zone: 'utc' }).plus({ days: item.start + item.days }),
            },
            window: item.size === null ? null : { size: item.size, timezone: item.zone, anchor: DateTime.utc(2023, 1, 31) },
          }),
      );
      const answers = await createUsageRepository(clickhouse).usages(meteringCtx, asked);

      asked.forEach((query, at) => {
        const span: [number, number] = [query.range.start?.toMillis() ?? 0, query.range.end.toMillis()];
        const taken = list.flatMap((item): Taken | Taken[] => {
          const model = textOf(item.model);
          if (item.at < span[0] || item.at >= span[1]) return [];
          if (query.filters.some((filter) => model === null || !filter.values.includes(model))) return [];
          return takenBy(query.type, item, item.key === query.field ? item.value : undefined) ?? [];
        });
        const total = aggregate(query.type, taken, span, MULTIPLIER);
        const { window } = query;
        const points =
          window === null
            ? []
            : [
                ...Map.groupBy(taken, (item) =>
                  windowStart(DateTime.fromMillis(item.event.at, { zone: 'utc' }), window.size, window.timezone, window.anchor).toMillis(),
                ),
              ]
                .sort(([a], [b]) => a - b)
                .map(([start, own]) => ({ start, value: aggregate(query.type, own, span, MULTIPLIER).toFixed(), count: own.length }));
        const answer = answers[at];
        expect({ value: answer?.value.toFixed(), count: answer?.eventCount }).toEqual({
          value: total.isNegative() ? '0' : total.toFixed(),
          count: taken.length,
        });
        expect(
          answer?.points.map((point) => ({ start: point.windowStart?.toMillis(), value: point.value.toFixed(), count: point.eventCount })),
        ).toEqual(points);
      });
    }),
    { numRuns: 60 },
  );
}, 120_000);
