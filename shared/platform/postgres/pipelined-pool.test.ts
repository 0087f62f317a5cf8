import { type PostgresPool, sql } from 'kysely';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemContext } from '#kernel/context.ts';
import { createTestPostgres, type TestPostgres } from '#test/support/engines.ts';
import { connectionOptions } from './connection.ts';
import { createDatabase, type Database } from './database.ts';
import { NotBegun, pipelinedPool } from './pipelined-pool.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await createTestPostgres();
});
afterAll(() => postgres.drop());

describe('a connection', () => {
  let pool: PostgresPool;
  /** What went to the server, in its order. */
  let sent: string[];

  beforeEach(async () => {
    sent = [];
    const real = new pg.Pool({ ...(await connectionOptions(postgres.config)), max: 1, pipeline: true });
    real.on('error', () => undefined);
    real.on('connect', (client) => {
      client.on('error', () => undefined);
      const query = client.query.bind(client) as (...args: unknown[]) => unknown;
      Object.assign(client, {
        query: (...args: unknown[]) => {
          sent.push(String(args[0]));
          return query(...args);
        },
      });
    });
    pool = pipelinedPool(real);
    return () => pool.end();
  });

  test('sends what opens a transaction with its first statement, and what ends it alone', async () => {
    const client = await pool.connect();
    await client.query('begin', []);
    await client.query(`select set_config('app.tenant_id', $1, true)`, ['tenant_1']);
    expect(sent).toEqual([]);
    expect((await client.query<{ tenant: string }>(`select current_setting('app.tenant_id') as tenant`, [])).rows).toEqual([
      { tenant: 'tenant_1' },
    ]);
    expect(sent).toHaveLength(3);
    await client.query('commit', []);
    expect(sent.slice(3)).toEqual(['commit']);
    expect((await client.query<{ tenant: string | null }>(`select current_setting('app.tenant_id', true) as tenant`, [])).rows).toEqual([
      { tenant: '' },
    ]);
    client.release();
  });

  test.each(['commit', 'rollback'])('sends nothing of a transaction without a statement (%s), and none of it later', async (end) => {
    const client = await pool.connect();
    await client.query('begin', []);
    await client.query(`select set_config('app.tenant_id', $1, true)`, ['tenant_1']);
    await client.query(end, []);
    expect(sent).toEqual([]);
    await client.query('select 1', []);
    expect(sent).toEqual(['select 1']);
    client.release();
  });

  test('tells the error of a setting, and the transaction can be rolled back and the connection used again', async () => {
    const client = await pool.connect();
    await client.query('begin', []);
    await client.query(`select set_config('statement_timeout', $1, true)`, ['soon']);
    await expect(client.query('select 1', [])).rejects.toMatchObject({ code: '22023' });
    await client.query('rollback', []);
    expect((await client.query<{ one: number }>('select 1 as one', [])).rows).toEqual([{ one: 1 }]);
    client.release();
  });

  test('says when the transaction did not begin, and then there is nothing to roll back', async () => {
    const client = await pool.connect();
    const [{ pid }] = (await client.query<{ pid: number }>('select pg_backend_pid() as pid', [])).rows as [{ pid: number }];
    await client.query('begin', []);
    const cut = client.query(`select pg_terminate_backend(${pid})`, []);
    await expect(cut).rejects.toMatchObject({ code: '57P01' });
    sent.length = 0;
    await client.query('begin', []);
    await expect(client.query('select 1', [])).rejects.toBeInstanceOf(NotBegun);
    await client.query('rollback', []);
    expect(sent).toEqual(['begin', 'select 1']);
    client.release();
  });
});

describe('transactions over few connections', () => {
  let database: Database;
  beforeAll(() => {
    database = createDatabase({ ...postgres.config, pool_max: 3 });
  });
  afterAll(() => database.close());

  test('each see their own tenant, whatever becomes of the others', async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 200 }, (_, index) =>
        database.withTenant(systemContext(`tenant_${index}`, `env_${index}`, 'req'), async (tx) => {
          if (index % 5 === 1) throw new Error(`given up ${index}`);
          if (index % 5 === 2) await sql`select no_such_column`.execute(tx);
          const seen = async () =>
            (
              await sql<{
                tenant: string;
                environment: string;
              }>`select current_setting('app.tenant_id') as tenant, current_setting('app.environment_id') as environment`.execute(tx)
            ).rows[0];
          return [await seen(), await seen()];
        }),
      ),
    );
    outcomes.forEach((outcome, index) => {
      const own = { tenant: `tenant_${index}`, environment: `env_${index}` };
      if (index % 5 === 1) expect(outcome).toMatchObject({ status: 'rejected', reason: { message: `given up ${index}` } });
      else if (index % 5 === 2) expect(outcome).toMatchObject({ status: 'rejected', reason: { code: '42703' } });
      else expect(outcome).toEqual({ status: 'fulfilled', value: [own, own] });
    });
  });
});
