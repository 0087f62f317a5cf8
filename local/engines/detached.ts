import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { endWithUs } from './guard.ts';
import { forgetProcess, rememberProcess } from './orphan.ts';
import { exitOf, until } from './process.ts';

export interface DetachedOptions {
  /** For messages. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly folder: string;
  /** Remembers the process for the case that whoever started it is killed. */
  readonly pidFile: string;
  /** What the engine prints is appended here. Absent: it is dropped. */
  readonly logFile: string | undefined;
  readonly startMs: number;
  readonly stopMs: number;
  /** Whether the engine answers yet. */
  readonly answers: () => Promise<boolean>;
}

export interface DetachedEngine {
  readonly pid: number;
  /** Resolves when it answers. */
  probe(): Promise<void>;
  stop(): Promise<void>;
  /** Settles with the exit code, however the process ended. */
  readonly exited: Promise<number>;
}

/**
 * Starts an engine as a process of its own group and resolves when it answers: Ctrl-C reaches a whole process group, and the
 * engine has to outlive the processes that use it. Throws, and leaves nothing running, when it ends or does not answer in time.
 */
export async function startDetached({
  name,
  command,
  args,
  folder,
  pidFile,
  logFile,
  startMs,
  stopMs,
  answers,
}: DetachedOptions): Promise<DetachedEngine> {
  const log = openSync(logFile ?? '/dev/null', 'a');
  const child = spawn(command, args, { cwd: folder, stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  const exited = exitOf(child);
  if (child.pid !== undefined) endWithUs(child.pid, 'TERM', exited);

  let code: number | undefined;
  void exited.then((value) => {
    code = value;
  });
  const ready = async (): Promise<boolean> => {
    if (code !== undefined) throw new Error(`${name} ended with code ${code} before it was ready`);
    return answers();
  };
  try {
    rememberProcess(pidFile, child.pid as number);
    if (!(await until(ready, startMs, 100))) throw new Error(`${name} did not answer within ${startMs / 1000} s`);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }

  return {
    pid: child.pid as number,
    exited,
    async probe() {
      if (!(await answers())) throw new Error('no answer');
    },
    async stop() {
      child.kill('SIGTERM');
      const forced = setTimeout(() => child.kill('SIGKILL'), stopMs);
      await exited;
      clearTimeout(forced);
      forgetProcess(pidFile);
    },
  };
}
