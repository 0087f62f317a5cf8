import type { SQSClient } from '@aws-sdk/client-sqs';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '#platform/event-log/log.ts';
import { createSqsOverflow } from '#platform/event-log/sqs-overflow.ts';
import { type OverflowReplayOptions, startOverflowReplay } from '#workers/relay/overflow-replay.ts';
import { eventually, record } from '../contract/event-log-harness.ts';
import { type SqsDouble, startSqsDouble } from '../contract/sqs-double.ts';
import { countOf, makeQueues, type TestQueues } from '../contract/sqs-harness.ts';
import { describeWithElasticMq } from '../support/real-engines.ts';

// Accepted events wait in the overflow for as long as the log is away, however long that is, and no retrying moves them to the dead letters.

/** On a real queue no time can be skipped. The dead letters filled after 45 s when every round took something out. */
const OUTAGE_SECONDS = Number(process.env.FLEXPRICE_TEST_SQS_OUTAGE_SECONDS ?? 75);
const MINUTE_MS = 60_000;

/** What a log does that cannot be written to. */
const OUTAGES = {
  'does not answer': { answers: false },
  /** A leader is missing, or the rights to write: there is an answer to every question, and no append succeeds. */
  'answers and takes nothing': { answers: true },
} as const;
type Outage = (typeof OUTAGES)[keyof typeof OUTAGES];

/** A log that can be away. */
function fickleLog() {
  let outage: Outage | undefined;
  let attempts = 0;
  const appended: string[] = [];
  return {
    appended,
    /** Appends that failed. */
    attempts: () => attempts,
    goes: (how: Outage) => {
      outage = how;
    },
    comesBack: () => {
      outage = undefined;
    },
    missingTopics: async () => {
      if (outage && !outage.answers) throw new Error('the log does not answer');
      return [];
    },
    append: async (_: string, records: readonly { readonly value: Buffer }[]) => {
      if (outage) {
        attempts += 1;
        throw new Error('the log takes nothing');
      }
      appended.push(...records.map(({ value }) => value.toString('utf8')));
    },
  };
}

const VALUES = ['before', 'a', 'b', 'c'];

/** Ingest lays something aside while the log goes away under the relay's replay; `wait` lasts as long as the outage. */
async function ride(
  client: SQSClient,
  { url, deadLetterUrl }: TestQueues,
  outage: Outage,
  { wait, visibilitySeconds = 120, ...options }: OverflowReplayOptions & { wait(): Promise<void>; readonly visibilitySeconds?: number },
) {
  const overflow = createSqsOverflow({ queueUrl: url, deadLetterQueueUrl: deadLetterUrl, client, visibilitySeconds });
  const log = fickleLog();
  await overflow.put('events', [record('k', 'before')]);
  const replay = startOverflowReplay({ overflow, eventLog: log, logger: silentLogger }, options);
  try {
    await eventually('the log takes what is laid aside', () => log.appended.length === 1);
    log.goes(outage);
    for (const value of VALUES.slice(1)) await overflow.put('events', [record('k', value)]);
    await wait();
    const during = { waiting: await countOf(client, url), deadLetters: await countOf(client, deadLetterUrl), attempts: log.attempts() };
    log.comesBack();
    await eventually('all is replayed', () => log.appended.length >= VALUES.length, 3 * MINUTE_MS);
    await eventually('nothing is left', async () => (await countOf(client, url)) === 0);
    expect([...log.appended].sort()).toEqual([...VALUES].sort());
    expect(await countOf(client, deadLetterUrl)).toBe(0);
    return during;
  } finally {
    await replay.stop();
  }
}

describe('on the double of SQS, whose time can be skipped', () => {
  let sqs: SqsDouble;
  let client: SQSClient;
  let passed: number;
  beforeEach(async () => {
    sqs = await startSqsDouble();
    client = sqs.client();
    passed = 0;
  });
  afterEach(async () => {
    client.destroy();
    await sqs.stop();
  });
  const sleep = async (milliseconds: number): Promise<void> => {
    passed += milliseconds;
    sqs.advance(milliseconds);
    await setImmediate();
  };

  test.each([
    { how: 'does not answer', minutes: 10, tries: 2 },
    { how: 'does not answer', minutes: 3 * 24 * 60, tries: 2 },
    // Each message is tried once in two minutes at most: the 1000 tries that the queue of an environment allows are a day and a third.
    { how: 'answers and takes nothing', minutes: 10, tries: 7 },
    { how: 'answers and takes nothing', minutes: 60, tries: 32 },
  ] as const)('a log that $how for $minutes minutes costs a message less than $tries tries', async ({ how, minutes, tries }) => {
    const queues = await makeQueues(client, tries);
    const during = await ride(client, queues, OUTAGES[how], {
      sleep,
      wait: async () => {
        const end = passed + minutes * MINUTE_MS;
        await eventually('the outage is over', () => passed >= end);
      },
    });
    expect(during).toMatchObject({ waiting: 3, deadLetters: 0 });
    expect(during.attempts).toBeLessThan(3 * tries);
  });
});

describeWithElasticMq('on a real queue', (sqs) => {
  test(
    `${OUTAGE_SECONDS} s without a log cost no event`,
    async () => {
      const client = sqs().client();
      const wait = () => new Promise<void>((resolve) => setTimeout(resolve, OUTAGE_SECONDS * 1000));
      // More tries than the relay of an environment makes, and fewer than its queue allows.
      const options = { wait, longestMs: 10_000, visibilitySeconds: 10 };
      const ways = Object.values(OUTAGES);
      const [silent, refusing] = await Promise.all(
        ways.map(async (outage) => ride(client, await makeQueues(client, Math.max(20, OUTAGE_SECONDS / 5)), outage, options)),
      );
      client.destroy();
      expect([silent, refusing]).toMatchObject(ways.map(() => ({ waiting: 3, deadLetters: 0 })));
      expect(silent?.attempts).toBeLessThanOrEqual(2);
    },
    (OUTAGE_SECONDS + 240) * 1000,
  );
});
