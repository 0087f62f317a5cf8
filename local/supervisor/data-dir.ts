import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { alive, commandLine, until } from '../engines/process.ts';
import { StartError } from '../start-error.ts';

/** Says that a folder is a data directory of ours, so that nothing else is ever written into or deleted. */
const MARKER = '.flexprice-data';
const LOCK = 'supervisor.lock';
const PROCESSES = 'processes.json';
const API_URL = 'api.url';
const SUPERVISOR_SCRIPT = 'local/start.ts';
/** The way out of every problem with a folder. */
export const ANOTHER_FOLDER = 'Choose another folder: FLEXPRICE_LOCAL_DATA_DIR=<path> npm start';
const MAX_LOG_BYTES = 20 * 1024 * 1024;

export interface DataDir {
  readonly path: string;
  folder(name: string): string;
  logFile(name: string): string;
  /** Remembers a child for the case that this supervisor is killed and cannot stop it. */
  remember(name: string, pid: number): void;
  /** Writes down where the API is reached, for commands beside this one. */
  announce(apiUrl: string): void;
  release(): void;
}

/**
 * Opens a data directory for this process alone: makes it, takes its lock (also that of a supervisor which is dead) and waits
 * until processes that a killed supervisor left have ended. Throws StartError when another supervisor runs on it.
 */
export async function openDataDir(path: string): Promise<DataDir> {
  const root = resolve(path);
  try {
    makeFolder(root);
    if (!isDataDir(root) && readdirSync(root).length > 0) throw new StartError(`${root} holds something else. ${ANOTHER_FOLDER}`);
    writeFileSync(join(root, MARKER), 'Data of a FlexPrice Local Mode. `npm run reset` deletes it.\n');
    makeFolder(join(root, 'logs'));
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(`The data directory ${root} cannot be used: ${reasonOf(error as NodeJS.ErrnoException)}. ${ANOTHER_FOLDER}`);
  }
  takeLock(root);
  // Of a supervisor that was killed: this one's API is not ready yet, and may get another port.
  rmSync(join(root, API_URL), { force: true });
  await endLeftovers(root);
  const children = new Map<string, number>();
  return {
    path: root,
    folder: (name) => join(root, name),
    logFile: (name) => rotated(join(root, 'logs', `${name}.log`)),
    remember(name, pid) {
      children.set(name, pid);
      const text = JSON.stringify(Object.fromEntries([...children].map(([child, id]) => [child, { pid: id, command: commandLine(id) }])));
      // Whoever reads it sees a whole list, the old one or the new one.
      writeFileSync(join(root, `${PROCESSES}.new`), text);
      renameSync(join(root, `${PROCESSES}.new`), join(root, PROCESSES));
    },
    announce(apiUrl) {
      try {
        writeFileSync(join(root, API_URL), `${apiUrl}\n`);
      } catch {
        // a full disk: commands then ask for the address
      }
    },
    release() {
      rmSync(join(root, API_URL), { force: true });
      rmSync(join(root, PROCESSES), { force: true });
      rmSync(join(root, LOCK), { force: true });
    },
  };
}

/** One folder after the other: Node's own recursion never ends where a file system makes none, below /proc for one. */
function makeFolder(path: string): void {
  const isThere = (): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  if (isThere()) return;
  if (path !== dirname(path)) makeFolder(dirname(path));
  try {
    mkdirSync(path, { mode: 0o755 });
  } catch (error) {
    if (!isThere()) throw error; // else another start was faster
  }
}

function reasonOf({ code, path, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return `${path} may not be written to`;
    case 'EEXIST':
    case 'ENOTDIR':
      return `${path} is a file`;
    case 'ENOSPC':
      return 'its disk is full';
    case 'EROFS':
      return 'its file system is read-only';
    default:
      return message;
  }
}

/** True for a folder that `openDataDir` has made. */
export function isDataDir(path: string): boolean {
  return existsSync(join(path, MARKER));
}

/** Id of the supervisor that runs on a data directory; undefined when none does. */
export function runningSupervisor(path: string): number | undefined {
  const pid = Number(readIfThere(join(path, LOCK)));
  return Number.isInteger(pid) && pid > 0 && pid !== process.pid && alive(pid) && (commandLine(pid) ?? '').includes(SUPERVISOR_SCRIPT)
    ? pid
    : undefined;
}

/** Where the API of the Local Mode on a data directory is reached, without `/v1`; undefined when none runs, or it is not ready yet. */
export function runningApi(path: string): string | undefined {
  return runningSupervisor(path) === undefined ? undefined : readIfThere(join(path, API_URL))?.trim();
}

function takeLock(root: string): void {
  const lock = join(root, LOCK);
  for (;;) {
    if (placeLock(lock)) return;
    const holder = runningSupervisor(root);
    if (holder !== undefined)
      throw new StartError(
        `Local Mode runs already on ${root} (process ${holder}). Stop it first, or give this one another folder (FLEXPRICE_LOCAL_DATA_DIR).`,
      );
    removeStale(lock);
  }
}

/** Puts a lock with this process's id where there is none. It appears with its content: an empty one would be taken for stale. */
function placeLock(lock: string): boolean {
  const own = `${lock}.${process.pid}.new`;
  writeFileSync(own, String(process.pid));
  try {
    linkSync(own, lock);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(own, { force: true });
  }
}

/** Moves a dead supervisor's lock away. If another start has put its own there in between, that one is put back. */
function removeStale(lock: string): void {
  const stale = readIfThere(lock);
  const aside = `${lock}.${process.pid}`;
  try {
    renameSync(lock, aside);
  } catch {
    return; // somebody else has moved it
  }
  if (readIfThere(aside) !== stale) {
    try {
      linkSync(aside, lock);
    } catch {
      // a third one holds it: it decides
    }
  }
  rmSync(aside, { force: true });
}

/** Children end by themselves when their supervisor dies; until they have, they hold ports and the ClickHouse directory. */
async function endLeftovers(root: string): Promise<void> {
  const text = readIfThere(join(root, PROCESSES));
  if (text === undefined) return;
  let left: { pid: number; command?: string }[] = [];
  try {
    left = Object.values(JSON.parse(text) as Record<string, { pid: number; command?: string }>);
  } catch {
    // cut off by a crash: the children end by themselves all the same
  }
  await Promise.all(
    left.map(async ({ pid, command }) => {
      // The number may belong to another process by now.
      const there = (): boolean => command !== undefined && alive(pid) && commandLine(pid) === command;
      if (!(await until(() => !there(), 4_000)) && there()) process.kill(pid, 'SIGKILL');
      await until(() => !there(), 2_000);
    }),
  );
  rmSync(join(root, PROCESSES), { force: true });
}

function rotated(file: string): string {
  if (existsSync(file) && statSync(file).size > MAX_LOG_BYTES) renameSync(file, `${file}.1`);
  return file;
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
