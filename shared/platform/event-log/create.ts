import type { Config } from '#platform/config/schema.ts';
import type { EventLog } from './event-log.ts';
import { type EventLogLogger, silentLogger } from './log.ts';

/**
 * The event log that the configuration names: Kafka when `kafka.brokers` is set, else the one in Postgres.
 * Adapters are loaded on demand: a Lambda that speaks Kafka never loads `pg`. Opens no connection by itself.
 */
export async function createEventLog(config: Config, logger: EventLogLogger = silentLogger): Promise<EventLog> {
  const { session_timeout_ms: silenceMs } = config.consumer;
  if (config.kafka.brokers?.length) {
    const { createKafkaEventLog } = await import('./kafka/kafka-event-log.ts');
    return createKafkaEventLog({
      ...config.kafka,
      brokers: config.kafka.brokers,
      logger,
      ...(silenceMs === undefined ? {} : { sessionTimeoutMs: silenceMs }),
    });
  }
  const { createPostgresEventLog } = await import('./postgres/postgres-event-log.ts');
  const { eventLogPool } = await import('./postgres/pool.ts');
  const { connectionSecurity } = await import('#platform/postgres/connection.ts');
  return createPostgresEventLog({
    pool: eventLogPool(config.postgres, await connectionSecurity(config.postgres)),
    logger,
    ...(silenceMs === undefined ? {} : { leaseMs: silenceMs }),
  });
}
