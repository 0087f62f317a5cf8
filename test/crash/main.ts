// `npm run test:crash -- --seeds N [--from S] [--engine embedded|kafka]`: runs seeds one after the other and stops at the first that fails.
import { parseArgs } from 'node:util';
import { realKafka, type TestKafka } from '../support/real-engines.ts';
import { runSeed } from './run-seed.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '3' },
    from: { type: 'string', default: '1' },
    engine: { type: 'string', default: 'embedded' },
  },
});
const [seeds, from] = [Number(values.seeds), Number(values.from)];
let kafka: TestKafka | undefined;

// The processes of the seed that runs end with this one (host.ts).
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => void (kafka?.stop() ?? Promise.resolve()).finally(() => process.exit(code)));
}

async function run(): Promise<number> {
  if (!Number.isInteger(seeds) || seeds < 1 || !Number.isInteger(from) || !['embedded', 'kafka'].includes(values.engine)) {
    process.stderr.write('usage: npm run test:crash -- [--seeds N] [--from S] [--engine embedded|kafka]\n');
    return 2;
  }
  const began = performance.now();
  try {
    if (values.engine === 'kafka') kafka = await realKafka();
    for (let seed = from; seed < from + seeds; seed += 1) {
      const { seconds, ...report } = await runSeed(seed, { kafka });
      process.stdout.write(`seed ${seed} ok in ${seconds.toFixed(1)} s: ${JSON.stringify(report)}\n`);
    }
    process.stdout.write(
      `${seeds} seeds on ${values.engine} engines: nothing lost, nothing twice (${((performance.now() - began) / 1000).toFixed(0)} s)\n`,
    );
    return 0;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    await kafka?.stop();
  }
}

process.exit(await run());
