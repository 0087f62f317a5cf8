import { randomBytes } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, expect, test } from 'vitest';
import type { EventLog } from '#platform/event-log/event-log.ts';
import { READER_GROUP_PREFIX } from '#platform/event-log/kafka/reader.ts';
import { type LogAddress, openEventLog, record, unique } from './event-log-harness.ts';

/** What both adapters must do when somebody looks into a topic. Called within a `describe`. */
export function eventLogReadContract(address: () => LogAddress): void {
  let log: EventLog;
  const opened: EventLog[] = [];
  // The describe has other tests as well.
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((each) => each.close()));
  });

  async function newTopic(partitions: number): Promise<string> {
    log = openEventLog(address());
    opened.push(log);
    const name = unique('topic');
    await log.ensureTopics([{ name, partitions, retentionHours: 1 }]);
    return name;
  }
  const texts = (slices: Awaited<ReturnType<EventLog['read']>>) =>
    slices.map(({ partition, messages }) => [partition, messages.map(({ offset, value }) => `${offset}=${value}`)]);
  const numbered = (from: number, to: number, partition: number) =>
    Array.from({ length: to - from }, (_, index) =>
      record('key', `${from + index}`, { partition, headers: { number: String(from + index) } }),
    );

  test('offsets name the earliest record that is kept and the end of each partition', async () => {
    const topic = await newTopic(3);
    await log.append(topic, [...numbered(0, 3, 0), ...numbered(0, 1, 2)]);
    expect(await log.offsets(topic)).toEqual([
      { partition: 0, earliest: 0n, end: 3n },
      { partition: 1, earliest: 0n, end: 0n },
      { partition: 2, earliest: 0n, end: 1n },
    ]);
    await expect(log.offsets(unique('nowhere'))).rejects.toThrow('has no topic');
  });

  test('a read begins at any offset, also within what was appended at once, and ends at the end', async () => {
    const topic = await newTopic(2);
    await log.append(topic, [...numbered(0, 5, 0), ...numbered(0, 2, 1)]);
    await log.append(topic, numbered(5, 7, 0));
    const from = (...offsets: bigint[]) => ({ from: offsets.map((offset, partition) => ({ partition, offset })), limit: 100 });
    const everything = await log.read(topic, from(0n, 0n));
    expect(everything[0]?.messages[0]).toMatchObject({
      key: 'key',
      headers: { number: '0' },
      timestamp: { isValid: true, zoneName: 'UTC' },
    });
    // One call need not give all there is; the next one goes on behind it.
    const got: string[] = [];
    for (let next = 3n; next < 7n; ) {
      const [slice] = await log.read(topic, from(next));
      expect(slice?.messages[0]?.offset).toBe(next);
      got.push(...(slice?.messages ?? []).map(({ value }) => value.toString()));
      next += BigInt(slice?.messages.length ?? 100);
    }
    expect(got).toEqual(['3', '4', '5', '6']);
    expect(texts(await log.read(topic, from(7n, 1n)))).toEqual([
      [0, []],
      [1, ['1=1']],
    ]);
    expect(texts(await log.read(topic, from(99n)))).toEqual([[0, []]]);
    await expect(log.read(unique('nowhere'), from(0n))).rejects.toThrow('has no topic');
  });

  test('a read is bounded in records and in bytes, and one large record comes all the same', async () => {
    const topic = await newTopic(1);
    await log.append(topic, numbered(0, 6, 0));
    for (let index = 0; index < 4; index += 1) await log.append(topic, [record('big', randomBytes(400_000), { partition: 0 })]);
    const count = async (offset: bigint, limit: number, maxBytes?: number) =>
      (await log.read(topic, { from: [{ partition: 0, offset }], limit, ...(maxBytes === undefined ? {} : { maxBytes }) }))[0]?.messages
        .length;
    expect(await count(1n, 3)).toBe(3);
    expect(await count(6n, 10)).toBe(2);
    expect(await count(6n, 10, 1000)).toBe(1);
    expect(await count(6n, 10, 900_000)).toBe(2);
  });

  test('a read leaves no group behind and moves none', async () => {
    const topic = await newTopic(2);
    const group = unique('group');
    await log.append(topic, numbered(0, 3, 1));
    await Promise.all(
      [1, 2].map(() =>
        log.read(topic, {
          from: [
            { partition: 0, offset: 0n },
            { partition: 1, offset: 1n },
          ],
          limit: 10,
        }),
      ),
    );
    expect(await log.lag(group, topic)).toEqual([
      { partition: 0, end: 0n, committed: 0n },
      { partition: 1, end: 3n, committed: 0n },
    ]);
    const where = address();
    if (where.kind !== 'kafka') return;
    const admin = new Kafka({ brokers: [...where.brokers], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    const { groups } = await admin.listGroups();
    await admin.disconnect();
    expect(groups.map(({ groupId }) => groupId).filter((id) => id.startsWith(READER_GROUP_PREFIX))).toEqual([]);
  });
}
