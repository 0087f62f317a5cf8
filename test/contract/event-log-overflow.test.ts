import { randomBytes } from 'node:crypto';
import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { LogRecord } from '#platform/event-log/event-log.ts';
import type { Overflow } from '#platform/event-log/overflow.ts';
import { encodeAsTexts } from '#platform/event-log/overflow-codec.ts';
import { silentLogger } from '#platform/event-log/log.ts';
import { createPostgresOverflow } from '#platform/event-log/postgres/overflow.ts';
import { eventLogPool } from '#platform/event-log/postgres/pool.ts';
import { createSqsOverflow, type SqsOverflowOptions } from '#platform/event-log/sqs-overflow.ts';
import { CONTENT, HEADERS } from '#platform/event-log/topics.ts';
import { createTestPostgres, type TestPostgres } from '../support/engines.ts';
import { describeWithElasticMq } from '../support/real-engines.ts';
import { eventually, record } from './event-log-harness.ts';
import { startSqsDouble } from './sqs-double.ts';
import { countOf, makeQueues, peek, type TestQueues, type TestSqs } from './sqs-harness.ts';

type Taken = { topic: string; records: LogRecord[] }[];

function overflowContract(open: (options?: { readonly visibilitySeconds: number }) => Overflow): void {
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

  test('says whether anything waits, also what somebody has in hand', async () => {
    await eventually('it is empty', () => overflow.isEmpty());
    await overflow.put('events', [record('a', '1')]);
    await eventually('something waits', async () => !(await overflow.isEmpty()));
    let inHand: boolean | undefined;
    await overflow.take(async () => {
      inHand = await overflow.isEmpty();
    }, never);
    expect(inHand).toBe(false);
    await eventually('it is empty', () => overflow.isEmpty());
  });

  test('a handler that fails ends the take, and nothing is lost', async () => {
    for (const value of ['1', '2', '3']) await overflow.put('events', [record('a', value)]);
    const failing = open({ visibilitySeconds: 1 });
    let calls = 0;
    await expect(
      failing.take(async () => {
        calls += 1;
        if (calls === 2) throw new Error('the log is still down');
      }, never),
    ).rejects.toThrow('still down');
    expect(calls).toBe(2);
    await failing.close();
    const taken: Taken = [];
    await eventually('what failed comes again', async () => {
      taken.push(...(await drain()));
      return values(taken).length === 2;
    });
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

  test('an entry that cannot be read is said and kept, and holds up nothing behind it', async () => {
    const said: string[] = [];
    const logger = { ...silentLogger, error: (message: string) => said.push(message) };
    const pool = eventLogPool(postgres.config);
    const overflow = createPostgresOverflow(pool, logger);
    await pool.query(`insert into event_log.ingest_overflow (topic, record_count, payload) values ('events', 1, '\\xfefefe')`);
    await overflow.put('events', [record('k', 'behind it')]);
    const taken: string[] = [];
    const take = () =>
      overflow.take(async (_, records) => void taken.push(...records.map(({ value }) => value.toString())), new AbortController().signal);
    expect([await take(), await take()]).toEqual([1, 0]);
    expect(taken).toEqual(['behind it']);
    expect(said).toHaveLength(1);
    expect(await overflow.isEmpty()).toBe(true);
    expect((await pool.query('select topic from event_log.ingest_overflow')).rows).toEqual([{ topic: 'events' }]);
    await overflow.close();
  });
});

/** The overflow in a server that speaks SQS's protocol. */
function sqsContract(sqs: () => TestSqs): void {
  let client: SQSClient;
  let queues: TestQueues;
  beforeAll(async () => {
    client = sqs().client();
    queues = await makeQueues(client, 1000);
  });
  afterAll(() => client.destroy());
  const open = (options: Partial<SqsOverflowOptions> = {}, { url, deadLetterUrl } = queues) =>
    createSqsOverflow({ queueUrl: url, deadLetterQueueUrl: deadLetterUrl, client: sqs().client(), ...options });
  const take = async (overflow: Overflow): Promise<LogRecord[]> => {
    const records: LogRecord[] = [];
    await overflow.take(async (_, some) => {
      records.push(...some);
    }, new AbortController().signal);
    return records;
  };
  overflowContract(open);

  test('a pack that exceeds a message is cut between lines, with its count', async () => {
    const overflow = open();
    const lines = Array.from({ length: 10 }, () => JSON.stringify({ properties: { blob: randomBytes(40_000).toString('hex') } }));
    await overflow.put('events', [
      record('a', lines.join('\n'), { headers: { [HEADERS.content]: CONTENT.eventPack, [HEADERS.count]: '10' } }),
    ]);
    const records = await take(overflow);
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

  test('what failed stays hidden, so that trying at once again spends none of its tries', async () => {
    const own = await makeQueues(client, 1000);
    const overflow = open({ visibilitySeconds: 60 }, own);
    await overflow.put('events', [record('a', 'x')]);
    const failing = async () => {
      throw new Error('the log is away');
    };
    await expect(overflow.take(failing, new AbortController().signal)).rejects.toThrow('away');
    for (let time = 0; time < 3; time += 1) expect(await overflow.take(failing, new AbortController().signal)).toBe(0);
    expect(await countOf(client, own.url)).toBe(1);
    await overflow.close();
  });

  test('what a stop left untried is to be had at once', async () => {
    const own = await makeQueues(client, 1000);
    const overflow = open({}, own);
    for (const value of ['1', '2', '3']) await overflow.put('events', [record('a', value)]);
    const stop = new AbortController();
    expect(await overflow.take(async () => stop.abort(), stop.signal)).toBe(1);
    expect(await take(overflow)).toHaveLength(2);
    await overflow.close();
  });

  test.each([
    ['without a topic', encodeAsTexts([record('a', 'ours')], 10_000)[0]?.text ?? '', undefined],
    ['whose body is not ours', 'not ours', 'events'],
  ])('a message %s goes to the dead letters at once, as it is, and holds up nothing', async (_, MessageBody, topic) => {
    const own = await makeQueues(client, 1000);
    const overflow = open({}, own);
    const MessageAttributes = topic === undefined ? undefined : { topic: { DataType: 'String', StringValue: topic } };
    await client.send(new SendMessageCommand({ QueueUrl: own.url, MessageBody, MessageAttributes }));
    await overflow.put('events', [record('a', 'good')]);
    expect((await take(overflow)).map(({ value }) => value.toString('utf8'))).toEqual(['good']);
    expect(await countOf(client, own.url)).toBe(0);
    const letters = await peek(client, own.deadLetterUrl);
    expect(letters.map(({ Body, MessageAttributes: kept }) => [Body, kept?.topic?.StringValue])).toEqual([[MessageBody, topic]]);
    await overflow.close();
  });

  test('where no queue for dead letters is named, or it cannot be reached, such a message stays', async () => {
    const own = await makeQueues(client, 1000);
    for (const deadLetterQueueUrl of [undefined, `${own.deadLetterUrl}_gone`]) {
      const overflow = open({ deadLetterQueueUrl }, own);
      await client.send(new SendMessageCommand({ QueueUrl: own.url, MessageBody: 'not ours' }));
      await overflow.put('events', [record('a', 'good')]);
      expect(await take(overflow)).toHaveLength(1);
      await overflow.close();
    }
    expect(await countOf(client, own.url)).toBe(2);
  });
}

describe('the overflow in the double of SQS', () => {
  let sqs: TestSqs;
  beforeAll(async () => {
    sqs = await startSqsDouble();
  });
  afterAll(() => sqs.stop());
  sqsContract(() => sqs);
});

describeWithElasticMq('the overflow in ElasticMQ', sqsContract);
