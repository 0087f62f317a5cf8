import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type App, createApp } from '#app/create-app.ts';
import type { RequestContext } from '#kernel/context.ts';
import { bootstrapDatabase } from '#local/engines/bootstrap-database.ts';
import { type RunningClickHouse, startClickHouse } from '#local/engines/clickhouse/clickhouse.ts';
import { type RunningPostgres, startPostgres } from '#local/engines/postgres.ts';
import { superuserConnection } from '#local/engines/postgres-server.ts';
import { type Credentials, loadCredentials } from '#local/engines/postgres-credentials.ts';
import { freePort } from '#local/ports.ts';
import { seedLocal } from '#local/seed.ts';
import { startChild } from '#local/supervisor/child-process.ts';
import { childEnvironment } from '#local/supervisor/environment.ts';
import { migrateClickHouse } from '#platform/clickhouse/migrate.ts';
import { loadConfig } from '#platform/config/load.ts';
import type { Config } from '#platform/config/schema.ts';
import { topicSpecs } from '#platform/event-log/topics.ts';
import { migratePostgres } from '#platform/postgres/migrate.ts';

/** Engines of their own in a temporary folder, with one tenant, and processes that use them. */
export interface Surroundings {
  readonly config: Config;
  readonly app: App;
  /** The seeded tenant's development environment. */
  readonly ctx: RequestContext;
  /** Where data and logs of this run go; deleted at its end. */
  readonly folder: string;
  /** Starts a process of ours (a path from the root) on a free port, with this configuration or the one above. */
  startServer(script: string, config?: Config): Promise<Server>;
  /** Ended with the rest, before what was there earlier. */
  onStop(stop: () => Promise<void>): void;
}

export interface Server {
  readonly url: string;
  readonly pid: number;
}

/**
 * Starts what the benchmarks run on. `onStop` gets, before anything is started, the function that ends all of it again and deletes the folder:
 * it works at any moment, also in the middle of the start.
 */
export async function openSurroundings(onStop: (stop: () => Promise<void>) => void): Promise<Surroundings> {
  const folder = mkdtempSync(join(tmpdir(), 'flexprice-bench-'));
  chmodSync(folder, 0o711); // the account that Postgres runs as has to get through
  const postgresDir = join(folder, 'postgres');
  mkdirSync(postgresDir);
  const stops: (() => Promise<void>)[] = [];
  const stopping = new AbortController();
  onStop(async () => {
    stopping.abort();
    for (const stop of stops.splice(0).reverse()) await stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const starting = [
    startPostgres({ dataDir: postgresDir, logFile: join(folder, 'postgres.log') }),
    startClickHouse({ dataDir: join(folder, 'clickhouse'), logFile: join(folder, 'clickhouse.log') }),
  ] as const;
  stops.push(async () => {
    const engines = await Promise.allSettled(starting);
    await Promise.all(engines.map((engine) => (engine.status === 'fulfilled' ? engine.value.stop() : undefined)));
  });
  const prepared = Promise.all(starting).then(([postgres, clickhouse]) => prepare(postgres, clickhouse, loadCredentials(postgresDir)));
  // Engines are not taken away from under migrations: these take a second or two.
  stops.push(async () => {
    await (await prepared.catch(() => undefined))?.app.close();
  });
  const { config, app, ctx } = await prepared;

  const startServer = async (script: string, told = config): Promise<Server> => {
    const port = await freePort();
    const name = script.replaceAll('/', '-');
    // Its log is a file, and written as in production; this process's would be in the midst of the report.
    const env = childEnvironment({ ...told, server: { ...told.server, port }, log: { ...told.log, level: 'INFO' } });
    const child = startChild({ name, script, env, logFile: join(folder, `${name}.log`), signal: stopping.signal });
    stops.push(async () => {
      await (await child.catch(() => undefined))?.stop();
    });
    const { pid } = await child;
    return { url: `http://${config.server.host}:${port}`, pid };
  };
  return { config, app, ctx, folder, startServer, onStop: (stop) => stops.push(stop) };
}

/** Migrates the engines and seeds the tenant. */
async function prepare(
  postgres: RunningPostgres,
  clickhouse: RunningClickHouse,
  { app: password, migrator }: Credentials,
): Promise<Pick<Surroundings, 'config' | 'app' | 'ctx'>> {
  const config = loadConfig({
    file: 'no-such-file.yaml',
    env: {
      FLEXPRICE_POSTGRES_HOST: postgres.host,
      FLEXPRICE_POSTGRES_PORT: String(postgres.port),
      FLEXPRICE_POSTGRES_PASSWORD: password,
      FLEXPRICE_POSTGRES_MIGRATOR_PASSWORD: migrator,
      FLEXPRICE_CLICKHOUSE_URL: clickhouse.url,
      FLEXPRICE_LOG_LEVEL: 'ERROR',
    },
  });
  await bootstrapDatabase(superuserConnection(postgres), config);
  await Promise.all([migratePostgres(config), migrateClickHouse(config)]);

  const app = createApp(config);
  await seedLocal(app);
  await (await app.eventLog).ensureTopics(topicSpecs(config));
  const headers = { [config.auth.header]: config.local.api_key };
  const ctx = await app.authenticator.contextOf(await app.authenticator.authenticate(headers), headers, 'bench', true);
  return { config, app, ctx };
}
