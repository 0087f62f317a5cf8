import { CamelCasePlugin, Kysely, PostgresDialect, sql, type Transaction } from 'kysely';
import pg from 'pg';
import type { RequestContext } from '#kernel/context.ts';
import type { Config } from '../config/schema.ts';
import { translateError } from './errors.ts';
import type { Tables } from './tables.ts';
import { typeParsers } from './types.ts';

declare const tenantMark: unique symbol;
declare const systemMark: unique symbol;

/** A transaction in which row-level security shows one tenant's environment. Only `withTenant` makes one. */
export type TenantTransaction = Transaction<Tables> & { readonly [tenantMark]: true };
/** A transaction of the system role, which sees all tenants in the few tables that admit it. Only `asSystem` makes one. */
export type SystemTransaction = Transaction<Tables> & { readonly [systemMark]: true };

export interface Database {
  /** Runs `work` in one transaction for the context's tenant and environment, or in the one that the context already carries. Rolls back when it throws. */
  withTenant<T>(ctx: RequestContext, work: (tx: TenantTransaction) => Promise<T>): Promise<T>;
  /** Runs `work` as the system role. `reason` names the sweep or relay, for whoever reads pg_stat_activity. */
  asSystem<T>(reason: string, work: (tx: SystemTransaction) => Promise<T>): Promise<T>;
  /** Rejects when Postgres does not answer. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** Options of a node-postgres connection as the app role. */
export function connectionOptions(config: Config['postgres']): pg.PoolConfig {
  return {
    host: config.host ?? '127.0.0.1',
    port: config.port,
    database: config.database,
    user: config.user,
    ...(config.password === undefined ? {} : { password: config.password }),
    ...(config.ssl ? { ssl: { rejectUnauthorized: true } } : {}),
    types: typeParsers,
  };
}

/** Opens a pool lazily: nothing is connected before the first transaction. */
export function createDatabase(config: Config['postgres']): Database {
  const pool = new pg.Pool({
    ...connectionOptions(config),
    max: config.pool_max,
    idleTimeoutMillis: 60_000,
    connectionTimeoutMillis: 5_000,
    statement_timeout: config.statement_timeout_ms,
    application_name: 'flexprice',
  });
  // A connection that breaks, idle or between two statements, is replaced on next use; without listeners it would end the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => { client.on('error', () => undefined); });
  const kysely = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }), plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: true })] });

  const transaction = async <T>(work: (tx: Transaction<Tables>) => Promise<T>): Promise<T> => {
    try {
      return await kysely.transaction().execute(work);
    } catch (error) {
      throw translateError(error);
    }
  };

  return {
    withTenant: (ctx, work) => ctx.transaction !== undefined ? work(ctx.transaction as TenantTransaction) : transaction(async (tx) => {
      await sql`select set_config('app.tenant_id', ${ctx.tenantId}, true), set_config('app.environment_id', ${ctx.environmentId}, true),
        set_config('app.actor_id', ${ctx.actorId}, true), set_config('app.actor_type', ${ctx.actorType}, true), set_config('app.request_id', ${ctx.requestId}, true)`.execute(tx);
      return work(tx as TenantTransaction);
    }),
    asSystem: (reason, work) => transaction(async (tx) => {
      await sql`select set_config('role', 'flexprice_system', true), set_config('application_name', ${`flexprice ${reason}`}, true)`.execute(tx);
      return work(tx as SystemTransaction);
    }),
    ping: async () => {
      await sql`select 1`.execute(kysely).catch((error: unknown) => { throw translateError(error); });
    },
    close: () => kysely.destroy(),
  };
}
