import { fork } from 'node:child_process';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type EventLog, type LogBatch, partitionOf } from '#platform/event-log/event-log.ts';
import { dlqOf, TOPICS, topicSpecs } from '#platform/event-log/topics.ts';
import { testConfig } from '../support/engines.ts';
import { eventually, forget, type LogAddress, openEventLog, read, record, SILENCE_MS, unique } from './event-log-harness.ts';

const BIG_BYTES = 512 * 1024;

/** What both adapters of the event log must do. Called within a `describe`; every test has topics and groups of its own. */
export function eventLogContract(address: () => LogAddress): void {
  const opened: EventLog[] = [];
  const open = (): EventLog => {
    const log = openEventLog(address());
    opened.push(log);
    return log;
  };
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((log) => log.close()));
  });

  async function newTopic(log: EventLog, partitions = 4): Promise<string> {
    const name = unique('topic');
    await log.ensureTopics([{ name, partitions, retentionHours: 1 }]);
    return name;
  }
  const sum = (values: readonly bigint[]): bigint => values.reduce((total, value) => total + value, 0n);
  const committed = async (log: EventLog, group: string, topic: string) => sum((await log.lag(group, topic)).map((each) => each.committed));
  const numbered = (key: string, from: number, to: number) =>
    Array.from({ length: to - from }, (_, index) => record(key, `${key}:${from + index}`));

  test('messages of one key come in the order of their appends', async () => {
    const log = open();
    const topic = await newTopic(log);
    const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (let from = 0; from < 40; from += 10)
      await log.append(
        topic,
        keys.flatMap((key) => numbered(key, from, from + 10)),
      );
    const reader = await read(log, { group: unique('group'), topics: [topic] });
    await eventually('all messages have been read', () => reader.messages.length >= 240);
    for (const key of keys)
      expect(reader.texts().filter((text) => text.startsWith(`${key}:`))).toEqual(Array.from({ length: 40 }, (_, n) => `${key}:${n}`));
  });

  test('keys, headers and binary values come back as they were, with offset, partition and time', async () => {
    const log = open();
    const topic = await newTopic(log);
    const value = Buffer.from([0, 255, 10, 13, 0, 128, 195, 40]);
    const headers = { tenant_id: 'tenant_1', content: 'events+ndjson', empty: '', accents: 'größe — 数' };
    await log.append(topic, [record('ключ:1', value, { headers }), record('second', '', { partition: 3 })]);
    const reader = await read(log, { group: unique('group'), topics: [topic] });
    await eventually('both messages have been read', () => reader.messages.length === 2);
    const byKey = new Map(
      reader.batches.flatMap(({ partition, messages }) => messages.map((message) => [message.key, { partition, message }])),
    );
    expect(byKey.get('ключ:1')).toMatchObject({ partition: partitionOf('ключ:1', 4), message: { offset: 0n, value, headers } });
    expect(byKey.get('second')).toMatchObject({ partition: 3, message: { headers: {}, value: Buffer.alloc(0) } });
    expect(byKey.get('second')?.message.timestamp).toMatchObject({ isValid: true, zoneName: 'UTC' });
  });

  test('a record of 512 KiB that cannot be compressed travels', async () => {
    const log = open();
    const topic = await newTopic(log, 1);
    const values = Array.from({ length: 12 }, () => randomBytes(BIG_BYTES));
    await log.append(
      topic,
      values.map((value) => record('big', value)),
    );
    const reader = await read(log, { group: unique('group'), topics: [topic], maxBytes: 1024 * 1024 });
    await eventually('all have been read', () => reader.messages.length === values.length);
    expect(Buffer.concat(reader.messages.map(({ value }) => value)).equals(Buffer.concat(values))).toBe(true);
    // A compressed run of records is one unit to Kafka, so the bound holds per run there; here it shows that not all came at once.
    expect(reader.batches.length).toBeGreaterThan(1);
  });

  test('an empty append does nothing, one to an unknown topic is refused', async () => {
    const log = open();
    const topic = await newTopic(log, 1);
    await log.append(topic, []);
    expect(await log.lag(unique('group'), topic)).toEqual([{ partition: 0, end: 0n, committed: 0n }]);
    await expect(log.append(unique('nowhere'), [record('a', '1')])).rejects.toThrow();
    await expect(log.partitionCount(unique('nowhere'))).rejects.toThrow('has no topic');
  });

  test('offsets are committed after the handler has ended, not before', async () => {
    const log = open();
    const topic = await newTopic(log, 1);
    const group = unique('group');
    await log.append(topic, numbered('a', 0, 5));
    const gate = Promise.withResolvers<void>();
    const entered = Promise.withResolvers<void>();
    const reader = await read(log, { group, topics: [topic] }, async () => {
      entered.resolve();
      await gate.promise;
    });
    await entered.promise;
    expect(await log.lag(group, topic)).toEqual([{ partition: 0, end: 5n, committed: 0n }]);
    gate.resolve();
    await eventually('the offset has been committed', async () => (await committed(log, group, topic)) === 5n);
    expect(reader.texts()).toEqual(['a:0', 'a:1', 'a:2', 'a:3', 'a:4']);
  });

  test('what a handler refuses comes again, the same messages, before anything behind it', async () => {
    const log = open();
    const topic = await newTopic(log, 1);
    const group = unique('group');
    await log.append(topic, numbered('a', 0, 3));
    const tries: string[][] = [];
    const reader = await read(log, { group, topics: [topic] }, async ({ messages }) => {
      tries.push(messages.map(({ value }) => value.toString('utf8')));
      if (tries.length === 1) await log.append(topic, numbered('a', 3, 6));
      if (tries.length <= 3) throw new Error('the store is down');
    });
    await eventually('everything has been handled', () => reader.messages.length === 6);
    expect(tries.slice(0, 4)).toEqual(Array.from({ length: 4 }, () => ['a:0', 'a:1', 'a:2']));
    expect(reader.texts()).toEqual(Array.from({ length: 6 }, (_, n) => `a:${n}`));
    await eventually('the offset has been committed', async () => (await committed(log, group, topic)) === 6n);
  });

  test('a partition whose handler fails does not hold up the others', async () => {
    const log = open();
    const topic = await newTopic(log, 4);
    const group = unique('group');
    let failing = true;
    let failures = 0;
    const reader = await read(log, { group, topics: [topic] }, async ({ partition }) => {
      if (partition === 2 && failing) {
        failures += 1;
        throw new Error('poison');
      }
    });
    const round = (n: number) =>
      log.append(
        topic,
        [0, 1, 2, 3].map((partition) => record('k', `${partition}:${n}`, { partition })),
      );
    await round(0);
    await eventually('the partition has failed', () => failures > 0);
    for (let n = 1; n <= 3; n += 1) {
      await round(n);
      await eventually(`round ${n} has passed by`, () => [0, 1, 3].every((partition) => reader.texts().includes(`${partition}:${n}`)));
    }
    expect(reader.texts().filter((text) => text.startsWith('2:'))).toEqual([]);
    failing = false;
    await eventually('the partition has caught up', () => reader.texts().includes('2:3'));
    expect(reader.texts().filter((text) => text.startsWith('2:'))).toEqual(['2:0', '2:1', '2:2', '2:3']);
  });

  test('a group goes on where it stopped, a new group starts at the oldest message', async () => {
    const log = open();
    const topic = await newTopic(log, 2);
    const group = unique('group');
    await log.append(topic, numbered('a', 0, 4));
    const first = await read(log, { group, topics: [topic] });
    await eventually('the first four are committed', async () => (await committed(log, group, topic)) === 4n);
    await first.stop();
    await log.append(topic, numbered('a', 4, 6));
    const second = await read(open(), { group, topics: [topic] });
    await eventually('the rest has come', () => second.messages.length === 2);
    expect(second.texts()).toEqual(['a:4', 'a:5']);
    const other = await read(log, { group: unique('group'), topics: [topic] });
    await eventually('the new group has read all', () => other.messages.length === 6);
    expect(first.messages).toHaveLength(4);
  });

  test('a stop that cuts a handler short commits nothing: the next member gets the batch', async () => {
    const log = open();
    const topic = await newTopic(log, 1);
    const group = unique('group');
    await log.append(topic, numbered('a', 0, 3));
    const entered = Promise.withResolvers<void>();
    const stuck = await read(
      log,
      { group, topics: [topic] },
      (_, signal) =>
        new Promise((_resolve, reject) => {
          entered.resolve();
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        }),
    );
    await entered.promise;
    await stuck.stop();
    expect(await committed(log, group, topic)).toBe(0n);
    const next = await read(log, { group, topics: [topic] });
    await eventually('the batch has come again', () => next.messages.length === 3);
    expect(stuck.messages).toEqual([]);
  });

  test('a stop lets the batch in hand end and commits it', async () => {
    const log = open();
    const topic = await newTopic(log, 1);
    const group = unique('group');
    await log.append(topic, numbered('a', 0, 3));
    const entered = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const reader = await read(log, { group, topics: [topic] }, async () => {
      entered.resolve();
      await gate.promise;
    });
    await entered.promise;
    const stopped = reader.stop();
    gate.resolve();
    await stopped;
    expect(reader.messages).toHaveLength(3);
    expect(await committed(log, group, topic)).toBe(3n);
  });

  test('a handler that takes longer than a member may be silent keeps its partition', async () => {
    const log = open();
    const topic = await newTopic(log, 1);
    const group = unique('group');
    const entered: AbortSignal[] = [];
    const begun = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const slow = async (_: LogBatch, signal: AbortSignal): Promise<void> => {
      entered.push(signal);
      begun.resolve();
      await gate.promise;
    };
    // Whichever of the two has the partition, the other one would get it.
    const readers = [await read(log, { group, topics: [topic] }, slow), await read(log, { group, topics: [topic] }, slow)];
    await log.append(topic, numbered('a', 0, 3));
    await begun.promise;
    const until = performance.now() + 2.5 * SILENCE_MS;
    await eventually('the time of two leases has passed', () => performance.now() > until || entered.length > 1);
    expect(entered.map((signal) => signal.aborted)).toEqual([false]);
    gate.resolve();
    await eventually('the batch is committed', async () => (await committed(log, group, topic)) === 3n);
    expect(readers.flatMap((reader) => reader.texts())).toEqual(['a:0', 'a:1', 'a:2']);
  });

  test('what a killed member had in hand comes again to another', async () => {
    const log = open();
    const topic = await newTopic(log, 2);
    const group = unique('group');
    await log.append(
      topic,
      [0, 1].flatMap((partition) => [record('a', `${partition}:0`, { partition }), record('a', `${partition}:1`, { partition })]),
    );
    const victim = fork(join(import.meta.dirname, 'event-log-victim.ts'), [JSON.stringify(address()), group, topic], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      execArgv: ['--disable-warning=TimeoutNegativeWarning'],
    });
    const [held] = (await once(victim, 'message')) as [{ offsets: string[] }];
    expect(held.offsets.length).toBeGreaterThan(0);
    victim.kill('SIGKILL');
    await once(victim, 'exit');
    const heir = await read(log, { group, topics: [topic] });
    await eventually('the heir has read all', () => heir.messages.length >= 4);
    expect(heir.texts().sort()).toEqual(['0:0', '0:1', '1:0', '1:1']);
  });

  test('members share the partitions, also when one joins and one leaves, and no message is left out', async () => {
    const log = open();
    const topic = await newTopic(log, 6);
    const group = unique('group');
    let sent = 0;
    const round = async () => {
      await log.append(
        topic,
        [0, 1, 2, 3, 4, 5].map((partition) => record('k', `${sent}:${partition}`, { partition })),
      );
      sent += 1;
    };
    const all = () => new Set([first, second, third].flatMap((reader) => reader?.texts() ?? []));
    const partitionsSince = (reader: Awaited<ReturnType<typeof read>>, from: number) =>
      new Set(reader.batches.slice(from).map(({ partition }) => partition)).size;
    /** Sends rounds until each of the readers has got messages of as many partitions as is its share. */
    const sharedBy = async (readers: Awaited<ReturnType<typeof read>>[], share: number) => {
      const from = readers.map(({ batches }) => batches.length);
      await eventually(`${readers.length} members share the partitions`, async () => {
        await round();
        return readers.every((reader, index) => partitionsSince(reader, from[index] ?? 0) >= share);
      });
    };

    const first = await read(log, { group, topics: [topic] });
    const second = await read(open(), { group, topics: [topic] });
    let third: Awaited<ReturnType<typeof read>> | undefined;
    await sharedBy([first, second], 3);
    third = await read(open(), { group, topics: [topic] });
    await sharedBy([first, second, third], 2);
    await first.stop();
    await sharedBy([second, third], 3);

    await eventually('every message has been handled', () => all().size === sent * 6);
    await eventually('every message has been committed', async () => (await committed(log, group, topic)) === BigInt(sent * 6));
  });

  test('each topic of the product and its dead-letter stream can be made, written and read', async () => {
    const log = open();
    const specs = topicSpecs(testConfig());
    await log.ensureTopics(specs);
    await log.ensureTopics(specs);
    expect(await log.missingTopics(specs.map(({ name }) => name))).toEqual([]);
    const dlq = dlqOf(TOPICS.events);
    const group = unique('group');
    const marker = unique('poison');
    await log.append(dlq, [record(marker, '{"bad":', { headers: { error_reason: 'bad_json', origin_offset: '7' } })]);
    const reader = await read(log, { group, topics: [dlq] });
    await eventually('the dead letter has been read', () => reader.messages.some(({ key }) => key === marker));
    expect(reader.messages.find(({ key }) => key === marker)?.headers).toEqual({ error_reason: 'bad_json', origin_offset: '7' });
  });

  test('topics gain partitions and never lose any; missing ones are named', async () => {
    const log = open();
    const topic = await newTopic(log, 2);
    const nowhere = unique('nowhere');
    expect(await log.missingTopics([topic, nowhere])).toEqual([nowhere]);
    expect(await log.partitionCount(topic)).toBe(2);
    await log.ensureTopics([{ name: topic, partitions: 3, retentionHours: 1 }]);
    await eventually('there are three partitions', async () => (await open().partitionCount(topic)) === 3);
    await log.ensureTopics([{ name: topic, partitions: 1, retentionHours: 1 }]);
    expect(await open().partitionCount(topic)).toBe(3);
  });

  test('lag tells the end of each partition and what the group has committed', async () => {
    const log = open();
    const topic = await newTopic(log, 3);
    const group = unique('group');
    await log.append(topic, [record('a', '1', { partition: 0 }), record('a', '2', { partition: 0 }), record('b', '3', { partition: 2 })]);
    const ends = [2n, 0n, 1n];
    expect(await log.lag(group, topic)).toEqual(ends.map((end, partition) => ({ partition, end, committed: 0n })));
    await read(log, { group, topics: [topic] });
    await eventually('nothing lags', async () => (await committed(log, group, topic)) === 3n);
    expect(await log.lag(group, topic)).toEqual(ends.map((end, partition) => ({ partition, end, committed: end })));
  });
  test('a group that has not committed what is no longer kept lags from the oldest message on', async () => {
    const log = open();
    const topic = await newTopic(log, 2);
    for (const value of ['1', '2', '3'])
      await log.append(topic, [record('a', value, { partition: 0 }), record('b', value, { partition: 1 })]);
    await forget(address(), topic, [
      { partition: 0, before: 2n },
      { partition: 1, before: 3n },
    ]);
    // Also of a broker that has served no group yet.
    expect(await log.lag(unique('group'), topic)).toEqual([
      { partition: 0, end: 3n, committed: 2n },
      { partition: 1, end: 3n, committed: 3n },
    ]);
  });
}
