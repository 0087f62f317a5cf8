import { describe, expect, test } from 'vitest';
import { CrashMismatch, type Finding } from './mismatch.ts';
import type { Action } from './plan.ts';
import { runSeed, type SeedOptions } from './run-seed.ts';

// A test that cannot fail is no test: one thing of the product is broken at a time, and the harness has to say what is wrong then.

const SEED_MS = 120_000;
/** Kills happen at random moments of what a process does, so one plan may miss. */
const SEEDS = 3;

const mutant = (name: string): string => `test/crash/mutants/${name}.ts`;
const kills = (process: string, ...moments: number[]): Action[] =>
  moments.map((afterRequests) => ({ afterRequests, delayMs: 0, kind: 'kill', process }));
const REPEATED = { consumer: mutant('consumer-repeats-inserts') };

interface Mutation {
  readonly broken: string;
  readonly kind: Finding['kind'];
  readonly options: SeedOptions;
}

const MUTATIONS: readonly Mutation[] = [
  {
    broken: 'ids are not looked up',
    kind: 'twice',
    options: { scripts: { consumer: mutant('consumer-without-registry') }, plan: { requests: 60, duplicates: 0.2, actions: [] } },
  },
  {
    broken: 'offsets are committed before the insert',
    kind: 'lost',
    options: { scripts: { consumer: mutant('consumer-commits-first') }, plan: { requests: 120, actions: kills('consumer', 30, 80) } },
  },
  {
    broken: 'events are acknowledged before the log has them',
    kind: 'lost',
    options: { scripts: { api: mutant('api-acknowledges-first') }, plan: { requests: 120, actions: kills('api', 30, 80) } },
  },
  {
    broken: 'a request is appended in parts',
    kind: 'half',
    options: { scripts: { api: mutant('api-appends-halves') }, plan: { requests: 60, givesUp: 0.8, actions: [] } },
  },
  {
    broken: 'reads do not use FINAL, and a batch is inserted again',
    kind: 'twice',
    options: { scripts: { ...REPEATED, api: mutant('api-without-final') }, plan: { requests: 60, actions: [] }, prepare: stopMerges },
  },
];

/** Else it would be chance whether the copies of a row are still there when they are counted. */
async function stopMerges({ config: { clickhouse } }: Parameters<NonNullable<SeedOptions['prepare']>>[0]): Promise<void> {
  const answer = await fetch(clickhouse.url ?? '', { method: 'POST', body: `SYSTEM STOP MERGES ${clickhouse.database}.events` });
  expect(answer.ok).toBe(true);
}

async function findingsOf(seed: number, options: SeedOptions): Promise<readonly Finding[]> {
  try {
    await runSeed(seed, { ...options, keepLogs: false });
    return [];
  } catch (error) {
    if (error instanceof CrashMismatch) return error.findings;
    throw error;
  }
}

describe('the crash harness notices when', () => {
  test.each(MUTATIONS)(
    '$broken',
    async ({ kind, options }) => {
      let found: readonly Finding[] = [];
      for (let seed = 1; seed <= SEEDS && found.length === 0; seed += 1) found = await findingsOf(seed, options);
      expect(found.map((finding) => finding.kind)).toContain(kind);
    },
    SEEDS * SEED_MS,
  );
});

test(
  'batches that are inserted again without a token change no number',
  async () => {
    expect(await findingsOf(1, { scripts: REPEATED, plan: { requests: 60, actions: [] }, prepare: stopMerges })).toEqual([]);
  },
  SEED_MS,
);
