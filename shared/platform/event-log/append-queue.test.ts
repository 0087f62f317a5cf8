import { expect, test } from 'vitest';
import { createAppendQueue } from './append-queue.ts';
import type { LogRecord } from './event-log.ts';

const record = (value: string): LogRecord => ({ key: 'k', value: Buffer.from(value), headers: {} });

/** Statements that end when the test says so. */
function statements() {
  const calls: { values: string[]; done: PromiseWithResolvers<void> }[] = [];
  return {
    calls,
    write: (_topic: string, records: readonly LogRecord[]) => {
      const done = Promise.withResolvers<void>();
      calls.push({ values: records.map(({ value }) => value.toString()), done });
      return done.promise;
    },
  };
}

const queueOf = (write: (topic: string, records: readonly LogRecord[]) => Promise<void>) =>
  createAppendQueue<LogRecord>({ write, sizeOf: ({ value }) => value.length, atOnce: 8, maxBytes: 4 * 1024 * 1024 });

/** Lets all that was settled take effect. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

test('a lone append goes at once; those that come under load share a statement, in order', async () => {
  const { calls, write } = statements();
  const queue = queueOf(write);
  const appends = Array.from({ length: 20 }, (_, n) => queue.append('events', [record(String(n))]));
  expect(calls.map(({ values }) => values)).toEqual(Array.from({ length: 8 }, (_, n) => [String(n)]));
  calls[0]?.done.resolve();
  await appends[0];
  await settled();
  expect(calls[8]?.values).toEqual(Array.from({ length: 12 }, (_, n) => String(n + 8)));
  for (const { done } of calls) done.resolve();
  await Promise.all(appends);
  expect(calls).toHaveLength(9);
});

test('an append is settled by its own statement: the failure of one does not touch the others', async () => {
  const { calls, write } = statements();
  const queue = queueOf(write);
  const appends = Array.from({ length: 10 }, (_, n) => queue.append('events', [record(String(n))]));
  const outcomes = Promise.allSettled(appends);
  calls[3]?.done.reject(new Error('down'));
  await settled();
  for (const { done } of calls) done.resolve();
  await settled();
  for (const { done } of calls) done.resolve();
  expect((await outcomes).map(({ status }) => status)).toEqual(Array.from({ length: 10 }, (_, n) => (n === 3 ? 'rejected' : 'fulfilled')));
});

test('topics do not wait for each other', () => {
  const { calls, write } = statements();
  const queue = queueOf(write);
  for (let n = 0; n < 9; n += 1) void queue.append('events', [record('e')]);
  void queue.append('system_events', [record('s')]);
  expect(calls.map(({ values }) => values[0])).toEqual([...Array<string>(8).fill('e'), 's']);
});

test('a statement carries at most 4 MiB, or one larger append', async () => {
  const { calls, write } = statements();
  const queue = queueOf(write);
  const large = (mib: number) => [record('x'.repeat(mib * 1024 * 1024))];
  for (let n = 0; n < 8; n += 1) void queue.append('events', [record('busy')]);
  for (const mib of [1, 2, 6, 1]) void queue.append('events', large(mib));
  for (const { done } of calls) done.resolve();
  await settled();
  expect(calls.slice(8).map(({ values }) => values.map((value) => value.length / 1024 / 1024))).toEqual([[1, 2], [6], [1]]);
});
