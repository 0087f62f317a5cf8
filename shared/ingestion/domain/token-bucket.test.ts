import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Bucket, fullBucket, type Quota, take } from './token-bucket.ts';

test('a full bucket gives its burst at once, and then what time brings', () => {
  const quota: Quota = { eventsPerSecond: 100, burst: 1000 };
  const first = take(fullBucket(quota, 0), quota, { wanted: 1000, most: 1000, nowMs: 0 });
  expect(first).toEqual({ bucket: { level: 0, filledAtMs: 0 }, granted: 1000, waitMs: 0 });
  expect(take(first.bucket, quota, { wanted: 10, most: 10, nowMs: 50 })).toMatchObject({ granted: 0, waitMs: 50 });
  expect(take(first.bucket, quota, { wanted: 10, most: 10, nowMs: 100 })).toMatchObject({ granted: 10 });
  expect(take(first.bucket, quota, { wanted: 10, most: 40, nowMs: 300 })).toMatchObject({ granted: 30 });
});

test('more than a burst can never be had', () => {
  const quota: Quota = { eventsPerSecond: 1, burst: 1000 };
  expect(() => take(fullBucket(quota, 0), quota, { wanted: 1001, most: 1001, nowMs: 0 })).toThrow(RangeError);
});

test('a clock that goes back gives nothing', () => {
  const quota: Quota = { eventsPerSecond: 10, burst: 1000 };
  const { bucket } = take(fullBucket(quota, 10_000), quota, { wanted: 1000, most: 1000, nowMs: 10_000 });
  expect(take(bucket, quota, { wanted: 1, most: 1, nowMs: 0 }).granted).toBe(0);
});

const asks = fc.array(
  fc.record({
    afterMs: fc.integer({ min: 0, max: 5000 }),
    wanted: fc.integer({ min: 1, max: 1000 }),
    more: fc.integer({ min: 0, max: 500 }),
  }),
  { minLength: 1, maxLength: 60 },
);

test('what is granted is what a bucket filled drop by drop would grant', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2000 }), fc.integer({ min: 1000, max: 3000 }), asks, (eventsPerSecond, burst, list) => {
      let bucket: Bucket = fullBucket({ eventsPerSecond, burst }, 0);
      // The oracle: a bucket that every millisecond gets its drop.
      let drops = burst * 1000;
      let now = 0;
      for (const { afterMs, wanted, more } of list) {
        for (let millisecond = 0; millisecond < afterMs; millisecond += 1) drops = Math.min(burst * 1000, drops + eventsPerSecond);
        now += afterMs;
        const result = take(bucket, { eventsPerSecond, burst }, { wanted, most: wanted + more, nowMs: now });
        bucket = result.bucket;
        const expected = drops >= wanted * 1000 ? Math.min(Math.floor(drops / 1000), wanted + more) : 0;
        drops -= expected * 1000;
        expect(result.granted).toBe(expected);
        // After the wait that it says there is enough, and a millisecond earlier there is not.
        if (result.granted === 0) {
          expect(take(bucket, { eventsPerSecond, burst }, { wanted, most: wanted, nowMs: now + result.waitMs }).granted).toBe(wanted);
          expect(take(bucket, { eventsPerSecond, burst }, { wanted, most: wanted, nowMs: now + result.waitMs - 1 }).granted).toBe(0);
        }
      }
    }),
    { numRuns: 100 },
  );
});
