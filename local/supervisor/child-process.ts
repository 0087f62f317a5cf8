import { type ChildProcess, fork } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { exitOf, giveWay } from '../engines/process.ts';
import type { Running } from './keeper.ts';

export interface ChildOptions {
  readonly name: string;
  /** Path from the root of the checkout. */
  readonly script: string;
  readonly env: NodeJS.ProcessEnv;
  readonly logFile: string;
  readonly signal: AbortSignal;
}

const READY_MS = 60_000;

/** Forks one of our own processes (local/child.ts) and resolves when it reports that it is ready. */
export async function startChild({ name, script, env, logFile, signal }: ChildOptions): Promise<Running> {
  const log = openSync(logFile, 'a');
  const child = fork(fileURLToPath(new URL(`../../${script}`, import.meta.url)), [], {
    env,
    stdio: ['ignore', log, log, 'ipc'],
    execArgv: [],
  });
  closeSync(log);
  // Nobody waits for what a worker does.
  if (script.startsWith('workers/')) giveWay(child);
  const exited = exitOf(child);
  const answers = pongs(child);
  const abort = (): void => {
    child.kill('SIGKILL');
  };
  signal.addEventListener('abort', abort);
  const tooLong = setTimeout(abort, READY_MS);
  try {
    await Promise.race([
      new Promise<void>((ready) =>
        child.on('message', (message: { type?: string }) => {
          if (message.type === 'ready') ready();
        }),
      ),
      exited.then((code) => {
        throw new Error(`${name} ended with code ${code} before it was ready: see ${logFile}`);
      }),
    ]);
  } finally {
    clearTimeout(tooLong);
    signal.removeEventListener('abort', abort);
  }
  return {
    pid: child.pid as number,
    exited,
    probe: () =>
      new Promise((answered, failed) => {
        answers.once('pong', answered);
        child.send({ type: 'ping' }, (error) => {
          if (error) failed(error);
        });
      }),
    async stop() {
      if (child.connected) child.send({ type: 'stop' }, () => undefined);
      else child.kill('SIGTERM');
      await exited;
    },
    kill: () => {
      child.kill('SIGKILL');
    },
  };
}

/** One listener for all questions: those that were never answered leave nothing behind at the child. */
function pongs(child: ChildProcess): EventEmitter {
  const answers = new EventEmitter().setMaxListeners(0);
  child.on('message', (message: { type?: string }) => {
    if (message.type === 'pong') answers.emit('pong');
  });
  return answers;
}
