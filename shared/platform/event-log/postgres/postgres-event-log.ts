import type pg from 'pg';
import { answered } from '../answered.ts';
import { createAppendQueue } from '../append-queue.ts';
import { type EventLog, partitionOf } from '../event-log.ts';
import { framedSize } from '../framing.ts';
import { type EventLogLogger, silentLogger } from '../log.ts';
import { createPartitionCounts } from '../partition-counts.ts';
import { createStore, type PlacedRecord } from './store.ts';
import { PostgresSubscription, type SubscriptionDependencies } from './subscription.ts';
import { createWakeups } from './wakeups.ts';

export interface PostgresEventLogOptions {
  /** Ended by `close()`. */
  readonly pool: pg.Pool;
  readonly logger?: EventLogLogger;
  /** A member that has not been heard of for this long loses its partitions. */
  readonly leaseMs?: number;
  /** How often readers look for messages when no notification comes. */
  readonly pollMs?: number;
  /** How long `stop()` lets handlers work before it aborts their signal. */
  readonly stopGraceMs?: number;
}

/** Partition counts may grow (ensureTopics), so they are asked for again after this time. */
const COUNTS_TTL_MS = 60_000;

/** The event log in Postgres: tables of schema `event_log`, see the migration for their meaning. */
export function createPostgresEventLog({
  pool,
  logger = silentLogger,
  leaseMs = 10_000,
  pollMs = 1000,
  stopGraceMs = 20_000,
}: PostgresEventLogOptions): EventLog {
  // Without a listener the loss of an idle connection would end the process; the pool opens a new one by itself.
  pool.on('error', (error) => logger.warn('event log: an idle connection was lost', { error: error.message }));
  const store = createStore(pool);
  const wakeups = createWakeups(pool, logger);
  const dependencies: SubscriptionDependencies = { pool, store, wakeups, logger, leaseMs, pollMs, stopGraceMs };
  // One statement commits while the next ones are sent and wait for the partitions' locks.
  const queue = createAppendQueue<PlacedRecord>({ write: store.append, sizeOf: framedSize, atOnce: 8, maxBytes: 4 * 1024 * 1024 });
  const subscriptions = new Set<PostgresSubscription>();
  const counts = createPartitionCounts((topics) => answered(store.partitionCounts(topics)), COUNTS_TTL_MS);

  return {
    async ensureTopics(specs) {
      await answered(store.ensureTopics(specs));
      counts.forget();
    },

    async missingTopics(names) {
      const existing = await answered(store.partitionCounts(names));
      return names.filter((name) => !existing.has(name));
    },

    partitionCount: (topic) => counts.of(topic),

    async append(topic, records) {
      if (records.length === 0) return;
      const partitions = await counts.of(topic);
      const placed = records.map((record) => ({ ...record, partition: record.partition ?? partitionOf(record.key, partitions) }));
      // Checked before it shares a statement with others.
      const outside = placed.find(({ partition }) => !(partition >= 0 && partition < partitions));
      if (outside) throw new RangeError(`topic "${topic}" has ${partitions} partitions, not one of number ${outside.partition}`);
      await answered(queue.append(topic, placed));
      wakeups.appended(
        topic,
        placed.map(({ partition }) => partition),
      );
    },

    async subscribe(options) {
      for (const topic of options.topics) await counts.of(topic);
      const subscription = new PostgresSubscription(options, dependencies);
      await answered(subscription.start());
      subscriptions.add(subscription);
      return {
        async stop() {
          await subscription.stop();
          subscriptions.delete(subscription);
        },
      };
    },

    lag: (group, topic) => answered(store.lag(group, topic)),

    async offsets(topic) {
      await counts.of(topic);
      return answered(store.offsets(topic));
    },

    async read(topic, { from, ...bounds }) {
      await counts.of(topic);
      return answered(
        Promise.all(
          from.map(async ({ partition, offset }) => ({ partition, messages: await store.readFrom(topic, partition, offset, bounds) })),
        ),
      );
    },

    async close() {
      await Promise.all([...subscriptions].map((subscription) => subscription.stop()));
      subscriptions.clear();
      await pool.end();
    },
  };
}
