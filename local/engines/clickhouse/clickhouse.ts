import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exitOf, giveWay } from '../process.ts';

export interface ClickHouseOptions {
  readonly dataDir: string;
  /** Absent or 0: any free port. */
  readonly port?: number;
  /** What the engine prints is appended here. Absent: it goes to stderr. */
  readonly logFile?: string;
}

export interface RunningClickHouse {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Resolves when it answers. */
  probe(): Promise<void>;
  stop(): Promise<void>;
  /** Ends it at once: what is acknowledged is kept. */
  kill(): void;
  /** Settles with the exit code (128 + signal number when killed), however the process ended. */
  readonly exited: Promise<number>;
}

const READY_MS = 60_000;

/**
 * Starts the embedded ClickHouse on a data directory and resolves when it answers on 127.0.0.1.
 * Throws with the engine's own words when it does not come up, e.g. when another process holds the directory.
 */
export async function startClickHouse({ dataDir, port = 0, logFile }: ClickHouseOptions): Promise<RunningClickHouse> {
  mkdirSync(dataDir, { recursive: true });
  const log = logFile === undefined ? undefined : openSync(logFile, 'a');
  const child = fork(fileURLToPath(new URL('./child.ts', import.meta.url)), [resolve(dataDir), String(port)], {
    stdio: ['ignore', log ?? 'inherit', log === undefined ? 'pipe' : log, 'ipc'],
    execArgv: [],
    // Queries occupy a thread each; gzip and files need some besides.
    env: { ...process.env, UV_THREADPOOL_SIZE: '8' },
  });
  giveWay(child);
  if (log !== undefined) closeSync(log);
  const exited = exitOf(child);
  const ready = await readyPort(child, exited, logFile);
  return {
    url: `http://127.0.0.1:${ready}`,
    port: ready,
    pid: child.pid as number,
    exited,
    probe: () => ping(`http://127.0.0.1:${ready}`),
    async stop() {
      if (child.connected) child.send({ type: 'stop' });
      const forced = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await exited;
      clearTimeout(forced);
    },
    kill: () => {
      child.kill('SIGKILL');
    },
  };
}

async function ping(url: string): Promise<void> {
  const { ok, status } = await fetch(`${url}/ping`);
  if (!ok) throw new Error(`it answers ${status}`);
}

async function readyPort(child: ChildProcess, exited: Promise<number>, logFile: string | undefined): Promise<number> {
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said = `${said}${chunk.toString()}`.slice(-4_000);
    process.stderr.write(chunk);
  });
  const ready = new Promise<number>((settle) => {
    child.on('message', (message: { type?: string; port?: number }) => {
      if (message.type === 'ready' && message.port !== undefined) settle(message.port);
    });
  });
  const failed = exited.then((code) => {
    const why =
      logFile === undefined
        ? (said
            .trim()
            .split('\n')
            .filter((line) => /Error|Exception/.test(line))
            .at(-1) ?? said.trim())
        : `see ${logFile}`;
    throw new Error(`The embedded ClickHouse ended with code ${code} before it was ready: ${why}`);
  });
  // One that hangs is not left behind.
  const tooLong = setTimeout(() => child.kill('SIGKILL'), READY_MS);
  return Promise.race([ready, failed]).finally(() => clearTimeout(tooLong));
}
