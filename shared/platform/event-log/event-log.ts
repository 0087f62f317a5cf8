import type { DateTime } from 'luxon';

/** What a producer hands over. One record may be a pack of many events (see DESIGN: "a record is a pack"). */
export interface LogRecord {
  readonly key: string;
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  /** Absent: the partition that follows from the key. */
  readonly partition?: number;
}

/** What a consumer gets: a record with its place in the partition and the time at which the log took it. */
export interface LogMessage {
  readonly offset: bigint;
  readonly key: string;
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  readonly timestamp: DateTime;
}

/** Consecutive messages of one partition, in offset order, never empty. */
export interface LogBatch {
  readonly topic: string;
  readonly partition: number;
  readonly messages: readonly LogMessage[];
  /** Says that the handler is alive; call it in long handlers. Rejects when the partition has gone to another member. */
  heartbeat(): Promise<void>;
}

export interface SubscribeOptions {
  readonly group: string;
  readonly topics: readonly string[];
  /** A batch is handed over once it holds this many bytes (or after `maxWaitMs`). Default: as soon as anything is there. */
  readonly minBytes?: number;
  /** Upper bound of a batch; a single larger record still comes, alone. */
  readonly maxBytes?: number;
  readonly maxWaitMs?: number;
  /**
   * Offsets are committed after it resolves. When it rejects, the same batch comes again after a backoff, and nothing
   * behind it in the partition before it. `signal` aborts when the subscription stops or the partition is lost.
   */
  handler(batch: LogBatch, signal: AbortSignal): Promise<void>;
}

export interface Subscription {
  /** Finishes the batch in hand, commits, leaves the group. */
  stop(): Promise<void>;
}

export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  readonly retentionHours: number;
}

/** End of a partition (the offset that the next record gets) and the offset at which the group goes on. */
export interface PartitionLag {
  readonly partition: number;
  readonly end: bigint;
  readonly committed: bigint;
}

/** First offset of a partition that is still kept, and the one that its next record gets. */
export interface PartitionOffsets {
  readonly partition: number;
  readonly earliest: bigint;
  readonly end: bigint;
}

export interface ReadOptions {
  /** Which partitions, and from where. */
  readonly from: readonly { readonly partition: number; readonly offset: bigint }[];
  /** Most messages of each partition. */
  readonly limit: number;
  /** Most bytes of values of each partition, default 1 MiB; a single larger record still comes, alone. */
  readonly maxBytes?: number;
}

/** Consecutive messages of one partition in offset order. Empty when there are none from the offset on; fewer than the limit do not mean that. */
export interface LogSlice {
  readonly partition: number;
  readonly messages: readonly LogMessage[];
}

/**
 * A partitioned, durable log with consumer groups: Kafka's model, as far as this product uses it. Delivery is at least
 * once and in order per partition; a new group starts at the oldest message. Both adapters pass `test/contract/event-log.test.ts`.
 */
export interface EventLog {
  /** Creates what is missing; existing topics may gain partitions, never lose any. They can be written when it resolves. */
  ensureTopics(specs: readonly TopicSpec[]): Promise<void>;
  /** Names of those that do not exist. Throws when the log does not answer. */
  missingTopics(names: readonly string[]): Promise<string[]>;
  partitionCount(topic: string): Promise<number>;
  /**
   * Resolves when the records are durable; rejects when none or only some may be. A retry within may store a record twice:
   * what must count once carries its own identity.
   */
  append(topic: string, records: readonly LogRecord[]): Promise<void>;
  subscribe(options: SubscribeOptions): Promise<Subscription>;
  /** Per partition: end of the log and what the group has committed. */
  lag(group: string, topic: string): Promise<readonly PartitionLag[]>;
  /** What each partition holds, in their order. */
  offsets(topic: string): Promise<readonly PartitionOffsets[]>;
  /**
   * Looks at what is in the log when it is called, without a consumer group and without waiting for more: one slice per
   * partition asked for. From an offset that is no longer kept on, it begins at the earliest one.
   */
  read(topic: string, options: ReadOptions): Promise<readonly LogSlice[]>;
  /** Stops the subscriptions that are still running and releases the connections. */
  close(): Promise<void>;
}

const SEED = 0x9747b28c | 0;
const MULTIPLIER = 0x5bd1e995;

/**
 * The partition of a key: murmur2 as in Kafka's default partitioner. Both adapters and the packing of events use this one
 * function, so that a pack's events and its record always agree.
 */
export function partitionOf(key: string, partitions: number): number {
  if (!Number.isInteger(partitions) || partitions < 1) throw new RangeError(`a topic has at least one partition, not ${partitions}`);
  return (murmur2(Buffer.from(key, 'utf8')) & 0x7fffffff) % partitions;
}

function murmur2(data: Buffer): number {
  const { length } = data;
  const whole = length & ~3;
  let hash = SEED ^ length;
  for (let at = 0; at < whole; at += 4) {
    let block = Math.imul(data.readInt32LE(at), MULTIPLIER);
    block ^= block >>> 24;
    hash = Math.imul(hash, MULTIPLIER) ^ Math.imul(block, MULTIPLIER);
  }
  if (whole < length) {
    for (let at = length - 1; at >= whole; at -= 1) hash ^= data.readUInt8(at) << ((at - whole) * 8);
    hash = Math.imul(hash, MULTIPLIER);
  }
  hash ^= hash >>> 13;
  hash = Math.imul(hash, MULTIPLIER);
  return hash ^ (hash >>> 15);
}
