// `npm run bench -- [--quick] [--only ingest|consume|usage] [--json file]`
// Prints what the product does beside the least that could do the same, measured in one run on this machine: read the ratios.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { benchConsume } from './consume.ts';
import type { Measurement } from './figures.ts';
import { benchIngest } from './ingest.ts';
import { machine, machineLine, table } from './report.ts';
import { FULL, QUICK, type Sizes } from './sizes.ts';
import { openSurroundings, type Surroundings } from './surroundings.ts';
import { benchUsage } from './usage.ts';

const BENCHMARKS: Readonly<Record<string, (surroundings: Surroundings, sizes: Sizes) => Promise<Measurement[]>>> = { ingest: benchIngest, consume: benchConsume, usage: benchUsage };

const { values: options } = parseArgs({ options: { quick: { type: 'boolean', default: false }, only: { type: 'string', multiple: true, default: [] }, json: { type: 'string' } } });
const names = options.only.length === 0 ? Object.keys(BENCHMARKS) : options.only;
const unknown = names.find((name) => !Object.hasOwn(BENCHMARKS, name));
if (unknown !== undefined) {
  process.stderr.write(`There is no benchmark "${unknown}": ${Object.keys(BENCHMARKS).join(', ')}\n`);
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
  const surroundings = await openSurroundings((stopAll) => { stop = stopAll; });
  const measurements: Measurement[] = [];
  for (const name of names) {
    say(`measuring ${name} ...`);
    measurements.push(...await (BENCHMARKS[name] as (typeof BENCHMARKS)[string])(surroundings, sizes));
  }
  process.stdout.write(`\n${table(measurements)}\n\nratio: ours over the other; of rates more is better, of latencies (rows without a rate) less is better\n`);
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify({ machine: host, quick: options.quick, sizes, measurements }, null, 2)}\n`);
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
