import { setImmediate } from 'node:timers/promises';
import { CamelCasePlugin, Kysely, PostgresDialect, type PostgresPool, sql, type Transaction } from 'kysely';
import pg from 'pg';
import type { RequestContext } from '#kernel/context.ts';
import type { Config } from '../config/schema.ts';
import { committed } from './after-commit.ts';
import { connectionOptions } from './connection.ts';
import { isDeadConnection, translateError } from './errors.ts';
import { NotBegun, pipelinedPool } from './pipelined-pool.ts';
import type { Tables } from './tables.ts';

declare const tenantMark: unique symbol;
declare const systemMark: unique symbol;

/** A transaction in which row-level security shows one tenant's environment. Only `withTenant` makes one. */
export type TenantTransaction = Transaction<Tables> & { readonly [tenantMark]: true };
/** A transaction of the system role, which sees all tenants in the few tables that admit it. Only `asSystem` makes one. */
export type SystemTransaction = Transaction<Tables> & { readonly [systemMark]: true };

export interface Database {
  /**
   * Runs `work` in one transaction for the context's tenant and environment, or in the one that the context already carries. Rolls back when it throws.
   * Throws where that one is another tenant's or environment's: row-level security would let the wrong rows through.
   * On a connection that turns out to be dead before any of it has reached the server, `work` is run again on another.
   */
  withTenant<T>(ctx: RequestContext, work: (tx: TenantTransaction) => Promise<T>): Promise<T>;
  /** Runs `work` as the system role. `reason` names the sweep or relay, for whoever reads pg_stat_activity. */
  asSystem<T>(reason: string, work: (tx: SystemTransaction) => Promise<T>): Promise<T>;
  /** Rejects when Postgres does not answer. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** The same connection may fail twice before the pool has noticed: with the server's farewell, and with the end of the socket. */
const DEAD_IN_A_ROW = 3;

async function openPool(config: Config['postgres']): Promise<PostgresPool> {
  const pool = new pg.Pool({
    ...(await connectionOptions(config)),
    max: config.pool_max,
    idleTimeoutMillis: 60_000,
    connectionTimeoutMillis: 5_000,
    application_name: 'flexprice',
    pipeline: true,
  });
  // A connection that breaks, idle or between two statements, is replaced on next use; without listeners it would end the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => {
    client.on('error', () => undefined);
  });
  return pipelinedPool(pool);
}

/**
 * Only names of columns change: what lies in a value is the caller's. The plugin's own way through a row looks into every value first.
 * Columns that only indexes need (`where.ts` of resource/) are no part of a row.
 */
class ColumnNames extends CamelCasePlugin {
  protected override mapRow(row: Record<string, unknown>): Record<string, unknown> {
    const mapped: Record<string, unknown> = {};
    for (const column in row) if (!column.endsWith('_sort')) mapped[this.camelCase(column)] = row[column];
    return mapped;
  }
}

/** Opens a pool lazily: nothing is connected before the first transaction. */
export function createDatabase(config: Config['postgres']): Database {
  const kysely = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: () => openPool(config) }), plugins: [new ColumnNames()] });
  /** Holds for one transaction. As a startup parameter RDS Proxy would refuse it, and for the session it would pin the connection. */
  const statementTimeout = String(config.statement_timeout_ms);
  const lockTimeout = String(config.lock_timeout_ms);

  const transaction = async <T>(work: (tx: Transaction<Tables>) => Promise<T>): Promise<T> => {
    for (let failures = 0; ; failures += 1) {
      let open: object | undefined;
      try {
        const result = await kysely.transaction().execute((tx) => {
          open = tx;
          return work(tx);
        });
        if (open !== undefined) committed(open);
        return result;
      } catch (error) {
        const cause = error instanceof NotBegun ? error.cause : error;
        // A sandbox that was frozen finds its connections dead when it says `begin`: nothing has happened yet, so once more on a new one.
        const isUntouched = error instanceof NotBegun || open === undefined;
        if (!isUntouched || failures === DEAD_IN_A_ROW || !isDeadConnection(cause)) throw translateError(cause);
        // The pool learns of a closed connection from the event loop.
        await setImmediate();
      }
    }
  };

  /** Whose rows an open transaction shows. */
  const opened = new WeakMap<object, Pick<RequestContext, 'tenantId' | 'environmentId'>>();
  const joined = (ctx: RequestContext): TenantTransaction => {
    const open = ctx.transaction as TenantTransaction;
    const of = opened.get(open);
    if (of?.tenantId !== ctx.tenantId || of.environmentId !== ctx.environmentId)
      throw new Error(`the open transaction is not of tenant ${ctx.tenantId}, environment ${ctx.environmentId || 'none'}`);
    return open;
  };

  return {
    withTenant: async (ctx, work) =>
      ctx.transaction !== undefined
        ? work(joined(ctx))
        : transaction(async (tx) => {
            opened.set(tx, ctx);
            await sql`select set_config('app.tenant_id', ${ctx.tenantId}, true), set_config('app.environment_id', ${ctx.environmentId}, true),
        set_config('app.actor_id', ${ctx.actorId}, true), set_config('app.actor_type', ${ctx.actorType}, true), set_config('app.request_id', ${ctx.requestId}, true),
        set_config('statement_timeout', ${statementTimeout}, true), set_config('lock_timeout', ${lockTimeout}, true)`.execute(tx);
            return work(tx as TenantTransaction);
          }),
    asSystem: (reason, work) =>
      transaction(async (tx) => {
        await sql`select set_config('role', 'flexprice_system', true), set_config('application_name', ${`flexprice ${reason}`}, true),
        set_config('statement_timeout', ${statementTimeout}, true), set_config('lock_timeout', ${lockTimeout}, true)`.execute(tx);
        return work(tx as SystemTransaction);
      }),
    ping: async () => {
      await sql`select 1`.execute(kysely).catch((error: unknown) => {
        throw translateError(error);
      });
    },
    close: () => kysely.destroy(),
  };
}
