import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Occurrences } from './occurrences.ts';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

test('counts as a map does, also while it grows', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 9_000 }), { minLength: 5_000, maxLength: 20_000 }), (numbers) => {
      const occurrences = new Occurrences();
      const map = new Map<number, number>();
      for (const number of numbers) {
        const before = map.get(number) ?? 0;
        map.set(number, before + 1);
        if (occurrences.before(digest(String(number))) !== before) throw new Error(`${number} was counted wrong`);
      }
    }),
    { numRuns: 5 },
  );
});

test('hashes that want the same place are kept apart', () => {
  const occurrences = new Occurrences();
  const same = (high: number): Buffer => Buffer.from(Uint32Array.of(high, 7).buffer);
  expect([1, 2, 1, 3, 2, 1].map((high) => occurrences.before(same(high)))).toEqual([0, 0, 1, 0, 1, 2]);
});
