import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestPostgres, superuser, type TestPostgres } from '#test/support/engines.ts';
import { grantAppLogin } from './app-login.ts';
import { connectionOptions, migratorOptions } from './connection.ts';

let database: TestPostgres;
// Roles belong to the whole server, which other test files share.
const role = `app_login_${randomBytes(4).toString('hex')}`;
const password = `it's "a" password`;

async function asMigrator(sql: string): Promise<void> {
  const { config } = database;
  const client = new pg.Client(await migratorOptions(config));
  await client.connect();
  await client.query(sql).finally(() => client.end());
}

async function whoAmI(secret: string): Promise<string | undefined> {
  const client = new pg.Client(await connectionOptions({ ...database.config, user: role, password: secret }));
  await client.connect();
  return client
    .query<{ me: string }>('select current_user::text as me')
    .then(({ rows }) => rows[0]?.me)
    .finally(() => client.end());
}

beforeAll(async () => {
  database = await createTestPostgres();
  await asMigrator(`create role ${role} nologin noinherit`);
});

afterAll(async () => {
  await asMigrator(`drop role ${role}`);
  await database.drop();
});

test('the role that a migration made can log in with the configured password', async () => {
  expect(await grantAppLogin({ postgres: { ...database.config, user: role, password } })).toBe(true);
  expect(await whoAmI(password)).toBe(role);
});

test('a role that can log in keeps its password', async () => {
  expect(await grantAppLogin({ postgres: { ...database.config, user: role, password: 'another' } })).toBe(false);
  expect(await whoAmI(password)).toBe(role);
  await expect(whoAmI('another')).rejects.toThrow(/password authentication failed/);
});

test('without a configured password nothing is changed', async () => {
  expect(await grantAppLogin({ postgres: { ...database.config, user: role, password: undefined } })).toBe(false);
});

test('with IAM the role logs in with tokens, as a member of the role that RDS has for it', async () => {
  const tokens = `app_login_${randomBytes(4).toString('hex')}`;
  const admin = new pg.Client(superuser());
  await admin.connect();
  try {
    // On RDS it is there from the start, and the migrator may grant it.
    await admin.query(`create role rds_iam; grant rds_iam to ${database.config.migrator_user} with admin option`);
    await asMigrator(`create role ${tokens} nologin noinherit`);
    const postgres = { ...database.config, user: tokens, auth: 'iam' as const, password: undefined };
    // The migrator has a password and needs no token, nor does this server speak TLS to it.
    expect(await grantAppLogin({ postgres })).toBe(true);
    const { rows } = await admin.query("select rolcanlogin, pg_has_role($1, 'rds_iam', 'member') as iam from pg_roles where rolname = $1", [
      tokens,
    ]);
    expect(rows).toEqual([{ rolcanlogin: true, iam: true }]);
    expect(await grantAppLogin({ postgres })).toBe(false);
  } finally {
    await admin.query(`drop role if exists ${tokens}; drop role if exists rds_iam`);
    await admin.end();
  }
});
