import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDataDir } from './supervisor/data-dir.ts';

let parent: string;
let folder: string;

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'flexprice-reset-'));
  folder = join(parent, 'data');
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

function reset(...args: string[]) {
  const env = { PATH: process.env.PATH, FLEXPRICE_LOCAL_DATA_DIR: folder, FLEXPRICE_CONFIG_FILE: join(parent, 'none.yaml') };
  const { status, stdout, stderr } = spawnSync(process.execPath, [fileURLToPath(new URL('./reset.ts', import.meta.url)), ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
  });
  return { status, said: stdout + stderr };
}

test('--yes deletes a data directory', async () => {
  (await openDataDir(folder)).release();
  expect(reset('--yes')).toMatchObject({ status: 0, said: expect.stringContaining('Deleted') });
  expect(existsSync(folder)).toBe(false);
  expect(reset('--yes')).toMatchObject({ status: 0, said: expect.stringContaining('no data') });
});

test('what it does not know is refused by name, and --help deletes nothing', async () => {
  (await openDataDir(folder)).release();
  expect(reset('--yess')).toMatchObject({ status: 2, said: expect.stringContaining('There is no option --yess') });
  expect(reset('--help', '--yes')).toMatchObject({ status: 0, said: expect.stringContaining('npm run reset') });
  expect(existsSync(folder)).toBe(true);
});

test('without a terminal and without --yes nothing is deleted', async () => {
  (await openDataDir(folder)).release();
  expect(reset()).toMatchObject({ status: 1, said: expect.stringContaining('--yes') });
  expect(existsSync(folder)).toBe(true);
});

test('a folder that Local Mode did not make is left alone', () => {
  mkdirSync(folder);
  writeFileSync(join(folder, 'thesis.txt'), 'mine');
  expect(reset('--yes')).toMatchObject({ status: 1, said: expect.stringContaining('nothing was deleted') });
  expect(existsSync(join(folder, 'thesis.txt'))).toBe(true);
});
