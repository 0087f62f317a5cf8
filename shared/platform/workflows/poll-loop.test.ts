import { expect, test } from 'vitest';
import { startPollLoop } from './poll-loop.ts';

/** A loop whose rounds the test ends one by one, and whose pauses last until it is woken or stopped. */
function controlled() {
  const rounds: { readonly end: (more: boolean) => void; readonly fail: (error: Error) => void }[] = [];
  const errors: unknown[] = [];
  let pauses = 0;
  const loop = startPollLoop({
    intervalMs: 60_000,
    work: () =>
      new Promise((resolve, reject) => {
        rounds.push({ end: resolve, fail: reject });
      }),
    onError: (error) => errors.push(error),
    sleep: (_, signal) => {
      pauses += 1;
      return new Promise((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }));
    },
  });
  return { loop, rounds, errors, pauses: () => pauses };
}
/** Lets everything happen that waits for nothing but its turn. */
const settle = () =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

test('it works at once, goes on while there is more, and then pauses until it is woken', async () => {
  const { loop, rounds, pauses } = controlled();
  expect(rounds).toHaveLength(1);
  rounds[0]?.end(true);
  await settle();
  expect([rounds.length, pauses()]).toEqual([2, 0]);
  rounds[1]?.end(false);
  await settle();
  expect([rounds.length, pauses()]).toEqual([2, 1]);
  loop.wake();
  await settle();
  expect(rounds).toHaveLength(3);
  rounds[2]?.end(false);
  await loop.stop();
});

test('a wake-up during a round leads to one more round and never to two at a time', async () => {
  const { loop, rounds, pauses } = controlled();
  loop.wake();
  loop.wake();
  await settle();
  expect(rounds).toHaveLength(1);
  rounds[0]?.end(false);
  await settle();
  expect([rounds.length, pauses()]).toEqual([2, 0]);
  rounds[1]?.end(false);
  await settle();
  expect([rounds.length, pauses()]).toEqual([2, 1]);
  await loop.stop();
});

test('a round that throws is reported and the loop goes on after the pause', async () => {
  const { loop, rounds, errors, pauses } = controlled();
  rounds[0]?.fail(new Error('no answer'));
  await settle();
  expect(errors).toEqual([new Error('no answer')]);
  expect(pauses()).toBe(1);
  loop.wake();
  await settle();
  expect(rounds).toHaveLength(2);
  rounds[1]?.end(false);
  await loop.stop();
});

test('stop waits for the round in hand and begins no other', async () => {
  const { loop, rounds } = controlled();
  let stopped = false;
  const stopping = loop.stop().then(() => {
    stopped = true;
  });
  await settle();
  expect(stopped).toBe(false);
  rounds[0]?.end(true);
  await stopping;
  expect(rounds).toHaveLength(1);
});
