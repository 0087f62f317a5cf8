import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApp } from '#app/create-app.ts';
import { systemContext } from '#kernel/context.ts';
import { loadConfig } from '#platform/config/load.ts';
import { TOPICS } from '#platform/event-log/topics.ts';
import { createTestClickHouse, createTestPostgres, type TestClickHouse, type TestPostgres } from '#test/support/engines.ts';

const root = join(import.meta.dirname, '../..');
const ROOT_TENANT = 'tenant_operator';
let postgres: TestPostgres;
let clickhouse: TestClickHouse;
let env: Record<string, string>;

beforeAll(async () => {
  [postgres, clickhouse] = await Promise.all([createTestPostgres(), createTestClickHouse()]);
  const { host = '', port, database, user, password = '', migrator_user, migrator_password = '' } = postgres.config;
  env = {
    FLEXPRICE_CONFIG_FILE: 'no-such-file.yaml',
    FLEXPRICE_POSTGRES_HOST: host,
    FLEXPRICE_POSTGRES_PORT: String(port),
    FLEXPRICE_POSTGRES_DATABASE: database,
    FLEXPRICE_POSTGRES_USER: user,
    FLEXPRICE_POSTGRES_PASSWORD: password,
    FLEXPRICE_POSTGRES_MIGRATOR_USER: migrator_user,
    FLEXPRICE_POSTGRES_MIGRATOR_PASSWORD: migrator_password,
    FLEXPRICE_CLICKHOUSE_URL: clickhouse.url,
    FLEXPRICE_CLICKHOUSE_DATABASE: clickhouse.database,
    FLEXPRICE_AUTH_ROOT_KEY: 'sk_operator',
    FLEXPRICE_AUTH_ROOT_TENANT_ID: ROOT_TENANT,
  };
});
afterAll(async () => {
  await Promise.all([postgres.drop(), clickhouse.drop()]);
});

function migrate(variables: Record<string, string>): Promise<{ code: number; output: string }> {
  return new Promise((done) => {
    execFile(
      process.execPath,
      [join(root, 'scripts/migrate.ts')],
      { cwd: root, env: { PATH: process.env.PATH ?? '', ...variables } },
      (error, stdout, stderr) => {
        done({ code: error === null ? 0 : Number(error.code), output: `${stdout}${stderr}` });
      },
    );
  });
}

test('makes the topics and the tenant of the root key, once', async () => {
  const first = await migrate(env);
  expect(first).toMatchObject({ code: 0, output: expect.stringContaining(`Tenant ${ROOT_TENANT}: made`) as unknown });
  const second = await migrate(env);
  expect(second).toMatchObject({ code: 0, output: expect.stringContaining('Postgres: up to date') as unknown });
  expect(second.output).not.toContain('made');

  const app = createApp(loadConfig({ env, file: 'no-such-file.yaml' }));
  try {
    expect(await (await app.eventLog).missingTopics(Object.values(TOPICS).flatMap((topic) => [topic, `${topic}.dlq`]))).toEqual([]);
    expect(await app.tenancy.getTenant(systemContext(ROOT_TENANT, '', 'test'), ROOT_TENANT)).toMatchObject({
      id: ROOT_TENANT,
      internalStatus: 'active',
    });
  } finally {
    await app.close();
  }
});

test('refuses to run without the addresses of external databases', async () => {
  const { FLEXPRICE_CLICKHOUSE_URL: _, ...incomplete } = env;
  expect(await migrate(incomplete)).toMatchObject({ code: 1, output: expect.stringContaining('FLEXPRICE_CLICKHOUSE_URL') as unknown });
});
