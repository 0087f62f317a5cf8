import { expect, test } from 'vitest';
import { createTurns } from './turns.ts';

test('so many of a key run at a time, in the order in which they came, and other keys do not wait', async () => {
  const turns = createTurns({ atOnce: 2, waitMs: 60_000 });
  const begun: string[] = [];
  const ends = new Map<string, PromiseWithResolvers<void>>();
  const start = (key: string, name: string): Promise<string> =>
    turns.take(key, async () => {
      begun.push(name);
      const end = Promise.withResolvers<void>();
      ends.set(name, end);
      await end.promise;
      return name;
    });
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  const all = ['a', 'b', 'c', 'd'].map((name) => start('row', name));
  const other = start('other', 'x');
  await settled();
  expect(begun).toEqual(['a', 'b', 'x']);
  ends.get('b')?.reject(new Error('refused'));
  await expect(all[1]).rejects.toThrow('refused');
  await settled();
  expect(begun).toEqual(['a', 'b', 'x', 'c']);
  for (const name of ['a', 'x', 'c']) ends.get(name)?.resolve();
  await settled();
  ends.get('d')?.resolve();
  expect(await Promise.all([all[0], all[2], all[3], other])).toEqual(['a', 'c', 'd', 'x']);
});

test('whoever waits too long is told to try again, and does not run later', async () => {
  const turns = createTurns({ atOnce: 1, waitMs: 20 });
  const hold = Promise.withResolvers<void>();
  const first = turns.take('row', () => hold.promise);
  let ran = false;
  await expect(turns.take('row', async () => void (ran = true))).rejects.toMatchObject({
    code: 'version_conflict',
    details: { retry_after_seconds: 1 },
  });
  hold.resolve();
  await first;
  expect(ran).toBe(false);
  expect(await turns.take('row', async () => 'free again')).toBe('free again');
});
