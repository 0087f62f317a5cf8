import { mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { freePort } from '../ports.ts';
import { type DetachedEngine, startDetached } from './detached.ts';
import { stopOrphan } from './orphan.ts';
import { ENGINES, isInstalled } from './paths.ts';

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

export interface RunningTemporal extends DetachedEngine {
  /** `host:port`, for `temporal.address`. */
  readonly address: string;
  readonly namespace: string;
  readonly uiUrl: string | undefined;
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
  if (!isInstalled(ENGINES.temporal)) throw new Error('The Temporal CLI is not installed: run `npm run engines` first');
  mkdirSync(dataDir, { recursive: true });
  const folder = realpathSync(dataDir);
  const database = join(folder, 'temporal.db');
  const pidFile = join(folder, 'temporal.pid');
  await stopOrphan(pidFile, database);

  const chosen = port || (await freePort());
  const args = [
    'server',
    'start-dev',
    '--ip',
    HOST,
    '--port',
    String(chosen),
    '--db-filename',
    database,
    '--namespace',
    NAMESPACE,
    '--log-level',
    'warn',
  ];
  const address = `${HOST}:${chosen}`;
  const engine = await startDetached({
    name: 'The Temporal dev server',
    command: join(ENGINES.temporal.folder, 'bin', 'temporal'),
    args: [...args, ...(uiPort === undefined ? ['--headless'] : ['--ui-port', String(uiPort)])],
    folder,
    pidFile,
    logFile,
    startMs: START_MS,
    stopMs: STOP_MS,
    answers: () => answers(address),
  });
  return { ...engine, address, namespace: NAMESPACE, uiUrl: uiPort === undefined ? undefined : `http://${HOST}:${uiPort}` };
}

async function answers(address: string): Promise<boolean> {
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
}
