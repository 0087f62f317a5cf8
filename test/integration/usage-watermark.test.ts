import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createUsageRepository } from '#metering/repository/usage.ts';
import type { ClickHouse } from '#platform/clickhouse/client.ts';
import { meteringCtx, openTestClickHouse, range, storeEvents, usageQuery, utc } from '../support/metering.ts';

// A usage answer says up to which time of acceptance it is complete: the number must hold exactly the events up to then.
let clickhouse: ClickHouse;
let close: () => Promise<void>;
beforeAll(async () => {
  ({ clickhouse, close } = await openTestClickHouse());
});
afterAll(() => close());

const FEBRUARY = range('2026-02-01', '2026-03-01');
const acceptedAt = (index: number): string => utc('2026-02-01T00:00:00Z').plus({ seconds: index }).toISO() as string;
const store = (customer: string, from: number, count: number): Promise<void> =>
  storeEvents(
    clickhouse,
    Array.from({ length: count }, (_, index) => ({
      id: `${customer}_${from + index}`,
      customer,
      at: '2026-02-10T00:00:00Z',
      ingestedAt: acceptedAt(from + index),
    })),
  );

/** The engine takes so long to settle which rows each branch of a statement reads; what is stored meanwhile would be seen by later branches alone. */
const slowly = (): ClickHouse => ({
  ...clickhouse,
  query: (sql, parameters, settings) => clickhouse.query(sql, parameters, { ...settings, merge_tree_storage_snapshot_sleep_ms: '100' }),
});

test('numbers and watermark are of the same rows while events are stored', async () => {
  await store('steady', 0, 1);
  const stored = { upTo: 1, stop: false };
  const storing = (async () => {
    for (; !stored.stop; stored.upTo += 1) await store('steady', stored.upTo, 1);
  })();
  const query = usageQuery({ type: 'COUNT', range: FEBRUARY, externalCustomerIds: ['steady'] });
  const everybody = usageQuery({ type: 'COUNT', range: FEBRUARY, externalCustomerIds: null, filters: [] });
  try {
    for (let round = 0; round < 5; round += 1) {
      const before = stored.upTo;
      const answers = await createUsageRepository(slowly()).usages(meteringCtx, [query, everybody, query]);
      for (const { value, watermark } of answers) expect(watermark?.toISO()).toBe(utc(acceptedAt(value.toNumber() - 1)).toISO());
      expect(answers.map(({ value }) => value.toNumber())).toEqual(Array(3).fill(answers[0]?.value.toNumber()));
      while (stored.upTo === before) await delay(5);
    }
  } finally {
    stored.stop = true;
    await storing;
  }
});

test('each question has the watermark of its own customers, whatever it asks about them; of several, of whoever is furthest behind', async () => {
  await store('early', 1000, 2);
  await store('late', 2000, 3);
  const of = (externalCustomerIds: readonly string[], name = 'call') =>
    usageQuery({ type: 'COUNT', range: FEBRUARY, externalCustomerIds, eventName: name });
  const answers = await createUsageRepository(clickhouse).usages(meteringCtx, [
    of(['early']),
    of(['late']),
    of(['early', 'late']),
    of(['nobody']),
    of(['early'], 'another'),
    of(['nobody', 'no one']),
    of(['late', 'early']),
  ]);
  expect(answers.map(({ value, watermark }) => [value.toNumber(), watermark?.toISO() ?? null])).toEqual([
    [2, utc(acceptedAt(1001)).toISO()],
    [3, utc(acceptedAt(2002)).toISO()],
    [5, utc(acceptedAt(1001)).toISO()],
    [0, null],
    [0, utc(acceptedAt(1001)).toISO()],
    [0, null],
    [5, utc(acceptedAt(1001)).toISO()],
  ]);
  expect((await createUsageRepository(clickhouse).watermark(meteringCtx, ['early']))?.toISO()).toBe(utc(acceptedAt(1001)).toISO());
  expect(await createUsageRepository(clickhouse).watermark(meteringCtx, ['nobody'])).toBeNull();
});
