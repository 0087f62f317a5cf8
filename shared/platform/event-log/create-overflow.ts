import type { Config } from '#platform/config/schema.ts';
import { type EventLogLogger, silentLogger } from './log.ts';
import type { Overflow } from './overflow.ts';

/** The overflow that the configuration names: SQS when `overflow.queue_url` is set, else a table in Postgres. */
export async function createOverflow(config: Config, logger: EventLogLogger = silentLogger): Promise<Overflow> {
  const { queue_url: queueUrl, dead_letter_queue_url: deadLetterQueueUrl } = config.overflow;
  if (queueUrl !== undefined) {
    const { createSqsOverflow } = await import('./sqs-overflow.ts');
    return createSqsOverflow({ queueUrl, deadLetterQueueUrl, logger });
  }
  const { createPostgresOverflow } = await import('./postgres/overflow.ts');
  const { eventLogPool } = await import('./postgres/pool.ts');
  const { connectionSecurity } = await import('#platform/postgres/connection.ts');
  return createPostgresOverflow(eventLogPool(config.postgres, await connectionSecurity(config.postgres)), logger);
}
