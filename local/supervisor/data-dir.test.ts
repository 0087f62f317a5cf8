import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { alive, commandLine, until } from '../engines/process.ts';
import { StartError } from '../start-error.ts';
import { isDataDir, openDataDir, runningApi, runningSupervisor } from './data-dir.ts';

let folder: string;
const spawned: ChildProcess[] = [];

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'flexprice-data-')), 'data');
});
afterEach(() => {
  for (const child of spawned.splice(0)) child.kill('SIGKILL');
  rmSync(join(folder, '..'), { recursive: true, force: true });
});

/** A process that lives, with the given text in its command line. */
async function living(marker: string): Promise<number> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', marker], { stdio: 'ignore' });
  spawned.push(child);
  const pid = child.pid as number;
  await until(() => (commandLine(pid) ?? '').includes(marker), 5_000);
  return pid;
}

test('a fresh folder becomes ours, and is free again after release', async () => {
  const dataDir = await openDataDir(folder);
  expect(isDataDir(folder)).toBe(true);
  expect(readFileSync(join(folder, 'supervisor.lock'), 'utf8')).toBe(String(process.pid));
  dataDir.release();
  expect(existsSync(join(folder, 'supervisor.lock'))).toBe(false);
  (await openDataDir(folder)).release();
});

test('a folder that holds something else is left alone', async () => {
  mkdirSync(folder);
  writeFileSync(join(folder, 'letter.txt'), 'mine');
  await expect(openDataDir(folder)).rejects.toThrow(StartError);
  expect(existsSync(join(folder, 'supervisor.lock'))).toBe(false);
});

test('the lock of a living supervisor holds', async () => {
  (await openDataDir(folder)).release();
  const pid = await living('local/start.ts');
  writeFileSync(join(folder, 'supervisor.lock'), String(pid));
  expect(runningSupervisor(folder)).toBe(pid);
  await expect(openDataDir(folder)).rejects.toThrow(`process ${pid}`);
});

test('commands beside a Local Mode find its API while it runs, and that of no other', async () => {
  const dataDir = await openDataDir(folder);
  dataDir.announce('http://localhost:8123');
  // The lock of a test is its own process, which is no supervisor.
  expect(runningApi(folder)).toBeUndefined();
  writeFileSync(join(folder, 'supervisor.lock'), String(await living('local/start.ts')));
  expect(runningApi(folder)).toBe('http://localhost:8123');
  dataDir.release();
  expect(existsSync(join(folder, 'api.url'))).toBe(false);
});

test('the address that a killed supervisor left is forgotten by the next start', async () => {
  const killed = await openDataDir(folder);
  killed.announce('http://localhost:8123');
  rmSync(join(folder, 'supervisor.lock'));
  const next = await openDataDir(folder);
  expect(existsSync(join(folder, 'api.url'))).toBe(false);
  next.release();
});

test.each([
  ['a dead process', async () => 2 ** 22 - 1],
  ['another program that got its number', () => living('something else')],
  ['nobody', async () => Number.NaN],
])('the lock of %s is taken over', async (_name, holder) => {
  (await openDataDir(folder)).release();
  writeFileSync(join(folder, 'supervisor.lock'), String(await holder()));
  const dataDir = await openDataDir(folder);
  expect(readFileSync(join(folder, 'supervisor.lock'), 'utf8')).toBe(String(process.pid));
  dataDir.release();
});

test('a child that a killed supervisor left and that does not end is ended; a stranger with its number is not', async () => {
  (await openDataDir(folder)).release();
  const [left, stranger] = [await living('consumer'), await living('somebody')];
  writeFileSync(
    join(folder, 'processes.json'),
    JSON.stringify({ consumer: { pid: left, command: commandLine(left) }, api: { pid: stranger, command: 'node local/api.ts' } }),
  );
  (await openDataDir(folder)).release();
  expect(await until(() => !alive(left), 5_000)).toBe(true);
  expect(alive(stranger)).toBe(true);
});

test.each([
  ['a file in its place', () => writeFileSync(folder, 'mine'), () => folder, 'data is a file'],
  ['a file on the way', () => writeFileSync(folder, 'mine'), () => join(folder, 'data'), 'data is a file'],
  ['a file system that makes no folders', () => undefined, () => '/proc/flexprice/data', '/proc/flexprice'],
])('%s is told with the way out', async (_name, prepare, path, reason) => {
  prepare();
  const refused = openDataDir(path());
  await expect(refused).rejects.toThrow(StartError);
  await expect(refused).rejects.toThrow(reason);
  await expect(refused).rejects.toThrow('FLEXPRICE_LOCAL_DATA_DIR=');
});
