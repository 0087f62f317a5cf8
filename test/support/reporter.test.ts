import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flexprice-reporter-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs vitest over the given files and returns the last line that it prints. */
function lastLine(files: Readonly<Record<string, string>>): string | undefined {
  writeFileSync(join(folder, 'vitest.config.mjs'), 'export default { test: { globals: true } };');
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST')));
  const { stdout } = spawnSync(
    process.execPath,
    [
      join(ROOT, 'node_modules/vitest/vitest.mjs'),
      'run',
      '--root',
      folder,
      '--config',
      join(folder, 'vitest.config.mjs'),
      '--reporter',
      'default',
      '--reporter',
      join(ROOT, 'test/support/reporter.ts'),
    ],
    { env, encoding: 'utf8' },
  );
  return stdout.trimEnd().split('\n').at(-1);
}

test('counts passed, failed and skipped tests', () => {
  expect(
    lastLine({
      'a.test.js': 'test("one", () => {}); test("two", () => { expect(1).toBe(2); }); test.skip("three", () => {}); test.todo("four");',
      'b.test.js': 'describe("group", () => { test("five", () => {}); });',
    }),
  ).toBe('Tests: 2 passed, 1 failed, 2 skipped');
});

test('a file that does not load and a hook that fails count as failed', () => {
  expect(
    lastLine({
      'a.test.js': 'throw new Error("does not load");',
      'b.test.js': 'describe("group", () => { beforeAll(() => { throw new Error("no"); }); test("never runs", () => {}); });',
      'c.test.js': 'test("fine", () => {});',
    }),
  ).toBe('Tests: 1 passed, 2 failed, 1 skipped');
});

test('an error outside of any test counts as failed', () => {
  expect(
    lastLine({
      'a.test.js':
        'test("fine", async () => { setTimeout(() => { throw new Error("late"); }, 0); await new Promise((r) => setTimeout(r, 50)); });',
    }),
  ).toBe('Tests: 1 passed, 1 failed, 0 skipped');
});
