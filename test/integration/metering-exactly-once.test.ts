import fc from 'fast-check';
import { DateTime } from 'luxon';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fixedClock } from '#kernel/clock.ts';
import { unavailable } from '#kernel/errors.ts';
import type { LoggedEvent, UsageEvent } from '#ingestion/domain/event.ts';
import { packEvents } from '#ingestion/repository/pack.ts';
import { createUsageRepository } from '#metering/repository/usage.ts';
import { createEventConsumer } from '#ingestion/service/consume.ts';
import type { ClickHouse } from '#platform/clickhouse/client.ts';
import type { LogBatch, LogMessage, LogRecord } from '#platform/event-log/event-log.ts';
import { meteringCtx, openTestClickHouse, range, usageQuery } from '../support/metering.ts';

let clickhouse: ClickHouse;
let close: () => Promise<void>;

beforeAll(async () => {
  ({ clickhouse, close } = await openTestClickHouse());
});
afterAll(() => close());

const NOW = DateTime.utc(2026, 3, 1);
const EVER = range('2025-01-01', '2027-01-01');
const bare = { clock: fixedClock(NOW), enrich: async (events: readonly LoggedEvent[]) => [...events] };

/** A log that remembers what was appended. */
function appended() {
  const records: { topic: string; record: LogRecord }[] = [];
  return {
    records,
    append: async (topic: string, list: readonly LogRecord[]) => {
      records.push(...list.map((record) => ({ topic, record })));
    },
  };
}

/** A ClickHouse whose inserts into one table fail, before or after they took effect. */
function failing(table: string, when: 'before' | 'after'): ClickHouse {
  return {
    ...clickhouse,
    insert: async (insert) => {
      if (insert.table !== table || when === 'after') await clickhouse.insert(insert);
      if (insert.table === table) throw unavailable('clickhouse', new Error('crash'));
    },
  };
}

const consumerOn = (engine: ClickHouse) => createEventConsumer({ ...bare, clickhouse: engine, eventLog: appended() });

function event(id: string, customer: string, at: string = '2026-01-10T00:00:00Z', v: number = 1): UsageEvent {
  return {
    id,
    eventName: 'call',
    externalCustomerId: customer,
    customerId: '',
    source: '',
    timestamp: DateTime.fromISO(at).toMillis(),
    properties: JSON.stringify({ v }),
  };
}

/** One record per list of events, as ingest packs them. */
function messages(firstOffset: number, packs: readonly (readonly UsageEvent[])[]): LogMessage[] {
  return packs.map((events, index) => {
    const [record] = packEvents({ ...meteringCtx, ingestedAt: NOW.plus({ milliseconds: firstOffset + index }) }, events, 1) as [LogRecord];
    return { offset: BigInt(firstOffset + index), key: record.key, value: record.value, headers: record.headers, timestamp: NOW };
  });
}

function batch(partition: number, list: readonly LogMessage[]): LogBatch {
  return { topic: 'events', partition, messages: list, heartbeat: async () => {} };
}

async function usageOf(customer: string): Promise<{ count: number; sum: string }> {
  const scope = { externalCustomerIds: [customer], range: EVER };
  const [count, total] = await createUsageRepository(clickhouse).usages(meteringCtx, [
    usageQuery({ type: 'COUNT', ...scope }),
    usageQuery({ type: 'SUM', field: 'v', ...scope }),
  ]);
  return { count: count?.value.toNumber() ?? -1, sum: total?.value.toFixed() ?? '' };
}

test('a batch that comes again, whole or cut in other places, changes nothing', async () => {
  const consumer = consumerOn(clickhouse);
  const log = messages(0, [
    [event('again-1', 'again'), event('again-2', 'again')],
    [event('again-3', 'again')],
    [event('again-1', 'again')],
    [event('again-4', 'again')],
  ]);
  expect(await consumer.consume(batch(0, log.slice(0, 2)))).toEqual({ stored: 3, duplicates: 0, rejected: 0 });
  expect(await consumer.consume(batch(0, log.slice(0, 2)))).toEqual({ stored: 3, duplicates: 0, rejected: 0 });
  expect(await consumer.consume(batch(0, log.slice(1, 4)))).toEqual({ stored: 2, duplicates: 1, rejected: 0 });
  for (const message of log) await consumer.consume(batch(0, [message]));
  expect(await usageOf('again')).toEqual({ count: 4, sum: '4' });
});

test('the same id with another timestamp, across the end of a month, counts once: the first copy', async () => {
  const consumer = consumerOn(clickhouse);
  const first = event('month-1', 'month', '2026-01-31T23:59:59Z', 5);
  const second = event('month-1', 'month', '2026-02-01T00:00:00Z', 7);
  await consumer.consume(batch(0, messages(10, [[first, second]])));
  await consumer.consume(batch(0, messages(11, [[second], [{ ...first, eventName: 'other' }]])));
  expect(await usageOf('month')).toEqual({ count: 1, sum: '5' });
  const kept = await clickhouse.query<{ id: string; offset: string; winner: string }>(
    "SELECT id, offset, concat(winner_topic, ':', toString(winner_partition), ':', toString(winner_offset), ':', toString(winner_line)) AS winner FROM event_duplicates FINAL WHERE id = {id:String} ORDER BY offset",
    { id: 'month-1' },
  );
  expect(kept.map(({ offset, winner }) => ({ offset, winner }))).toEqual([
    { offset: '10', winner: 'events:0:10:0' },
    { offset: '11', winner: 'events:0:10:0' },
    { offset: '12', winner: 'events:0:10:0' },
  ]);
});

test('the same id under another customer, in another partition, counts for the first', async () => {
  const consumer = consumerOn(clickhouse);
  await Promise.all([
    consumer.consume(batch(1, messages(20, [[event('two-owners', 'owner-a')]]))),
    consumer.consume(batch(2, messages(20, [[event('two-owners', 'owner-b')]]))),
  ]);
  expect([(await usageOf('owner-a')).count + (await usageOf('owner-b')).count]).toEqual([1]);
});

test.each([
  { table: 'event_ids', when: 'before' },
  { table: 'event_ids', when: 'after' },
  { table: 'events', when: 'before' },
  { table: 'events', when: 'after' },
] as const)('a crash $when the insert into $table, with a copy in another partition meanwhile, counts once', async ({ table, when }) => {
  const id = `crash-${table}-${when}`;
  const mine = messages(30, [[event(id, `${id}-a`), event(`${id}-dup`, `${id}-a`), event(`${id}-dup`, `${id}-a`, '2026-02-10T00:00:00Z')]]);
  const other = messages(30, [[event(id, `${id}-b`)]]);
  await expect(consumerOn(failing(table, when)).consume(batch(3, mine))).rejects.toMatchObject({ code: 'service_unavailable' });
  await consumerOn(clickhouse).consume(batch(4, other));
  await consumerOn(clickhouse).consume(batch(3, mine));
  await consumerOn(clickhouse).consume(batch(4, other));
  const [a, b] = [await usageOf(`${id}-a`), await usageOf(`${id}-b`)];
  expect(a.count + b.count).toBe(2);
  // Who claimed before the crash keeps the id; who did not loses it to the copy that came first.
  expect(b.count).toBe(table === 'event_ids' && when === 'before' ? 1 : 0);
});

test('poison goes to the dead letters with its reason and place, and its neighbours are stored', async () => {
  const log = appended();
  const consumer = createEventConsumer({ ...bare, clickhouse, eventLog: log });
  const [good] = messages(40, [[event('poison-good', 'poison')]]) as [LogMessage];
  const lines = (...list: string[]) => Buffer.from(list.join('\n'));
  const valid = JSON.stringify({
    id: 'poison-2',
    event_name: 'call',
    external_customer_id: 'poison',
    timestamp: NOW.toMillis(),
    properties: '{"v":1}',
  });
  const poisoned: LogMessage[] = [
    good,
    {
      ...good,
      offset: 41n,
      value: lines('{"id":', valid, '{"id":"x"}', '[]', valid.replace('{\\"v\\":1}', 'no json').replace('poison-2', 'poison-3')),
    },
    { ...good, offset: 42n, headers: { environment_id: 'env' } },
    { ...good, offset: 43n, headers: { tenant_id: 'tenant' } },
    { ...good, offset: 44n, value: Buffer.alloc(0) },
  ];
  expect(await consumer.consume(batch(0, poisoned))).toEqual({ stored: 2, duplicates: 0, rejected: 7 });
  expect(await usageOf('poison')).toEqual({ count: 2, sum: '2' });
  expect(
    log.records
      .filter(({ topic }) => topic === 'events.dlq')
      .map(({ record }) => [record.headers.origin_offset, record.headers.origin_line, record.headers.error_reason]),
  ).toEqual([
    ['41', '0', 'bad_json'],
    ['41', '2', 'invalid_event'],
    ['41', '3', 'invalid_event'],
    ['41', '4', 'invalid_event'],
    ['42', undefined, 'missing_tenant'],
    ['43', undefined, 'missing_environment'],
    ['44', undefined, 'empty'],
  ]);
  expect(log.records.find(({ record }) => record.headers.origin_line === '2')?.record.value.toString()).toBe('{"id":"x"}');
  expect(
    log.records.filter(({ topic }) => topic === 'events_post_processing').map(({ record }) => JSON.parse(record.value.toString()).stored),
  ).toEqual([2]);
});

let run = 0;

test('whatever crashes and however batches are cut, every id counts once, and for the copy that was claimed first', async () => {
  const step = fc.record({
    partition: fc.integer({ min: 0, max: 1 }),
    size: fc.integer({ min: 1, max: 4 }),
    crash: fc.constantFrom(null, null, 'event_ids before', 'event_ids after', 'events before', 'events after'),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 7 }), { minLength: 4, maxLength: 16 }),
      fc.array(step, { maxLength: 16 }),
      async (ids, steps) => {
        const name = `random ${run++}`;
        // Even positions are one customer's partition, odd ones another's.
        const partitions = [0, 1].map((partition) =>
          messages(
            1000 * run,
            ids
              .filter((_, index) => index % 2 === partition)
              .map((id, index) => [event(`${name} ${id}`, `${name} ${partition}`, `2026-0${1 + (index % 3)}-10T00:00:00Z`)]),
          ),
        );
        const committed = [0, 0];
        const deliver = async (partition: number, size: number, engine: ClickHouse): Promise<void> => {
          const slice = partitions[partition]?.slice(committed[partition], (committed[partition] ?? 0) + size) ?? [];
          if (slice.length === 0) return;
          await consumerOn(engine)
            .consume(batch(10 + partition, slice))
            .then(
              () => {
                committed[partition] = (committed[partition] ?? 0) + slice.length;
              },
              () => undefined,
            );
        };
        for (const { partition, size, crash } of steps) {
          const [table, when] = (crash ?? '').split(' ') as [string, 'before' | 'after'];
          await deliver(partition, size, crash === null ? clickhouse : failing(table, when));
        }
        for (const partition of [0, 1])
          while ((committed[partition] ?? 0) < (partitions[partition]?.length ?? 0)) await deliver(partition, 3, clickhouse);
        const usages = await Promise.all([0, 1].map((partition) => usageOf(`${name} ${partition}`)));
        expect(usages.reduce((total, usage) => total + usage.count, 0)).toBe(new Set(ids).size);
      },
    ),
    { numRuns: 15 },
  );
}, 120_000);
