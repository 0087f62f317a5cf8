// Deletes the data directory of Local Mode, after asking (`--yes` does not ask).
import { existsSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { loadConfig } from '#platform/config/load.ts';
import { switchesOf } from './command-line.ts';
import { isDataDir, runningSupervisor } from './supervisor/data-dir.ts';

const switches = switchesOf('npm run reset [-- --yes]   deletes the data directory of Local Mode, after asking unless --yes', ['--yes']);

async function confirmed(folder: string): Promise<boolean> {
  if (switches.has('--yes')) return true;
  if (!process.stdin.isTTY) {
    process.stderr.write('There is no terminal to ask on: use --yes to delete without asking.\n');
    return false;
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question(`Delete all data in ${folder}? [y/N] `);
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}

async function reset(): Promise<number> {
  const folder = resolve(loadConfig({ env: process.env }).local.data_dir);
  if (!existsSync(folder)) {
    process.stdout.write(`There is no data in ${folder}.\n`);
    return 0;
  }
  if (!isDataDir(folder)) {
    process.stderr.write(`${folder} was not made by Local Mode: nothing was deleted.\n`);
    return 1;
  }
  const running = runningSupervisor(folder);
  if (running !== undefined) {
    process.stderr.write(`Local Mode runs on ${folder} (process ${running}): stop it first.\n`);
    return 1;
  }
  if (!(await confirmed(folder))) {
    process.stdout.write('Nothing was deleted.\n');
    return 1;
  }
  rmSync(folder, { recursive: true, force: true });
  process.stdout.write(`Deleted ${folder}.\n`);
  return 0;
}

process.exitCode = await reset();
