import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';

/** Settles with the exit code of a child, or with 128 + the signal's number when it was killed. */
export function exitOf(child: ChildProcess): Promise<number> {
  return new Promise((settle) => {
    child.once('error', () => settle(1));
    child.once('exit', (code, signal) => settle(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
}

/**
 * Lets a process that has just been started give way to those that somebody waits for: on a machine with few cores, requests would else stand
 * behind inserts and merges. Threads that it starts later give way too.
 */
export function giveWay({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // It has ended already, which its keeper learns in its own way.
  }
}

/** An engine says that it is going down: it takes no new work, and will not come back by itself. */
export class GoingDown extends Error {}

/** True while a process of that id exists, whoever owns it. */
export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The command line of a process; undefined when it is gone. */
export function commandLine(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { stdio: 'pipe' })
      .toString()
      .trim();
  } catch {
    return undefined;
  }
}

/** Waits until the condition holds; false when it did not within the time. */
export async function until(condition: () => boolean | Promise<boolean>, milliseconds: number, pause = 20): Promise<boolean> {
  for (const end = performance.now() + milliseconds; performance.now() < end; await wait(pause)) {
    if (await condition()) return true;
  }
  return condition();
}
