import { setTimeout as wait } from 'node:timers/promises';
import type { Admin, Kafka } from 'kafkajs';
import type { PartitionLag, PartitionOffsets, TopicSpec } from '../event-log.ts';

/** Room for the largest pack and for a single event at the request's size limit; MSK serverless allows no more. */
const MAX_MESSAGE_BYTES = 8 * 1024 * 1024;
const HOUR_MS = 3_600_000;
const READY_MS = 20_000;
const READY_PAUSE_MS = 50;
const COORDINATOR_MS = 5_000;

/** Topic management and lag. Each call has a connection of its own: they are rare, and idle ones are dropped by brokers. */
export function createTopicsAdmin(kafka: Kafka, replicationFactor: number) {
  async function withAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = kafka.admin();
    try {
      await admin.connect();
      return await work(admin);
    } finally {
      await admin.disconnect().catch(() => {});
    }
  }

  async function partitionCounts(admin: Admin, names: readonly string[]): Promise<Map<string, number>> {
    const existing = new Set(await admin.listTopics());
    const known = names.filter((name) => existing.has(name));
    if (known.length === 0) return new Map();
    const { topics } = await admin.fetchTopicMetadata({ topics: known });
    return new Map(topics.map(({ name, partitions }) => [name, partitions.length]));
  }

  return {
    /** Retention is set when a topic is created; on an existing one it is left to whoever runs the cluster. */
    ensureTopics: (specs: readonly TopicSpec[]): Promise<void> =>
      withAdmin(async (admin) => {
        const counts = await partitionCounts(
          admin,
          specs.map(({ name }) => name),
        );
        const missing = specs.filter(({ name }) => !counts.has(name));
        if (missing.length > 0) {
          await admin.createTopics({
            waitForLeaders: true,
            topics: missing.map((spec) => ({
              topic: spec.name,
              numPartitions: spec.partitions,
              replicationFactor,
              configEntries: [
                { name: 'retention.ms', value: String(spec.retentionHours * HOUR_MS) },
                { name: 'max.message.bytes', value: String(MAX_MESSAGE_BYTES) },
                // With three copies, acks -1 means at least two: one broker may be away without writes stopping.
                { name: 'min.insync.replicas', value: String(Math.min(2, Math.max(1, replicationFactor - 1))) },
              ],
            })),
          });
        }
        const grown = specs.filter(({ name, partitions }) => partitions > (counts.get(name) ?? partitions));
        if (grown.length > 0)
          await admin.createPartitions({ topicPartitions: grown.map(({ name, partitions }) => ({ topic: name, count: partitions })) });
        // A leader that is named may not have opened its log yet. It answers for offsets only when it has; a producer that came
        // earlier would be refused for some partitions, and its retry would write the others twice.
        for (const { name } of [...missing, ...grown]) await untilReady(() => admin.fetchTopicOffsets(name));
      }),

    partitionCounts: (names: readonly string[]): Promise<Map<string, number>> => withAdmin((admin) => partitionCounts(admin, names)),

    offsets: (topic: string): Promise<PartitionOffsets[]> =>
      withAdmin(async (admin) =>
        (await admin.fetchTopicOffsets(topic))
          .map(({ partition, low, high }) => ({ partition, earliest: BigInt(low), end: BigInt(high) }))
          .sort((a, b) => a.partition - b.partition),
      ),

    deleteGroup: (group: string): Promise<void> =>
      withAdmin(async (admin) => {
        await admin.deleteGroups([group]);
      }),

    lag: (group: string, topic: string): Promise<PartitionLag[]> =>
      withAdmin(async (admin) => {
        const [ends, [offsets]] = await Promise.all([
          admin.fetchTopicOffsets(topic),
          whileCoordinatorMoves(() => admin.fetchOffsets({ groupId: group, topics: [topic] })),
        ]);
        const committed = new Map(offsets?.partitions.map(({ partition, offset }) => [partition, BigInt(offset)]));
        return ends
          .map(({ partition, high, low }) => {
            const offset = committed.get(partition) ?? -1n;
            // The group goes on at the oldest message where it has committed nothing yet (-1), or something that is no longer kept.
            return { partition, end: BigInt(high), committed: offset < BigInt(low) ? BigInt(low) : offset };
          })
          .sort((a, b) => a.partition - b.partition);
      }),
  };
}

/** Of a fresh or moving group coordinator: it answers a moment later. The client asks nobody else meanwhile. */
const COORDINATOR_MOVES = new Set<unknown>(['NOT_COORDINATOR_FOR_GROUP', 'GROUP_COORDINATOR_NOT_AVAILABLE', 'GROUP_LOAD_IN_PROGRESS']);

async function whileCoordinatorMoves<T>(ask: () => Promise<T>): Promise<T> {
  for (const end = performance.now() + COORDINATOR_MS; ; await wait(READY_PAUSE_MS)) {
    try {
      return await ask();
    } catch (error) {
      if (performance.now() >= end || !COORDINATOR_MOVES.has((error as { readonly type?: unknown }).type)) throw error;
    }
  }
}

/** Tries again for a while; then the last error is thrown. */
async function untilReady(attempt: () => Promise<unknown>): Promise<void> {
  for (const end = performance.now() + READY_MS; ; await wait(READY_PAUSE_MS)) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (performance.now() >= end) throw error;
    }
  }
}
