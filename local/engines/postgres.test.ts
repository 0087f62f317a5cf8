import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '#platform/config/load.ts';
import { bootstrapDatabase } from './bootstrap-database.ts';
import { type RunningPostgres, startPostgres } from './postgres.ts';
import { probePostgres, superuserConnection } from './postgres-server.ts';
import { alive, GoingDown, until } from './process.ts';

let folder: string;
let logFile: string;
let server: RunningPostgres;

beforeAll(async () => {
  // mkdtemp makes it 0700: as root, the account of Postgres cannot enter it by itself.
  folder = mkdtempSync(join(tmpdir(), 'flexprice-postgres-'));
  logFile = join(folder, 'postgres.log');
  server = await startPostgres({ dataDir: join(folder, 'pg'), logFile });
});

afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function query<T extends pg.QueryResultRow>(connection: pg.ClientConfig, sql: string): Promise<T[]> {
  const client = new pg.Client(connection);
  await client.connect();
  return client
    .query<T>(sql)
    .then(({ rows }) => rows)
    .finally(() => client.end());
}

function databaseConfig(database: string) {
  return loadConfig({
    file: join(folder, 'none.yaml'),
    env: {
      FLEXPRICE_POSTGRES_HOST: server.host,
      FLEXPRICE_POSTGRES_PORT: String(server.port),
      FLEXPRICE_POSTGRES_DATABASE: database,
      FLEXPRICE_POSTGRES_PASSWORD: 'app "password" with \'quotes\'',
      FLEXPRICE_POSTGRES_MIGRATOR_PASSWORD: 'migrator-password',
    },
  });
}

test('commits survive kill -9, and the next start works in spite of the pid file left behind', async () => {
  await query(superuserConnection(server), 'CREATE TABLE kept (id int); INSERT INTO kept VALUES (1)');
  process.kill(server.pid, 'SIGKILL');
  expect(await server.exited).toBe(137);
  server = await startPostgres({ dataDir: join(folder, 'pg'), logFile });
  expect(await query(superuserConnection(server), 'SELECT id FROM kept')).toEqual([{ id: 1 }]);
});

test('a server that its supervisor left behind is stopped by the next start', async () => {
  const orphan = server.pid;
  server = await startPostgres({ dataDir: join(folder, 'pg'), logFile });
  expect(server.pid).not.toBe(orphan);
  expect(await until(() => !alive(orphan), 5_000)).toBe(true);
  expect(await query(superuserConnection(server), 'SELECT id FROM kept')).toEqual([{ id: 1 }]);
});

test('a pid file that names a living process of somebody else does not hurt that process', async () => {
  await server.stop();
  writeFileSync(join(folder, 'pg', 'cluster', 'postmaster.pid'), `${process.pid}\n${join(folder, 'pg', 'cluster')}\n`);
  server = await startPostgres({ dataDir: join(folder, 'pg'), logFile });
  expect(await query(superuserConnection(server), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('it listens on this machine only, with fsync, and its password file is private', async () => {
  expect(
    await query(superuserConnection(server), "SELECT current_setting('listen_addresses') AS listens, current_setting('fsync') AS fsync"),
  ).toEqual([{ listens: '127.0.0.1', fsync: 'on' }]);
  expect(statSync(join(folder, 'pg', 'credentials.json')).mode & 0o777).toBe(0o600);
  await expect(query({ ...superuserConnection(server), password: 'wrong' }, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
});

test('bootstrap makes database and roles, twice is as good as once, and no password reaches the log', async () => {
  const config = databaseConfig('shop');
  await bootstrapDatabase(superuserConnection(server), config);
  await bootstrapDatabase(superuserConnection(server), config);
  const { host, port, database, user, password, migrator_user, migrator_password } = config.postgres;
  const [migrator] = await query<{ owner: boolean }>(
    { host, port, database, user: migrator_user, password: migrator_password },
    'SELECT datdba = current_user::regrole AS owner FROM pg_database WHERE datname = current_database()',
  );
  expect(migrator).toEqual({ owner: true });
  const [role] = await query(
    { host, port, database, user, password },
    'SELECT rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolbypassrls FROM pg_roles WHERE rolname = current_user',
  );
  expect(role).toEqual({ rolsuper: false, rolinherit: false, rolcreaterole: false, rolcreatedb: false, rolbypassrls: false });
  const log = await readFile(logFile, 'utf8');
  for (const secret of [server.password, password as string, migrator_password as string]) expect(log).not.toContain(secret);
});

test('several processes may bootstrap at the same time', async () => {
  await Promise.all(['a', 'b', 'a', 'b'].map((name) => bootstrapDatabase(superuserConnection(server), databaseConfig(name))));
  expect(await query(superuserConnection(server), "SELECT datname FROM pg_database WHERE datname IN ('a', 'b') ORDER BY 1")).toEqual([
    { datname: 'a' },
    { datname: 'b' },
  ]);
});

test('a cluster whose making was interrupted is made anew', async () => {
  const dataDir = join(folder, 'half');
  mkdirSync(join(dataDir, 'cluster.new'), { recursive: true });
  writeFileSync(join(dataDir, 'cluster.new', 'PG_VERSION'), '18\n');
  const fresh = await startPostgres({ dataDir, logFile });
  expect(await query(superuserConnection(fresh), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  await fresh.stop();
});

test('after a SIGTERM it says that it goes down, while those who are connected go on', async () => {
  await server.probe();
  const client = new pg.Client(superuserConnection(server));
  await client.connect();
  process.kill(server.pid, 'SIGTERM');
  expect(
    await until(
      () =>
        server.probe().then(
          () => false,
          (error: unknown) => error instanceof GoingDown,
        ),
      5_000,
    ),
  ).toBe(true);
  expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  client.on('error', () => undefined);
  await server.stop();
  server = await startPostgres({ dataDir: join(folder, 'pg'), logFile });
});

test('one that is full or refuses a password works all the same, one that is held does not', async () => {
  await probePostgres({ ...server, password: 'wrong' });
  process.kill(server.pid, 'SIGSTOP');
  await expect(server.probe()).rejects.toThrow('timeout');
  server.kill();
  expect(await server.exited).toBeGreaterThan(128);
  server = await startPostgres({ dataDir: join(folder, 'pg'), logFile });
});

test('it ends when whoever started it is killed', async () => {
  const script = `import { startPostgres } from '#local/engines/postgres.ts';
    const { pid } = await startPostgres({ dataDir: process.argv[1] });
    process.stdout.write(String(pid));`;
  const starter = spawn(process.execPath, ['--input-type=module', '-e', script, join(folder, 'guarded')], {
    cwd: join(import.meta.dirname, '../..'),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const pid = await new Promise<number>((said) => starter.stdout.once('data', (text: Buffer) => said(Number(text))));
  expect(alive(pid)).toBe(true);
  starter.kill('SIGKILL');
  expect(await until(() => !alive(pid), 10_000)).toBe(true);
});
