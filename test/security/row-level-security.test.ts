import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectionOptions } from '#platform/postgres/connection.ts';
import { startTestApi, type TestApi, type TestTenant } from '../support/api.ts';

let api: TestApi;
let other: TestTenant;
let raw: pg.Client;
beforeAll(async () => {
  api = await startTestApi();
  other = await api.tenant('Other');
  for (const tenant of [api, other]) await tenant.request('POST', '/v1/customers', { external_id: 'same-id', name: tenant.ctx.tenantId });
  raw = new pg.Client(await connectionOptions(api.config.postgres));
  await raw.connect();
});
afterAll(async () => {
  await raw.end();
  await api.close();
});

/** Runs statements in one transaction as the app role, then rolls back. */
async function asApp(settings: Record<string, string>, ...statements: string[]): Promise<pg.QueryResult[]> {
  await raw.query('begin');
  try {
    for (const [name, value] of Object.entries(settings)) await raw.query('select set_config($1, $2, true)', [name, value]);
    const results: pg.QueryResult[] = [];
    for (const statement of statements) results.push(await raw.query(statement));
    return results;
  } finally {
    await raw.query('rollback');
  }
}

const settingsOf = (tenant: TestTenant) => ({ 'app.tenant_id': tenant.ctx.tenantId, 'app.environment_id': tenant.ctx.environmentId });

describe('every tenant table', () => {
  test('has forced row-level security and a policy for the app role', async () => {
    const { rows } = await raw.query<{ name: string; enabled: boolean; forced: boolean; policies: number }>(`
      select c.relname as name, c.relrowsecurity as enabled, c.relforcerowsecurity as forced,
        (select count(*)::int from pg_policy p where p.polrelid = c.oid and 'flexprice_app'::regrole = any (p.polroles)) as policies
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind = 'r' and n.nspname = 'public' and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped)
      order by 1`);
    expect(rows.length).toBeGreaterThanOrEqual(7);
    expect(rows.filter((row) => !row.enabled || !row.forced || row.policies === 0)).toEqual([]);
  });

  test('tables without a tenant hold no tenant data: each is named here', async () => {
    const { rows } = await raw.query<{ name: string }>(`
      select n.nspname || '.' || c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema', 'event_log')
        and not exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped) order by 1`);
    expect(rows.map((row) => row.name)).toEqual(['public.job_runs', 'public.schema_migrations']);
  });

  test('admits the system role only where a sweep needs it', async () => {
    const { rows } = await raw.query<{ name: string }>(
      `select polrelid::regclass::text as name from pg_policy where 'flexprice_system'::regrole = any (polroles) order by 1`,
    );
    expect(rows.map((row) => row.name)).toEqual(expect.arrayContaining(['outbox', 'secrets', 'tenants']));
    expect(rows.map((row) => row.name)).not.toContain('customers');
  });
});

describe('the app role', () => {
  test('owns nothing, is no superuser and cannot bypass policies', async () => {
    const { rows } = await raw.query(`
      select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, (select count(*)::int from pg_class where relowner = r.oid) as owned from pg_roles r where rolname = current_user`);
    expect(rows).toEqual([{ rolsuper: false, rolbypassrls: false, rolcreaterole: false, rolcreatedb: false, owned: 0 }]);
  });

  test('does not have the rights of the system role without switching to it', async () => {
    const { rows } = await raw.query(`select pg_has_role('flexprice_system', 'usage') as inherits`);
    expect(rows).toEqual([{ inherits: false }]);
  });

  test.each([
    'delete from schema_migrations',
    'drop table customers',
    'alter table customers disable row level security',
    'create table t (a int)',
    'set role flexprice_migrator',
  ])('may not: %s', async (statement) => {
    await expect(asApp({}, statement)).rejects.toThrow(/permission denied|must be (owner|able)/);
  });
});

describe('raw SQL as the app role', () => {
  test.each([
    ['no setting', () => ({})],
    ['a tenant that does not exist', () => ({ 'app.tenant_id': 'tenant_none', 'app.environment_id': 'env_none' })],
    ['a tenant without its environment', () => ({ 'app.tenant_id': api.ctx.tenantId })],
    [
      'one tenant with the environment of another',
      () => ({ 'app.tenant_id': api.ctx.tenantId, 'app.environment_id': other.ctx.environmentId }),
    ],
    ['empty settings', () => ({ 'app.tenant_id': '', 'app.environment_id': '' })],
  ])('with %s sees and changes nothing', async (_, settings) => {
    const [seen, changed, deleted] = await asApp(
      settings(),
      'select * from customers',
      `update customers set name = 'taken'`,
      'delete from customers',
    );
    expect([seen?.rowCount, changed?.rowCount, deleted?.rowCount]).toEqual([0, 0, 0]);
  });

  test('writes no row for another tenant, and moves none there', async () => {
    const insert = `insert into customers (id, tenant_id, environment_id, external_id, name, created_at, updated_at)
      values ('cust_forged', '${other.ctx.tenantId}', '${other.ctx.environmentId}', 'forged', 'Forged', now(), now())`;
    await expect(asApp(settingsOf(api), insert)).rejects.toThrow(/row-level security/);
    await expect(
      asApp(settingsOf(api), `update customers set tenant_id = '${other.ctx.tenantId}', environment_id = '${other.ctx.environmentId}'`),
    ).rejects.toThrow(/row-level security/);
  });

  test('with the right settings sees exactly its own', async () => {
    const [mine] = await asApp(settingsOf(api), 'select external_id, name from customers');
    expect(mine?.rows).toEqual([{ external_id: 'same-id', name: api.ctx.tenantId }]);
  });
});

test('reuse of pooled connections leaks nothing', async () => {
  const rounds = Array.from({ length: 60 }, (_, index) => (index % 2 === 0 ? api : other));
  const answers = await Promise.all(rounds.map((tenant) => tenant.request('GET', '/v1/customers/external/same-id')));
  expect(answers.map((answer) => answer.body.name)).toEqual(rounds.map((tenant) => tenant.ctx.tenantId));
  // After all that traffic no connection of the pool carries a tenant outside a transaction.
  const left = await Promise.all(
    Array.from({ length: 5 }, () =>
      api.app.database.asSystem('leak test', async (tx) => {
        const { sql } = await import('kysely');
        const { rows } = await sql<{ tenant: string | null }>`select nullif(current_setting('app.tenant_id', true), '') as tenant`.execute(
          tx,
        );
        return rows[0]?.tenant;
      }),
    ),
  );
  expect(left).toEqual([null, null, null, null, null]);
});

test('an open transaction is joined by its own tenant and environment, and by nobody else', async () => {
  const { database } = api.app;
  const names = (ctx: TestTenant['ctx']) =>
    database.withTenant(ctx, async (tx) => (await tx.selectFrom('customers').select('name').execute()).map(({ name }) => name));
  await database.withTenant(api.ctx, async (transaction) => {
    expect(await names({ ...api.ctx, actorId: 'somebody', requestId: 'another', transaction })).toEqual([api.ctx.tenantId]);
    for (const foreign of [other.ctx, { ...api.ctx, environmentId: api.environments[1]?.id ?? '' }, { ...api.ctx, environmentId: '' }])
      await expect(names({ ...foreign, transaction })).rejects.toThrow('the open transaction is not of tenant');
  });
  await database.asSystem('join test', async (transaction) => {
    await expect(names({ ...api.ctx, transaction })).rejects.toThrow('the open transaction is not of tenant');
  });
});
