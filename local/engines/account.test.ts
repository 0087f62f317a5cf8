import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { closedFolder, launch, postgresAccount } from './account.ts';

let parent: string;
let program: string;

beforeEach(() => {
  parent = realpathSync(mkdtempSync(join(tmpdir(), 'flexprice-account-')));
  mkdirSync(join(parent, 'bin'));
  program = join(parent, 'bin', 'id');
  copyFileSync('/usr/bin/id', program);
  chmodSync(program, 0o755);
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

const STRANGER = { uid: 54_321, gid: 54_321 };

test('a folder that is closed to an account is found, wherever it is on the way', () => {
  chmodSync(parent, 0o711);
  expect(closedFolder(program, STRANGER)).toBeUndefined();
  chmodSync(parent, 0o700);
  expect(closedFolder(program, STRANGER)).toBe(parent);
  const { uid, gid } = userInfo();
  expect(closedFolder(program, { uid, gid })).toBeUndefined();
});

test('who is not root runs it as it is', () => {
  expect(launch(program, ['-u'], [], undefined)).toEqual({ command: program, args: ['-u'] });
});

test.runIf(process.getuid?.() === 0).each([
  ['open', 0o711],
  ['closed', 0o700],
])('root runs a program in an %s folder under the account of Postgres', (_name, mode) => {
  chmodSync(parent, mode);
  const account = postgresAccount();
  const { command, args, ...ids } = launch(program, ['-u'], [], account);
  const { stdout, status } = spawnSync(command, [...args], { ...ids, encoding: 'utf8' });
  expect({ status, uid: stdout.trim() }).toEqual({ status: 0, uid: String(account?.uid) });
});
