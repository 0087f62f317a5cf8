import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { freePort } from '../ports.ts';
import { forgetProcess, rememberProcess, stopOrphan } from './orphan.ts';
import { ENGINES, temporalIsInstalled } from './paths.ts';
import { exitOf, until } from './process.ts';

export interface TemporalOptions {
  /** Holds the server's database (`temporal.db`). */
  readonly dataDir: string;
  /** Absent or 0: any free port. */
  readonly port?: number;
  /** Absent: no web interface. */
  readonly uiPort?: number;
  /** What the server prints is appended here. Absent: it is dropped. */
  readonly logFile?: string;
}

export interface RunningTemporal {
  /** `host:port`, for `temporal.address`. */
  readonly address: string;
  readonly namespace: string;
  readonly uiUrl: string | undefined;
  readonly pid: number;
  stop(): Promise<void>;
  /** Settles with the exit code, however the process ended. */
  readonly exited: Promise<number>;
}

const HOST = '127.0.0.1';
const NAMESPACE = 'default';
const START_MS = 60_000;
const STOP_MS = 15_000;

/**
 * Starts a real Temporal dev server from `.engines/` and resolves when its namespace answers.
 * Throws when it is not installed (`npm run engines`).
 */
export async function startTemporal({ dataDir, port, uiPort, logFile }: TemporalOptions): Promise<RunningTemporal> {
  if (!temporalIsInstalled()) throw new Error('The Temporal CLI is not installed below .engines: run `npm run engines` first');
  mkdirSync(dataDir, { recursive: true });
  const folder = realpathSync(dataDir);
  const database = join(folder, 'temporal.db');
  const pidFile = join(folder, 'temporal.pid');
  await stopOrphan(pidFile, database);

  const chosen = port || (await freePort());
  const args = ['server', 'start-dev', '--ip', HOST, '--port', String(chosen), '--db-filename', database, '--namespace', NAMESPACE, '--log-level', 'warn'];
  const log = openSync(logFile ?? '/dev/null', 'a');
  // Detached: Ctrl-C reaches the whole process group, and the server has to outlive the processes that use it.
  const child = spawn(ENGINES.temporalBinary, [...args, ...(uiPort === undefined ? ['--headless'] : ['--ui-port', String(uiPort)])], {
    cwd: folder, stdio: ['ignore', log, log], detached: true,
  });
  closeSync(log);
  const exited = exitOf(child);
  rememberProcess(pidFile, child.pid as number);
  const address = `${HOST}:${chosen}`;
  try {
    await ready(address, exited);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }

  return {
    address,
    namespace: NAMESPACE,
    uiUrl: uiPort === undefined ? undefined : `http://${HOST}:${uiPort}`,
    pid: child.pid as number,
    exited,
    async stop() {
      child.kill('SIGTERM');
      const forced = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await exited;
      clearTimeout(forced);
      forgetProcess(pidFile);
    },
  };
}

async function ready(address: string, exited: Promise<number>): Promise<void> {
  let code: number | undefined;
  void exited.then((value) => { code = value; });
  const answers = async (): Promise<boolean> => {
    if (code !== undefined) throw new Error(`The Temporal dev server ended with code ${code} before it was ready`);
    let connection: Connection | undefined;
    try {
      connection = await Connection.connect({ address, connectTimeout: 1000 });
      await connection.workflowService.describeNamespace({ namespace: NAMESPACE });
      return true;
    } catch {
      return false;
    } finally {
      await connection?.close();
    }
  };
  if (!(await until(answers, START_MS, 100))) throw new Error(`The Temporal dev server did not answer within ${START_MS / 1000} s`);
}
