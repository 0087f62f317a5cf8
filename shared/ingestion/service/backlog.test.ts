import fc from 'fast-check';
import { DateTime } from 'luxon';
import { expect, test } from 'vitest';
import { environmentKey } from '#kernel/context.ts';
import { HEADERS } from '#platform/event-log/topics.ts';
import type { LogMessage, ReadOptions } from '#platform/event-log/event-log.ts';
import { createBacklog } from './backlog.ts';
import { EVENT_STREAMS } from './event-streams.ts';

const ENVIRONMENTS = [0, 1, 2].map((n) => ({ tenantId: `tenant_${n}`, environmentId: `env_${n}` }));
const PARTITIONS = 2;
const START = DateTime.utc(2026);
const at = (ms: number) => START.toMillis() + ms;

/** A log of one stream in memory, which counts what is read of it. */
function fakeLog(mostPerRead: number) {
  const partitions = Array.from({ length: PARTITIONS }, () => ({ messages: [] as LogMessage[], committed: 0n }));
  const [{ topic, group }] = EVENT_STREAMS as [(typeof EVENT_STREAMS)[number]];
  let read = 0;
  return {
    partitions,
    takenOut: () => read,
    append(partition: number, environment: number, acceptedAt: number, events: number): void {
      const messages = partitions[partition]?.messages ?? [];
      const { tenantId, environmentId } = ENVIRONMENTS[environment] ?? { tenantId: '', environmentId: '' };
      const headers = {
        [HEADERS.tenantId]: tenantId,
        [HEADERS.environmentId]: environmentId,
        [HEADERS.ingestedAt]: START.plus({ milliseconds: acceptedAt }).toISO() ?? '',
        [HEADERS.count]: String(events),
      };
      messages.push({ offset: BigInt(messages.length), key: '', value: Buffer.from('{}'), headers, timestamp: START });
    },
    inFlight: {
      streams: async () => [
        {
          topic,
          group,
          partitions: partitions.map(({ messages, committed }, partition) => ({ partition, committed, end: BigInt(messages.length) })),
        },
      ],
    },
    eventLog: async () => ({
      read: async (_: string, { from, limit }: ReadOptions) =>
        from.map(({ partition, offset }) => {
          const messages = (partitions[partition]?.messages ?? []).slice(Number(offset), Number(offset) + Math.min(limit, mostPerRead));
          read += messages.length;
          return { partition, messages };
        }),
    }),
  };
}

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      partition: fc.nat(1),
      environment: fc.nat(2),
      at: fc.nat(1000),
      events: fc.integer({ min: 1, max: 9 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('commit' as const), partition: fc.nat(1), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('seek back' as const),
      partition: fc.nat(1),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ kind: 'look' as const }) },
);

test('a look that comes to its end says of each environment what a plain walk over the log says', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 5 }), async (steps, mostPerRead) => {
      const log = fakeLog(mostPerRead);
      const { look } = createBacklog(log);
      for (const one of steps) {
        if (one.kind === 'append') log.append(one.partition, one.environment, one.at, one.events);
        else if (one.kind === 'look') {
          const backlog = await look();
          const waiting = log.partitions.flatMap(({ messages, committed }) => messages.filter(({ offset }) => offset >= committed));
          const keyOf = ({ headers }: LogMessage) =>
            environmentKey({ tenantId: headers[HEADERS.tenantId] ?? '', environmentId: headers[HEADERS.environmentId] ?? '' });
          for (const environment of ENVIRONMENTS) {
            const own = waiting.filter((message) => keyOf(message) === environmentKey(environment));
            const right =
              own.length === 0
                ? undefined
                : {
                    events: own.reduce((sum, { headers }) => sum + Number(headers[HEADERS.count]), 0),
                    oldest: Math.min(...own.map(({ headers }) => DateTime.fromISO(headers[HEADERS.ingestedAt] ?? '').toMillis())),
                  };
            if (backlog.isComplete) expect(backlog.own(environment)).toEqual(right);
          }
          // At 8 reads a look and at least one record of each: so many are always seen.
          if (log.partitions.every(({ messages, committed }) => messages.length - Number(committed) <= 8))
            expect(backlog.isComplete).toBe(true);
        } else {
          const part = log.partitions[one.partition];
          if (part === undefined) continue;
          const [from, to] = one.kind === 'commit' ? [Number(part.committed), part.messages.length] : [0, Number(part.committed)];
          part.committed = BigInt(from + Math.floor((to - from) * one.share));
        }
      }
    }),
    { numRuns: 300 },
  );
});

test('a backlog is read once: the next looks go on where the last one ended, and then read only what is new', async () => {
  const log = fakeLog(10);
  const { look } = createBacklog(log);
  for (let n = 0; n < 200; n += 1) log.append(0, 0, 500 + n, 1);
  log.append(1, 1, 7, 3);

  // Of 201 records a look reads 8 times 10 of each partition: until all is seen, nobody is told that he has nothing there.
  expect((await look()).isComplete).toBe(false);
  expect((await look()).isComplete).toBe(false);
  const seen = await look();
  expect(seen.isComplete).toBe(true);
  expect([0, 1, 2].map((n) => seen.own(ENVIRONMENTS[n] as (typeof ENVIRONMENTS)[number]))).toEqual([
    { events: 200, oldest: at(500) },
    { events: 3, oldest: at(7) },
    undefined,
  ]);
  expect(log.takenOut()).toBe(201);

  log.append(0, 2, 900, 2);
  const [, again] = await Promise.all([look(), look()]);
  expect(again?.own({ tenantId: 'tenant_2', environmentId: 'env_2' })).toEqual({ events: 2, oldest: at(900) });
  expect(log.takenOut()).toBe(202);
});

test('a read that brings nothing where something waits does not mean that nothing waits', async () => {
  const log = fakeLog(0);
  log.append(0, 0, 500, 1);
  expect((await createBacklog(log).look()).isComplete).toBe(false);
});
