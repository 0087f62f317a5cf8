import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { LogRecord } from '#platform/event-log/event-log.ts';
import type { Overflow } from '#platform/event-log/overflow.ts';
import { createPostgresOverflow } from '#platform/event-log/postgres/overflow.ts';
import { eventLogPool } from '#platform/event-log/postgres/pool.ts';
import { createSqsOverflow } from '#platform/event-log/sqs-overflow.ts';
import { CONTENT, HEADERS } from '#platform/event-log/topics.ts';
import { createTestPostgres, type TestPostgres } from '../support/engines.ts';
import { record } from './event-log-harness.ts';
import { startSqsDouble } from './sqs-double.ts';

type Taken = { topic: string; records: LogRecord[] }[];

function overflowContract(open: () => Overflow): void {
  let overflow: Overflow;
  const never = new AbortController().signal;
  const drain = async (from = overflow): Promise<Taken> => {
    const taken: Taken = [];
    await from.take(async (topic, records) => {
      taken.push({ topic, records: [...records] });
    }, never);
    return taken;
  };
  const values = (taken: Taken) => taken.flatMap(({ records }) => records.map(({ value }) => value.toString('utf8'))).sort();

  beforeAll(() => {
    overflow = open();
  });
  afterEach(async () => {
    await drain();
  });
  afterAll(() => overflow.close());

  test('records come out as they went in, and only once', async () => {
    const records = [
      record('größe:1', Buffer.from([0, 255, 10, 128]), { headers: { tenant_id: 't1', empty: '' } }),
      record('b', 'pinned', { partition: 5 }),
    ];
    await overflow.put('events', records);
    await overflow.put('system_events', [record('c', 'other topic')]);
    const taken = await drain();
    expect(taken.find(({ topic }) => topic === 'events')?.records).toEqual(records);
    expect(taken.find(({ topic }) => topic === 'system_events')?.records).toEqual([record('c', 'other topic')]);
    expect(await drain()).toEqual([]);
  });

  test('a handler that fails ends the take, and nothing is lost', async () => {
    for (const value of ['1', '2', '3']) await overflow.put('events', [record('a', value)]);
    let calls = 0;
    await expect(
      overflow.take(async () => {
        calls += 1;
        if (calls === 2) throw new Error('the log is still down');
      }, never),
    ).rejects.toThrow('still down');
    expect(calls).toBe(2);
    expect(values(await drain())).toHaveLength(2);
  });

  test('two at once do not take the same entry', async () => {
    const sent = Array.from({ length: 12 }, (_, n) => String(n).padStart(2, '0'));
    for (const value of sent) await overflow.put('events', [record('a', value)]);
    const other = open();
    const [left, right] = await Promise.all([drain(), drain(other)]);
    await other.close();
    expect(values([...left, ...right])).toEqual(sent);
  });

  test('take counts records and ends when it is told to', async () => {
    for (let n = 0; n < 3; n += 1) await overflow.put('events', [record('a', 'x'), record('a', 'y')]);
    const stop = new AbortController();
    expect(await overflow.take(async () => stop.abort(), stop.signal)).toBe(2);
    expect(await overflow.take(async () => {}, never)).toBe(4);
  });

  test('a large put is kept in parts', async () => {
    const records = Array.from({ length: 40 }, (_, n) => record(`k${n}`, randomBytes(60_000).toString('hex')));
    await overflow.put('events', records);
    const taken = await drain();
    expect(taken.length).toBeGreaterThan(1);
    expect(values(taken)).toEqual(records.map(({ value }) => value.toString('utf8')).sort());
  });
}

describe('the overflow in Postgres', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await createTestPostgres();
  });
  afterAll(() => postgres.drop());
  overflowContract(() => createPostgresOverflow(eventLogPool(postgres.config)));
});

describe('the overflow in SQS', () => {
  let sqs: Awaited<ReturnType<typeof startSqsDouble>>;
  beforeAll(async () => {
    sqs = await startSqsDouble();
  });
  afterAll(() => sqs.stop());
  const open = () => createSqsOverflow({ queueUrl: sqs.queueUrl, client: sqs.client() });
  overflowContract(open);

  test('a pack that exceeds a message is cut between lines, with its count', async () => {
    const overflow = open();
    const lines = Array.from({ length: 10 }, () => JSON.stringify({ properties: { blob: randomBytes(40_000).toString('hex') } }));
    await overflow.put('events', [
      record('a', lines.join('\n'), { headers: { [HEADERS.content]: CONTENT.eventPack, [HEADERS.count]: '10' } }),
    ]);
    expect(sqs.bodies().every((body) => body.length <= 262_144)).toBe(true);
    const records: LogRecord[] = [];
    await overflow.take(async (_, some) => {
      records.push(...some);
    }, new AbortController().signal);
    expect(records.length).toBeGreaterThan(1);
    expect(records.flatMap(({ value }) => value.toString('utf8').split('\n')).sort()).toEqual([...lines].sort());
    expect(records.map(({ value, headers }) => Number(headers[HEADERS.count]) === value.toString('utf8').split('\n').length)).not.toContain(
      false,
    );
    await overflow.close();
  });

  test('what cannot be cut is refused', async () => {
    const overflow = open();
    await expect(overflow.put('events', [record('a', randomBytes(400_000))])).rejects.toThrow('too large for the overflow');
    await overflow.close();
  });

  test('a message that cannot be read stays in the queue and holds up nothing', async () => {
    const overflow = open();
    sqs.inject('not ours');
    await overflow.put('events', [record('a', 'good')]);
    const seen: string[] = [];
    expect(
      await overflow.take(async (_, records) => {
        seen.push(...records.map(({ value }) => value.toString('utf8')));
      }, new AbortController().signal),
    ).toBe(1);
    expect(seen).toEqual(['good']);
    expect(sqs.bodies()).toEqual(['not ours']);
    await overflow.close();
  });
});
