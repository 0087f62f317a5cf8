import type { Config } from '#platform/config/schema.ts';
import type { LogRecord } from './event-log.ts';

/** Replays records into the log. When it rejects, they stay in the overflow and come again later. */
export type OverflowHandler = (topic: string, records: readonly LogRecord[]) => Promise<void>;

/**
 * Where accepted records wait while the event log does not take them. Delivery out of it is at least once and keeps no
 * order across calls of `put`: consumers identify an event by its id.
 */
export interface Overflow {
  /** Resolves when the records are kept durably; rejects when none or only some may be. */
  put(topic: string, records: readonly LogRecord[]): Promise<void>;
  /**
   * Hands over what waits until nothing is left or `signal` aborts; the number of records replayed. The first error of
   * the handler ends it and is passed on: a log that is still down need not be asked for every entry.
   */
  take(handler: OverflowHandler, signal: AbortSignal): Promise<number>;
  close(): Promise<void>;
}

/** The overflow that the configuration names: SQS when `overflow.queue_url` is set, else a table in Postgres. */
export async function createOverflow(config: Config): Promise<Overflow> {
  if (config.overflow.queue_url !== undefined) {
    const { createSqsOverflow } = await import('./sqs-overflow.ts');
    return createSqsOverflow({ queueUrl: config.overflow.queue_url });
  }
  const { createPostgresOverflow } = await import('./postgres/overflow.ts');
  const { eventLogPool } = await import('./postgres/pool.ts');
  const { connectionSecurity } = await import('#platform/postgres/connection.ts');
  return createPostgresOverflow(eventLogPool(config.postgres, await connectionSecurity(config.postgres)));
}
