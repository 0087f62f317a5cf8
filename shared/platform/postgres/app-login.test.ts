import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestPostgres, type TestPostgres } from '#test/support/engines.ts';
import { grantAppLogin } from './app-login.ts';
import { connectionOptions } from './database.ts';

let database: TestPostgres;
// Roles belong to the whole server, which other test files share.
const role = `app_login_${randomBytes(4).toString('hex')}`;
const password = `it's "a" password`;

async function asMigrator(sql: string): Promise<void> {
  const { config } = database;
  const client = new pg.Client(connectionOptions({ ...config, user: config.migrator_user, password: config.migrator_password }));
  await client.connect();
  await client.query(sql).finally(() => client.end());
}

async function whoAmI(secret: string): Promise<string | undefined> {
  const client = new pg.Client(connectionOptions({ ...database.config, user: role, password: secret }));
  await client.connect();
  return client.query<{ me: string }>('select current_user::text as me').then(({ rows }) => rows[0]?.me).finally(() => client.end());
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
