// `npm run bench -- [--quick] [--only cold|ingest|api|consume|chain|usage|analytics|check|noisy|soak] [--json file]`
// Prints what the product does beside the least that could do the same, measured in one run on this machine: read the ratios.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { benchAnalytics } from './analytics.ts';
import { benchApi } from './api.ts';
import { benchChain } from './chain.ts';
import { benchCheck } from './check.ts';
import { benchConsume } from './consume.ts';
import { benchColdStart, coldStartLines } from './cold-start.ts';
import type { Measurement } from './figures.ts';
import { benchIngest } from './ingest.ts';
import { benchNoisy } from './noisy.ts';
import { machine, machineLine, table } from './report.ts';
import { FULL, QUICK, type Sizes } from './sizes.ts';
import { benchSoak } from './soak.ts';
import { openSurroundings, type Surroundings } from './surroundings.ts';
import { benchUsage } from './usage.ts';

const BENCHMARKS: Readonly<Record<string, (surroundings: Surroundings, sizes: Sizes) => Promise<Measurement[]>>> = {
  ingest: benchIngest,
  api: benchApi,
  consume: benchConsume,
  chain: benchChain,
  usage: benchUsage,
  analytics: benchAnalytics,
  check: benchCheck,
  noisy: benchNoisy,
};

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string', multiple: true, default: [] }, json: { type: 'string' } },
});
/** Needs no engine and is held against no other server. */
const COLD = 'cold';
/** Takes ten minutes: only when it is named. */
const SOAK = 'soak';
const all = [COLD, ...Object.keys(BENCHMARKS), SOAK];
const names = options.only.length === 0 ? all.filter((name) => name !== SOAK) : options.only;
const unknown = names.find((name) => !all.includes(name));
if (unknown !== undefined) {
  process.stderr.write(`There is no benchmark "${unknown}": ${all.join(', ')}\n`);
  process.exit(2);
}

let stop: () => Promise<void> = async () => {};
let stopping: Promise<void> | undefined;
const stopOnce = (): Promise<void> => (stopping ??= stop());
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // Whoever still uses an engine loses it now.
    process.on('uncaughtException', () => {});
    void stopOnce().finally(() => process.exit(130));
  });
}

const sizes = options.quick ? QUICK : FULL;
const host = machine();
try {
  say(machineLine(host));
  // Before there are engines, which would share the processors.
  if (names.includes(COLD)) say(`measuring ${COLD} ...`);
  const cold = names.includes(COLD) ? await benchColdStart() : [];
  const engines = names.filter((name) => name !== COLD);
  const measurements: Measurement[] = [];
  if (engines.length > 0) {
    const surroundings = await openSurroundings((stopAll) => {
      stop = stopAll;
    });
    for (const name of engines) {
      say(`measuring ${name} ...`);
      if (name === SOAK) process.stdout.write(`\n${await benchSoak(surroundings, sizes)}\n`);
      else measurements.push(...(await (BENCHMARKS[name] as (typeof BENCHMARKS)[string])(surroundings, sizes)));
    }
  }
  if (cold.length > 0) process.stdout.write(`\n${coldStartLines(cold)}\n`);
  if (measurements.length > 0)
    process.stdout.write(
      `\n${table(measurements)}\n\nratio: ours over the other; of rates more is better, of latencies (rows without a rate) less is better\n`,
    );
  if (options.json !== undefined)
    writeFileSync(options.json, `${JSON.stringify({ machine: host, quick: options.quick, sizes, measurements, cold }, null, 2)}\n`);
} catch (error) {
  // After Ctrl-C whatever fails does so because its engine is gone.
  if (stopping === undefined) {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  }
} finally {
  await stopOnce();
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
