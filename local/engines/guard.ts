import { spawn } from 'node:child_process';

/** Asks an engine to end; whether it does is seen by the next start. A line on its input lets the guard go. */
const SCRIPT = 'read -r _ || kill -s "$1" "$2"';

/**
 * Ends a detached process when this one dies without having stopped it, by `kill -9` for one: a shell waits at the end of a pipe that
 * only this process holds. It costs a megabyte.
 */
export function endWithUs(pid: number, signal: 'INT' | 'TERM', exited: Promise<number>): void {
  const guard = spawn('/bin/sh', ['-c', SCRIPT, 'flexprice-guard', signal, String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // Ctrl-C reaches a whole process group, and this one has to outlive us.
    detached: true,
  });
  // Without a shell everything works but this.
  guard.on('error', () => undefined);
  guard.stdin.on('error', () => undefined);
  guard.unref();
  // The number of a process that has ended may be given to another one.
  void exited.then(() => guard.kill('SIGKILL'));
}
