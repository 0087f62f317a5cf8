import { answered } from '../answered.ts';
import type { EventLog } from '../event-log.ts';
import { createPartitionCounts } from '../partition-counts.ts';
import { createAppender } from './appender.ts';
import { createKafkaClient, type KafkaClientOptions } from './client.ts';
import { createReader } from './reader.ts';
import { KafkaSubscription } from './subscription.ts';
import { createTopicsAdmin } from './topics-admin.ts';

export interface KafkaEventLogOptions extends KafkaClientOptions {
  readonly replication_factor: number;
  /** After this time `append` rejects, whatever Kafka does. Default 12 s: below the deadline of an API behind it. */
  readonly appendTimeoutMs?: number;
  /** A member that is silent for this long is dropped. Default 45 s: kafkajs knows eager rebalancing only, so it should be rare. */
  readonly sessionTimeoutMs?: number;
  readonly rebalanceTimeoutMs?: number;
  /** How long `stop()` lets handlers work before it aborts their signal. */
  readonly stopGraceMs?: number;
}

const COUNTS_TTL_MS = 5 * 60_000;

/** The event log in Kafka. Opens no connection before it is used. */
export function createKafkaEventLog({
  appendTimeoutMs = 12_000,
  sessionTimeoutMs = 45_000,
  rebalanceTimeoutMs = 60_000,
  stopGraceMs = 20_000,
  ...options
}: KafkaEventLogOptions): EventLog {
  const { logger } = options;
  const kafka = createKafkaClient(options);
  // Requests have a deadline, and the overflow takes what Kafka does not.
  const appender = createAppender(createKafkaClient({ ...options, impatient: true }), appendTimeoutMs);
  const topics = createTopicsAdmin(kafka, options.replication_factor);
  const reader = createReader(kafka, topics, logger);
  const counts = createPartitionCounts((names) => answered(topics.partitionCounts(names)), COUNTS_TTL_MS);
  const subscriptions = new Set<KafkaSubscription>();

  return {
    async ensureTopics(specs) {
      await answered(topics.ensureTopics(specs));
      counts.forget();
    },

    async missingTopics(names) {
      const existing = await answered(topics.partitionCounts(names));
      return names.filter((name) => !existing.has(name));
    },

    partitionCount: (topic) => counts.of(topic),

    async append(topic, records) {
      if (records.length > 0) await answered(appender.append(topic, records));
    },

    async subscribe(subscribeOptions) {
      for (const topic of subscribeOptions.topics) await counts.of(topic);
      const subscription = new KafkaSubscription(subscribeOptions, { kafka, logger, sessionTimeoutMs, rebalanceTimeoutMs, stopGraceMs });
      await answered(subscription.start());
      subscriptions.add(subscription);
      return {
        async stop() {
          await subscription.stop();
          subscriptions.delete(subscription);
        },
      };
    },

    lag: (group, topic) => answered(topics.lag(group, topic)),

    async offsets(topic) {
      await counts.of(topic);
      return answered(topics.offsets(topic));
    },

    async read(topic, readOptions) {
      await counts.of(topic);
      return answered(reader.read(topic, readOptions));
    },

    async close() {
      await Promise.all([...subscriptions].map((subscription) => subscription.stop()));
      subscriptions.clear();
      await appender.close();
    },
  };
}
