import type { IngestQuota } from '#kernel/context.ts';

/** So many events per second on average, and so many at once after a pause. */
export type Quota = IngestQuota;

/** What is left of a quota at a time. `level` is in thousandths of an event: each millisecond adds `eventsPerSecond` of them, a whole number. */
export interface Bucket {
  readonly level: number;
  readonly filledAtMs: number;
}

export interface Taken {
  readonly bucket: Bucket;
  /** Events: 0, or at least what was wanted. */
  readonly granted: number;
  /** Where nothing was granted: until when there is enough, if nobody else takes any. Else 0. */
  readonly waitMs: number;
}

const PARTS = 1000;

/** A bucket that nobody has taken from for long. */
export function fullBucket({ burst }: Quota, nowMs: number): Bucket {
  return { level: burst * PARTS, filledAtMs: nowMs };
}

/**
 * Takes events out of a bucket: at least `wanted` or none, and up to `most` where there are so many.
 * In any span of time no more than `burst + eventsPerSecond * seconds` are granted. Throws RangeError for more than the bucket can ever hold.
 */
export function take(
  bucket: Bucket,
  { eventsPerSecond, burst }: Quota,
  { wanted, most, nowMs }: { wanted: number; most: number; nowMs: number },
): Taken {
  if (wanted > burst) throw new RangeError(`${wanted} events are more than a burst of ${burst}`);
  // A clock that went back adds nothing.
  const filledAtMs = Math.max(nowMs, bucket.filledAtMs);
  const level = Math.min(burst * PARTS, bucket.level + (filledAtMs - bucket.filledAtMs) * eventsPerSecond);
  const there = Math.floor(level / PARTS);
  if (there < wanted) return { bucket: { level, filledAtMs }, granted: 0, waitMs: Math.ceil((wanted * PARTS - level) / eventsPerSecond) };
  const granted = Math.min(there, Math.max(wanted, most));
  return { bucket: { level: level - granted * PARTS, filledAtMs }, granted, waitMs: 0 };
}
