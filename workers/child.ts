import { writeFileSync } from 'node:fs';
import { outliveLostLines } from './log-streams.ts';

/** What a process does once it runs. */
export interface RunningChild {
  /** Goes to the supervisor with the ready message, e.g. the port that is listened on. */
  readonly ready?: Readonly<Record<string, unknown>>;
  /** Touched while the process runs and its event loop turns, for a health check that looks at its age. */
  readonly healthFile?: string | undefined;
  /** Finishes what is under way and lets go of everything. */
  stop(): Promise<void>;
}

/** A process that is asked to stop gets this long before it ends in any case. */
const STOP_MS = 8_000;
const HEALTH_MS = 5_000;

/**
 * Runs a long-lived process, alone (containers) or below the supervisor of Local Mode: starts it, reports `{type: 'ready'}`
 * to a parent that listens, answers `{type: 'ping'}` with `{type: 'pong'}` as long as its event loop turns, and stops it once, on SIGTERM,
 * a `{type: 'stop'}` message, or the parent's death. A log line that cannot be written does not end it.
 * An error of the start ends the process with code 1 and its text on stderr.
 */
export function runChild(start: () => Promise<RunningChild>): void {
  outliveLostLines();
  const supervised = process.send !== undefined;
  const running = start();
  let stopping = false;

  const stop = async (): Promise<void> => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(1), STOP_MS).unref();
    try {
      await (await running).stop();
      process.exit(0);
    } catch (error) {
      report(error);
      process.exit(1);
    }
  };

  process.on('SIGTERM', () => void stop());
  // Ctrl-C reaches the whole process group; below a supervisor it is the one that decides the order of stopping.
  process.on('SIGINT', supervised ? () => {} : () => void stop());
  process.on('message', (message: { type?: string }) => {
    if (message?.type === 'stop') void stop();
    if (message?.type === 'ping') process.send?.({ type: 'pong' }, () => undefined);
  });
  // The supervisor is gone: nobody would ever stop this process.
  process.on('disconnect', () => void stop());

  running.then(
    ({ ready, healthFile }) => {
      if (healthFile !== undefined) touchEvery(healthFile);
      process.send?.({ type: 'ready', ...ready });
    },
    (error: unknown) => {
      report(error);
      process.exit(1);
    },
  );
}

function touchEvery(file: string): void {
  const touch = (): void => {
    try {
      writeFileSync(file, '');
    } catch {
      // On a full disk the file gets old, which is what the check looks at.
    }
  };
  touch();
  setInterval(touch, HEALTH_MS).unref();
}

function report(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
}
