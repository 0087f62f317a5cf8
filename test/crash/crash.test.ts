import { describe, expect, test } from 'vitest';
import { describeWithKafka } from '../support/real-engines.ts';
import { runSeed } from './run-seed.ts';

// Nothing lost, nothing twice: random events over HTTP while random processes are killed and consumers come and go.
// A seed that fails says so with its plan; `npm run test:crash -- --seeds 1 --from <seed>` runs it again.

const SEED_MS = 240_000;

/** `.ci/nightly` runs a hundred, in parts. */
const {
  FLEXPRICE_TEST_CRASH_SEEDS: embedded = '3',
  FLEXPRICE_TEST_CRASH_FROM: from = '1',
  FLEXPRICE_TEST_CRASH_SEEDS_ON_KAFKA: onKafka = '2',
} = process.env;
const seeds = (count: string): number[] => Array.from({ length: Number(count) }, (_, index) => Number(from) + index);

if (embedded !== '0')
  describe('events while processes of Local Mode are killed', () => {
    test.each(seeds(embedded))(
      'seed %i: what was acknowledged counts exactly once',
      async (seed) => {
        const report = await runSeed(seed);
        expect(report.countedEvents).toBeGreaterThan(1_000);
        expect(report.kills).toBeGreaterThanOrEqual(2);
      },
      SEED_MS,
    );
  });

if (onKafka !== '0')
  describeWithKafka('events while processes and the Kafka broker are killed', (kafka) => {
    test.each(seeds(onKafka))(
      'seed %i: what was acknowledged counts exactly once',
      async (seed) => {
        const report = await runSeed(seed, { kafka: kafka() });
        expect(report.countedEvents).toBeGreaterThan(1_000);
        expect(report.kills).toBeGreaterThanOrEqual(2);
      },
      SEED_MS,
    );
  });
