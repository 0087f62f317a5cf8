import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildFunctions } from '../../build.ts';
import { percentiles } from './figures.ts';

/** Milliseconds that the import of a function's bundle may take on two cores with Node 24: to be read, not asserted. */
const TARGETS = { ingest: 60, management: 80 } as const;
const RUNS = 7;

export interface ColdStart {
  readonly name: string;
  readonly importMs: number /** Processor time of the import, which a busy machine does not stretch. */;
  readonly cpuMs: number;
  readonly targetMs: number;
  readonly entryKib: number;
}

/** Imports the built functions in fresh processes, as a cold sandbox does; the median of seven. */
export async function benchColdStart(): Promise<ColdStart[]> {
  const dist = mkdtempSync(join(tmpdir(), 'flexprice-cold-'));
  try {
    await buildFunctions(dist);
    return Object.entries(TARGETS).map(([name, targetMs]) => {
      const path = join(dist, 'functions', name, 'index.mjs');
      const code = `const started = performance.now(); const before = process.cpuUsage(); await import(${JSON.stringify(pathToFileURL(path).href)});
        const { user, system } = process.cpuUsage(before); console.log(JSON.stringify([performance.now() - started, (user + system) / 1000])); process.exit();`;
      const importOnce = (): [number, number] =>
        JSON.parse(
          execFileSync(process.execPath, ['--input-type=module', '-e', code], {
            cwd: dist,
            encoding: 'utf8',
            env: { PATH: process.env.PATH ?? '' },
          }),
        ) as [number, number];
      const runs = Array.from({ length: RUNS }, importOnce);
      return {
        name,
        importMs: percentiles(runs.map(([wall]) => wall)).p50,
        cpuMs: percentiles(runs.map(([, cpu]) => cpu)).p50,
        targetMs,
        entryKib: statSync(path).size / 1024,
      };
    });
  } finally {
    rmSync(dist, { recursive: true, force: true });
  }
}

/** One line per function. */
export function coldStartLines(measured: readonly ColdStart[]): string {
  return measured
    .map(
      ({ name, importMs, cpuMs, targetMs, entryKib }) =>
        `cold import of ${name.padEnd(10)} ${importMs.toFixed(0).padStart(4)} ms (target ${targetMs} ms), ${cpuMs.toFixed(0).padStart(4)} ms of processor time, entry ${entryKib.toFixed(0)} KiB, p50 of ${RUNS} fresh processes`,
    )
    .join('\n');
}
