import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createEventLog } from '#platform/event-log/create.ts';
import type { EventLog } from '#platform/event-log/event-log.ts';
import { createGroup } from '#platform/event-log/postgres/group.ts';
import { eventLogPool } from '#platform/event-log/postgres/pool.ts';
import { createStore } from '#platform/event-log/postgres/store.ts';
import { eventually, openEventLog, read, record, unique } from '../contract/event-log-harness.ts';
import { createTestPostgres, superuser, type TestPostgres, testConfig } from '../support/engines.ts';

describe('the event log in Postgres under failures', () => {
  let postgres: TestPostgres;
  let admin: pg.Client;
  const opened: EventLog[] = [];
  beforeAll(async () => {
    postgres = await createTestPostgres();
    admin = new pg.Client(superuser(postgres.config.database));
    await admin.connect();
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((log) => log.close()));
  });
  afterAll(async () => {
    await admin.end();
    await postgres.drop();
  });
  const open = () => {
    const log = openEventLog({ kind: 'postgres', postgres: postgres.config });
    opened.push(log);
    return log;
  };
  async function newTopic(log: EventLog, partitions: number): Promise<string> {
    const name = unique('topic');
    await log.ensureTopics([{ name, partitions, retentionHours: 1 }]);
    return name;
  }

  test('consumers and producers go on after all their connections were cut, and nothing acknowledged is lost', async () => {
    const log = open();
    const topic = await newTopic(log, 3);
    const reader = await read(open(), { group: unique('group'), topics: [topic] });
    const acknowledged: string[] = [];
    let cuts = 0;
    for (let n = 0; cuts < 5; n += 1) {
      await log.append(topic, [record(`key${n % 5}`, String(n))]).then(
        () => acknowledged.push(String(n)),
        () => {},
      );
      if (n % 20 === 19) {
        await admin.query(
          "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'flexprice-event-log' and datname = current_database()",
        );
        cuts += 1;
      }
    }
    await eventually('the log takes records again', () =>
      log.append(topic, [record('last', 'last')]).then(
        () => true,
        () => false,
      ),
    );
    await eventually('all that was acknowledged has been read', () => {
      const seen = new Set(reader.texts());
      return seen.has('last') && acknowledged.every((value) => seen.has(value));
    });
    expect(acknowledged.length).toBeGreaterThan(50);
  });

  test('a member that lost its partition cannot commit', async () => {
    const topic = await newTopic(open(), 1);
    const pool = eventLogPool(postgres.config);
    const group = unique('group');
    const [paused, heir] = [createGroup(pool, group, 'paused', [topic], 1), createGroup(pool, group, 'heir', [topic], 60_000)];
    const store = createStore(pool);
    const [lost] = (await paused.beat()).held;
    if (!lost) throw new Error('the first member got no partition');
    expect(await store.commit(group, 'paused', lost, 1n)).toBe(true);
    await eventually('the heir has the partition', async () => (await heir.beat()).held.length === 1);
    const [gained] = (await heir.beat()).held;

    expect(gained).toMatchObject({ topic, partition: 0, committed: 1n });
    expect(await store.commit(group, 'paused', lost, 9n)).toBe(false);
    expect((await store.lag(group, topic))[0]?.committed).toBe(1n);
    expect((await paused.beat()).held).toEqual([]);
    expect(await store.commit(group, 'heir', gained ?? lost, 2n)).toBe(true);
    await pool.end();
  });

  test('a member says for how long it may be silent, as it is configured', async () => {
    const log = await createEventLog({ ...testConfig({ FLEXPRICE_CONSUMER_SESSION_TIMEOUT_MS: '77000' }), postgres: postgres.config });
    opened.push(log);
    const topic = await newTopic(log, 1);
    const group = unique('group');
    const reader = await read(log, { group, topics: [topic] });
    const {
      rows: [member],
    } = await admin.query<{ seconds: number }>(
      'select extract(epoch from expires_at - clock_timestamp())::float8 as seconds from event_log.group_members where group_name = $1',
      [group],
    );
    expect(member?.seconds).toBeGreaterThan(30);
    expect(member?.seconds).toBeLessThanOrEqual(77);
    await reader.stop();
  });

  test('concurrent appends give every record its own offset, without holes', async () => {
    const log = open();
    const topic = await newTopic(log, 2);
    await Promise.all(
      Array.from({ length: 60 }, (_, n) =>
        log.append(
          topic,
          [0, 1].map((partition) => record('k', `${partition}:${n}`, { partition: (partition + n) % 2 })),
        ),
      ),
    );
    const reader = await read(log, { group: unique('group'), topics: [topic] });
    await eventually('all have been read', () => reader.messages.length === 120);
    for (const partition of [0, 1]) {
      const offsets = reader.batches
        .filter((batch) => batch.partition === partition)
        .flatMap(({ messages }) => messages.map(({ offset }) => offset));
      expect(offsets).toEqual(Array.from({ length: 60 }, (_, n) => BigInt(n)));
    }
  });

  test('expired batches are removed, younger ones and the numbering stay', async () => {
    const log = open();
    const topic = await newTopic(log, 1);
    await log.append(topic, [record('a', 'old'), record('a', 'older')]);
    await admin.query("update event_log.batches set appended_at = appended_at - interval '2 hours' where topic = $1", [topic]);
    await log.append(topic, [record('a', 'young')]);
    const pool = eventLogPool(postgres.config);
    expect(await createStore(pool).removeExpired()).toBe(1);
    await pool.end();
    const reader = await read(log, { group: unique('group'), topics: [topic] });
    await eventually('what is left has been read', () => reader.messages.length > 0);
    expect(reader.messages.map(({ offset, value }) => [offset, value.toString()])).toEqual([[2n, 'young']]);
  });

  test('batches are kept until there is enough, or for so long', async () => {
    const log = open();
    const topic = await newTopic(log, 1);
    const group = unique('group');
    const reader = await read(log, { group, topics: [topic], minBytes: 30_000, maxWaitMs: 3_600_000 });
    for (let n = 0; n < 6; n += 1) await log.append(topic, [record('a', Buffer.alloc(6_000, n))]);
    await eventually('a batch has come', () => reader.batches.length === 1);
    const bytes = reader.messages.reduce((sum, { value }) => sum + value.length, 0);
    expect(bytes).toBeGreaterThanOrEqual(29_000);
  });
});
