import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { bootstrapDatabase } from '#local/engines/bootstrap-database.ts';
import { until } from '#local/engines/process.ts';
import { migrateClickHouse } from '#platform/clickhouse/migrate.ts';
import { loadConfig } from '#platform/config/load.ts';
import type { Config } from '#platform/config/schema.ts';
import { migratePostgres } from '#platform/postgres/migrate.ts';

const TEMPLATE = 'flexprice_template';
const DRAFT = 'flexprice_template_draft';
const START_MS = 60_000;

/** The configuration of a test: the defaults without the wait for late events, and what the test says in `FLEXPRICE_*` variables. Nothing of the machine's own. */
export function testConfig(env: Readonly<Record<string, string>> = {}): Config {
  return loadConfig({ env, file: 'no-such-file.yaml', defaults: { FLEXPRICE_BILLING_FINALIZATION_DELAY_SECONDS: '0' } });
}

export interface TestPostgres {
  readonly config: Config['postgres'];
  drop(): Promise<void>;
}

/** A fresh, migrated database of its own in the run's Postgres: a copy of a template that is migrated once per run. */
export async function createTestPostgres(): Promise<TestPostgres> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await asSuperuser(async (client) => {
    // Test files run in several processes: one makes the template, the others wait here.
    await client.query("SELECT pg_advisory_lock(hashtext('flexprice.test-template'))");
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [TEMPLATE]);
    if (rowCount === 0) await makeTemplate(client);
    await client.query("SELECT pg_advisory_unlock(hashtext('flexprice.test-template'))");
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${TEMPLATE} OWNER ${postgresConfig(name).postgres.migrator_user}`);
  });
  return {
    config: postgresConfig(name).postgres,
    drop: () =>
      asSuperuser(async (client) => {
        await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      }),
  };
}

export interface TestClickHouse {
  readonly url: string;
  readonly database: string;
  readonly config: Config['clickhouse'];
  drop(): Promise<void>;
}

/** A fresh, migrated database of its own in the run's ClickHouse. */
export async function createTestClickHouse(): Promise<TestClickHouse> {
  const url = inject('engines').clickhouseUrl;
  const database = `test_${randomBytes(6).toString('hex')}`;
  const answering = await until(
    () =>
      fetch(`${url}/ping`).then(
        (answer) => answer.ok,
        () => false,
      ),
    START_MS,
  );
  if (!answering) throw new Error('The ClickHouse of the test run does not answer');
  const config = testConfig({ FLEXPRICE_CLICKHOUSE_URL: url, FLEXPRICE_CLICKHOUSE_DATABASE: database });
  await migrateClickHouse(config);
  return {
    url,
    database,
    config: config.clickhouse,
    async drop() {
      await fetch(url, { method: 'POST', body: `DROP DATABASE IF EXISTS ${database}` });
    },
  };
}

/** Migrated under another name first: a template that is there is complete. */
async function makeTemplate(client: pg.Client): Promise<void> {
  const config = postgresConfig(DRAFT);
  await client.query(`DROP DATABASE IF EXISTS ${DRAFT} WITH (FORCE)`);
  await bootstrapDatabase(superuser(), config);
  await migratePostgres(config);
  await client.query(`ALTER DATABASE ${DRAFT} RENAME TO ${TEMPLATE}`);
}

function postgresConfig(database: string): Config {
  const { host, port, credentials } = inject('engines').postgres;
  return testConfig({
    FLEXPRICE_POSTGRES_HOST: host,
    FLEXPRICE_POSTGRES_PORT: String(port),
    FLEXPRICE_POSTGRES_DATABASE: database,
    FLEXPRICE_POSTGRES_PASSWORD: credentials.app,
    FLEXPRICE_POSTGRES_MIGRATOR_PASSWORD: credentials.migrator,
    // Test files share the server's connections.
    FLEXPRICE_POSTGRES_POOL_MAX: '5',
  });
}

/** Options for `pg` to connect to the run's Postgres as its superuser: to make what no role of the product may. */
export function superuser(database = 'postgres'): pg.ClientConfig {
  const { host, port, credentials } = inject('engines').postgres;
  return { host, port, user: 'postgres', password: credentials.superuser, database };
}

async function asSuperuser(work: (client: pg.Client) => Promise<void>): Promise<void> {
  let client = new pg.Client(superuser());
  let reason: unknown;
  const connected = await until(
    () =>
      client.connect().then(
        () => true,
        (error: unknown) => {
          reason = error;
          client = new pg.Client(superuser()); // a client connects only once
          return false;
        },
      ),
    START_MS,
    50,
  );
  if (!connected) throw new Error('The Postgres of the test run does not answer', { cause: reason });
  await work(client).finally(() => client.end());
}
