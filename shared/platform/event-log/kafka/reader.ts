import type { Consumer, EachBatchPayload, Kafka } from 'kafkajs';
import { ulid } from 'ulidx';
import { bounded, READ_MAX_BYTES } from '../bounded.ts';
import type { LogMessage, LogSlice, ReadOptions } from '../event-log.ts';
import type { EventLogLogger } from '../log.ts';
import { toLogMessage } from './message.ts';
import type { createTopicsAdmin } from './topics-admin.ts';

/** Every read is a group of its own with this stem: rights on Kafka can name it. */
export const READER_GROUP_PREFIX = 'flexprice-reader-';
/** A single-member session needs no patience; an abandoned one is forgotten by the broker after this. */
const SESSION_MS = 10_000;
const FETCH_WAIT_MS = 100;
/** Within the deadline of an API behind it. */
const READ_MS = 20_000;

/** What is still wanted of a partition: from `next` on, up to the end that it had when the read began. */
interface Wanted {
  next: bigint;
  readonly end: bigint;
  readonly messages: LogMessage[];
  bytes: number;
}

/**
 * Reads without a subscription. kafkajs fetches through a member of a group only (its fetch request is private), so each read is the sole
 * member of a group of its own: it seeks instead of committing, hence the group holds nothing but its name, which is deleted after it left.
 * Should that fail, the broker forgets a group without members and offsets by itself. A shared group would make two readers take each
 * other's partitions away. Joining costs a second or some: whoever reads several partitions asks for them at once.
 */
export function createReader(
  kafka: Kafka,
  topics: Pick<ReturnType<typeof createTopicsAdmin>, 'offsets' | 'deleteGroup'>,
  logger: EventLogLogger,
) {
  return {
    async read(topic: string, { from, limit, maxBytes = READ_MAX_BYTES }: ReadOptions): Promise<LogSlice[]> {
      const held = new Map((await topics.offsets(topic)).map((each) => [each.partition, each]));
      const wanted = new Map<number, Wanted>();
      for (const { partition, offset } of from) {
        const { earliest, end } = held.get(partition) ?? { earliest: 0n, end: 0n };
        const next = offset < earliest ? earliest : offset;
        if (next < end) wanted.set(partition, { next, end, messages: [], bytes: 0 });
      }
      if (wanted.size > 0) await fetchAll(topic, wanted, limit, maxBytes);
      return from.map(({ partition }) => ({ partition, messages: bounded(wanted.get(partition)?.messages ?? [], { limit, maxBytes }) }));
    },
  };

  async function fetchAll(topic: string, wanted: ReadonlyMap<number, Wanted>, limit: number, maxBytes: number): Promise<void> {
    const groupId = `${READER_GROUP_PREFIX}${ulid()}`;
    const consumer = kafka.consumer({
      groupId,
      sessionTimeout: SESSION_MS,
      heartbeatInterval: SESSION_MS / 5,
      allowAutoTopicCreation: false,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      maxBytesPerPartition: Math.max(maxBytes, 1),
      retry: { restartOnFailure: async () => false },
    });
    const done = Promise.withResolvers<void>();
    done.promise.catch(() => undefined);
    consumer.on(consumer.events.CRASH, ({ payload }) => done.reject(payload.error));
    const timer = setTimeout(() => done.reject(new Error(`Kafka did not hand over the records within ${READ_MS} ms`)), READ_MS);
    const isFull = ({ next, end, messages, bytes }: Wanted): boolean => next >= end || messages.length >= limit || bytes >= maxBytes;

    const eachBatch = async ({ batch, resolveOffset }: EachBatchPayload): Promise<void> => {
      const part = wanted.get(batch.partition);
      if (part === undefined || isFull(part)) return;
      for (const message of batch.messages) {
        const offset = BigInt(message.offset);
        // What was fetched before the seek took effect, or stood before the offset in its record batch.
        if (offset < part.next || isFull(part)) continue;
        part.messages.push(toLogMessage(message));
        part.bytes += message.value?.length ?? 0;
        part.next = offset + 1n;
      }
      resolveOffset(batch.lastOffset());
      if (isFull(part)) consumer.pause([{ topic, partitions: [batch.partition] }]);
      if ([...wanted.values()].every(isFull)) done.resolve();
    };

    try {
      await consumer.connect();
      // At the end, so that nothing is fetched in vain until the seeks below take effect.
      await consumer.subscribe({ topics: [topic], fromBeginning: false });
      await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, partitionsConsumedConcurrently: wanted.size, eachBatch });
      for (const [partition, { next }] of wanted) consumer.seek({ topic, partition, offset: String(next) });
      await done.promise;
    } finally {
      clearTimeout(timer);
      await leave(consumer, groupId);
    }
  }

  async function leave(consumer: Consumer, groupId: string): Promise<void> {
    try {
      await consumer.disconnect();
      await topics.deleteGroup(groupId);
    } catch (error) {
      logger.debug('event log: the group of a read is left to the broker to forget', { group: groupId, error: (error as Error).message });
    }
  }
}
