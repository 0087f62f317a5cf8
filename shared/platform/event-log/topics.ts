import type { Config } from '#platform/config/schema.ts';
import type { TopicSpec } from './event-log.ts';

/** The streams of the product. Every one has a dead-letter stream of the same name with `.dlq` behind it. */
export const TOPICS = {
  /** Accepted usage events, as packs. */
  events: 'events',
  /** The same for tenants that are kept apart by configuration (noisy neighbours). */
  eventsLazy: 'events_lazy',
  /** Events after storage: alerts, limits, webhooks on usage. */
  eventsPostProcessing: 'events_post_processing',
  /** State changes from the outbox: audit, webhooks. */
  systemEvents: 'system_events',
} as const;

export type TopicName = (typeof TOPICS)[keyof typeof TOPICS];
export type DlqName = `${TopicName}.dlq`;

/** The dead-letter stream of a topic. */
export function dlqOf(topic: TopicName): DlqName {
  return `${topic}.dlq`;
}

/** Names of the headers that records carry. Values are text; times are ISO 8601. */
export const HEADERS = {
  tenantId: 'tenant_id',
  environmentId: 'environment_id',
  /** What the value is, one of CONTENT. */
  content: 'content',
  /** Number of lines of a pack. */
  count: 'count',
  /** When the request was accepted. */
  ingestedAt: 'ingested_at',
  /** Dead letters only: why it cannot succeed, and where it stood. `line` counts from 0 within a pack. */
  errorReason: 'error_reason',
  errorMessage: 'error_message',
  originTopic: 'origin_topic',
  originPartition: 'origin_partition',
  originOffset: 'origin_offset',
  originLine: 'origin_line',
  failedAt: 'failed_at',
} as const;

/** Kinds of content, for the `content` header. */
export const CONTENT = {
  /** NDJSON, one event per line, all of one tenant and environment. */
  eventPack: 'events+ndjson',
  /** One JSON document from the outbox. */
  systemEvent: 'system_event+json',
} as const;

const DAY_HOURS = 24;
const EVENT_RETENTION_HOURS = 7 * DAY_HOURS;
const DLQ_RETENTION_HOURS = 14 * DAY_HOURS;

/** Partitions by size of the deployment. They may be raised later, never lowered (the key decides the partition). */
const SIZES = {
  production: { events: 48, lazy: 12, postProcessing: 24, system: 12, dlq: 6 },
  development: { events: 12, lazy: 4, postProcessing: 6, system: 4, dlq: 2 },
  /** The log in Postgres: one machine, few consumers. */
  embedded: { events: 8, lazy: 2, postProcessing: 2, system: 2, dlq: 1 },
} as const;

/** All topics with their partitions and retention, for `ensureTopics`. */
export function topicSpecs(config: Config): TopicSpec[] {
  const size = SIZES[sizeOf(config)];
  const partitions: Record<TopicName, number> = {
    [TOPICS.events]: size.events,
    [TOPICS.eventsLazy]: size.lazy,
    [TOPICS.eventsPostProcessing]: size.postProcessing,
    [TOPICS.systemEvents]: size.system,
  };
  return Object.values(TOPICS).flatMap((name) => [
    { name, partitions: partitions[name], retentionHours: EVENT_RETENTION_HOURS },
    { name: dlqOf(name), partitions: size.dlq, retentionHours: DLQ_RETENTION_HOURS },
  ]);
}

function sizeOf(config: Config): keyof typeof SIZES {
  if (!config.kafka.brokers?.length) return 'embedded';
  return config.deployment.environment.startsWith('prod') ? 'production' : 'development';
}
