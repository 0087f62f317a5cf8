import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';

// What the scripts of CI say at their end is what machines and people believe.

const root = join(import.meta.dirname, '../..');
const STEPS = join(root, '.ci/steps.sh');
let bin: string;
beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), 'flexprice-ci-'));
});
afterEach(() => rmSync(bin, { recursive: true, force: true }));

/** A script of steps, with a program in place of npm that says and does what `npm` (a script of the shell) does. */
function run(npm: string, script: string) {
  writeFileSync(join(bin, 'npm'), `#!/usr/bin/env bash\n${npm}\n`);
  chmodSync(join(bin, 'npm'), 0o755);
  const { stdout, status } = spawnSync('bash', ['-c', `source '${STEPS}'\n${script}\nfinish`], {
    encoding: 'utf8',
    env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
  });
  return { status, lines: stdout.trim().split('\n') };
}

const SAYS = `echo "Tests: $COUNTS"; exit \${CODE:-0}`;

describe('the closing line', () => {
  test('is the sum of the runs', () => {
    const { status, lines } = run(
      SAYS,
      `COUNTS='3 passed, 0 failed, 1 skipped' step one tests a.test.ts\nCOUNTS='4 passed, 0 failed, 2 skipped' step two tests`,
    );
    expect(lines.slice(-1)).toEqual(['Tests: 7 passed, 0 failed, 3 skipped']);
    expect(lines).toContain('All steps passed.');
    expect(status).toBe(0);
  });

  test('counts a run that ends without one as a failure, and the next steps run all the same', () => {
    const { status, lines } = run('[ "$1" = test ] && exit 134; echo built', 'step tests tests\nstep build npm run build');
    expect(lines).toContain('FAILED: tests');
    expect(lines).toContain('built');
    expect(lines.at(-1)).toBe('Tests: 0 passed, 1 failed, 0 skipped');
    expect(status).toBe(1);
  });

  test('a step that is no test fails the whole, too', () => {
    const { status, lines } = run(SAYS, `COUNTS='3 passed, 0 failed, 0 skipped' step tests tests\nCODE=2 step lint npm run lint`);
    expect([status, lines.includes('FAILED: lint'), lines.at(-1)]).toEqual([1, true, 'Tests: 3 passed, 0 failed, 0 skipped']);
  });

  test('a run whose tests failed fails its step', () => {
    const { status, lines } = run(SAYS, `CODE=1 COUNTS='2 passed, 1 failed, 0 skipped' step tests tests`);
    expect([status, lines.includes('FAILED: tests'), lines.at(-1)]).toEqual([1, true, 'Tests: 2 passed, 1 failed, 0 skipped']);
  });
});

test('tests run with the real engines required, and with what the step sets', () => {
  const { lines } = run(
    'echo "$@ engines=$FLEXPRICE_TEST_ENGINES seeds=$FLEXPRICE_TEST_CRASH_SEEDS"; echo "Tests: 1 passed, 0 failed, 0 skipped"',
    'FLEXPRICE_TEST_CRASH_SEEDS=10 step tests tests one.test.ts',
  );
  expect(lines).toContain('test -- one.test.ts engines=required seeds=10');
});

describe.each(['run', 'nightly'])('.ci/%s', (name) => {
  const script = readFileSync(join(root, '.ci', name), 'utf8');

  test('is one that the shell understands, builds the engines first and says at its end what it came to', () => {
    execFileSync('bash', ['-n', join(root, '.ci', name)]);
    const commands = script.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    expect(commands.slice(0, 2)).toEqual([`source "$(dirname "$0")/steps.sh"`, 'step engines npm run --silent engines']);
    expect(commands.at(-1)).toBe('finish');
  });

  test('is run by a workflow, with the machine kept engines', () => {
    const path = join(root, '.github/workflows', name === 'run' ? 'ci.yml' : 'nightly.yml');
    const { jobs } = parse(readFileSync(path, 'utf8')) as {
      jobs: Record<string, { steps: { run?: string; uses?: string; with?: { path?: string } }[] }>;
    };
    const steps = Object.values(jobs).flatMap((job) => job.steps);
    expect(steps.map((step) => step.run)).toContain(`.ci/${name}`);
    expect(steps.find(({ uses }) => uses?.startsWith('actions/cache@'))?.with?.path).toBe('~/.cache/flexprice/engines');
  });
});

test('the files that the nightly run names are there', () => {
  const files = readFileSync(join(root, '.ci/nightly'), 'utf8').match(/\btest\/[\w/-]+\.test\.ts/g) ?? [];
  expect(files.length).toBeGreaterThan(4);
  for (const file of files) expect(readFileSync(join(root, file), 'utf8')).toContain('test');
});
