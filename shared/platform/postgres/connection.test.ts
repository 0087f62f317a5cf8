import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from 'kysely';
import { systemContext } from '#kernel/context.ts';
import { createTestPostgres, superuser, testConfig, type TestPostgres } from '#test/support/engines.ts';
import { connectionOptions, migratorOptions } from './connection.ts';
import { createDatabase } from './database.ts';

const configOf = (env: Record<string, string>) => testConfig({ FLEXPRICE_POSTGRES_HOST: 'db.example', ...env }).postgres;
const PASSWORDS = { FLEXPRICE_POSTGRES_PASSWORD: 'app-password', FLEXPRICE_POSTGRES_MIGRATOR_PASSWORD: 'migrator-password' };

describe('how a connection proves who it is', () => {
  test('by password, in the clear unless TLS is asked for', async () => {
    const options = await connectionOptions(configOf(PASSWORDS));
    expect(options.password).toBe('app-password');
    expect(options.ssl).toBeUndefined();
  });

  test('by IAM, always over TLS, though there may be a password', async () => {
    const options = await connectionOptions(
      configOf({ ...PASSWORDS, FLEXPRICE_POSTGRES_AUTH: 'iam', FLEXPRICE_POSTGRES_REGION: 'us-east-1' }),
    );
    expect(options.password).toBeTypeOf('function');
    expect(options.ssl).toEqual({ rejectUnauthorized: true });
  });

  test('the migrator uses its password where it has one', async () => {
    const iam = { FLEXPRICE_POSTGRES_AUTH: 'iam', FLEXPRICE_POSTGRES_SSL: 'true' };
    expect(await migratorOptions(configOf({ ...iam, ...PASSWORDS }))).toMatchObject({
      user: 'flexprice_migrator',
      password: 'migrator-password',
      ssl: { rejectUnauthorized: true },
    });
    expect((await migratorOptions(configOf(iam))).password).toBeTypeOf('function');
  });

  test('certificates of RDS and of its proxies are trusted where told, and they are certificates', async () => {
    const { ssl } = await connectionOptions(configOf({ FLEXPRICE_POSTGRES_SSL: 'true', FLEXPRICE_POSTGRES_SSL_CA: 'rds' }));
    const authorities = (ssl as { ca: string[] }).ca.map((text) => new X509Certificate(text));
    expect(authorities.every(({ ca }) => ca)).toBe(true);
    const names = authorities.map(({ subject }) => subject).join('\n');
    expect(names).toContain('Amazon RDS us-east-1 Root CA');
    expect(names).toContain('Amazon Root CA 1');
  });

  test.each(['options', 'statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'query_timeout'] as const)(
    '%s is no part of the start, since RDS Proxy refuses it',
    async (name) => {
      expect(await connectionOptions(configOf(PASSWORDS))).not.toHaveProperty(name);
    },
  );
});

describe('transactions', () => {
  const ctx = systemContext('tenant_1', 'env_1', 'req_1');
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await createTestPostgres();
  });
  afterAll(() => postgres.drop());

  test('are bounded in time, and leave nothing behind in the session', async () => {
    const database = createDatabase({ ...postgres.config, pool_max: 1, statement_timeout_ms: 50 });
    try {
      await expect(database.withTenant(ctx, (tx) => sql`select pg_sleep(30)`.execute(tx))).rejects.toMatchObject({
        code: 'service_unavailable',
        cause: { code: '57014' },
      });
      await expect(database.asSystem('test', (tx) => sql`select pg_sleep(30)`.execute(tx))).rejects.toMatchObject({
        code: 'service_unavailable',
        cause: { code: '57014' },
      });
      const shown = await database.withTenant(
        ctx,
        async (tx) =>
          (
            await sql<{
              inside: string;
              reset: string;
            }>`select current_setting('statement_timeout') as inside, reset_val as reset from pg_settings where name = 'statement_timeout'`.execute(
              tx,
            )
          ).rows,
      );
      expect(shown).toEqual([{ inside: '50ms', reset: '0' }]);
    } finally {
      await database.close();
    }
  });

  /** Ends the test's connections while this process stands still, as a sandbox does that is frozen. */
  function cutWhileFrozen(): void {
    const script = `const { default: pg } = await import('pg');
      const client = new pg.Client(${JSON.stringify(superuser() satisfies pg.ClientConfig)});
      await client.connect();
      await client.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [${JSON.stringify(postgres.config.database)}]);
      await client.end();`;
    execFileSync(process.execPath, ['--input-type=module', '-e', script]);
  }

  test('go through after a freeze in which the server closed the connection', async () => {
    const database = createDatabase({ ...postgres.config, pool_max: 2 });
    try {
      // Two connections are idle, and both are dead afterwards.
      await Promise.all([1, 2].map(() => database.withTenant(ctx, (tx) => sql`select pg_sleep(0.05)`.execute(tx))));
      cutWhileFrozen();
      let runs = 0;
      expect(
        await database.withTenant(ctx, async (tx) => {
          runs += 1;
          return (await sql<{ tenant: string }>`select current_setting('app.tenant_id') as tenant`.execute(tx)).rows;
        }),
      ).toEqual([{ tenant: ctx.tenantId }]);
      // Nothing of it had reached the server before.
      expect(runs).toBeGreaterThan(1);
    } finally {
      await database.close();
    }
  });

  test('that have begun are not repeated', async () => {
    const database = createDatabase({ ...postgres.config, pool_max: 1 });
    let runs = 0;
    try {
      await expect(
        database.withTenant(ctx, async (tx) => {
          runs += 1;
          await sql`select 1`.execute(tx);
          cutWhileFrozen();
          await sql`select 1`.execute(tx);
        }),
      ).rejects.toMatchObject({ code: 'service_unavailable' });
      expect(runs).toBe(1);
    } finally {
      await database.close();
    }
  });
});
