import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { alive, commandLine, until } from './process.ts';

/** Remembers the process that works on a data directory, so that the next start can find what a killed supervisor left. */
export function rememberProcess(pidFile: string, pid: number): void {
  writeFileSync(pidFile, `${pid}\n`);
}

export function forgetProcess(pidFile: string): void {
  rmSync(pidFile, { force: true });
}

/** Stops the remembered process. `marker` must stand in its command line: its number may belong to another program by now. */
export async function stopOrphan(pidFile: string, marker: string): Promise<void> {
  if (!existsSync(pidFile)) return;
  const pid = Number(readFileSync(pidFile, 'utf8'));
  const isOurs = () => pid > 0 && alive(pid) && (commandLine(pid) ?? '').includes(marker);
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (!isOurs()) break;
    process.kill(pid, signal);
    await until(() => !isOurs(), 10_000);
  }
  forgetProcess(pidFile);
}
