import pg from 'pg';
import type { Config } from '#platform/config/schema.ts';

/**
 * Connections of the event log in Postgres: apart from those of the services, so that neither can starve the other.
 * Opens none by itself. One connection is kept for notifications while something is subscribed.
 */
export function eventLogPool(postgres: Config['postgres']): pg.Pool {
  if (postgres.host === undefined) throw new Error('postgres.host is not set: the event log in Postgres needs it (or set kafka.brokers)');
  return new pg.Pool({
    host: postgres.host,
    port: postgres.port,
    database: postgres.database,
    user: postgres.user,
    password: postgres.password,
    ssl: postgres.ssl,
    max: postgres.pool_max,
    application_name: 'flexprice-event-log',
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 30_000,
    statement_timeout: postgres.statement_timeout_ms,
    keepAlive: true,
  });
}
