import pg from 'pg';
import type { Config } from '#platform/config/schema.ts';
import type { ConnectionSecurity } from '#platform/postgres/connection.ts';

/**
 * Connections of the event log in Postgres: apart from those of the services, so that neither can starve the other.
 * Opens none by itself. `security` is that of `connectionSecurity`, for whoever may talk to RDS. One connection is kept for notifications while something is subscribed.
 */
export function eventLogPool(
  postgres: Config['postgres'],
  security: ConnectionSecurity = { password: postgres.password, ssl: postgres.ssl },
): pg.Pool {
  if (postgres.host === undefined) throw new Error('postgres.host is not set: the event log in Postgres needs it (or set kafka.brokers)');
  const pool = new pg.Pool({
    host: postgres.host,
    port: postgres.port,
    database: postgres.database,
    user: postgres.user,
    ...security,
    max: postgres.pool_max,
    application_name: 'flexprice-event-log',
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 30_000,
    statement_timeout: postgres.statement_timeout_ms,
    keepAlive: true,
  });
  // A connection can be cut at any moment, also between two of its statements; without a listener that would end the process.
  pool.on('connect', (client) => {
    client.on('error', () => undefined);
  });
  return pool;
}
