import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { alive, until } from '#local/engines/process.ts';

let root: string;
const started: ChildProcess[] = [];

/** Stands in for npm: writes down that it was called and makes a node_modules as `npm ci` would. */
const FAKE_NPM = `
const fs = require('node:fs');
fs.appendFileSync('npm-calls', process.argv.slice(2).join(' ') + '\\n');
if (fs.existsSync('npm-fails')) process.exit(3);
if (fs.existsSync('npm-waits')) {
  fs.writeFileSync('npm-pid', String(process.pid));
  while (fs.existsSync('npm-waits')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
}
fs.rmSync('node_modules', { recursive: true, force: true });
fs.mkdirSync('node_modules/.bin', { recursive: true });
fs.symlinkSync(${JSON.stringify(process.execPath)}, 'node_modules/.bin/node');
fs.writeFileSync('node_modules/.bin/tool', '#!/usr/bin/env node\\nconsole.log("tool", process.argv.slice(2).join(" "))');
`;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'flexprice-run-'));
  mkdirSync(join(root, 'scripts'));
  copyFileSync(fileURLToPath(new URL('./run.mjs', import.meta.url)), join(root, 'scripts/run.mjs'));
  writeFileSync(join(root, 'package.json'), '{"type":"module"}');
  writeFileSync(join(root, 'package-lock.json'), '{}');
  writeFileSync(
    join(root, 'hello.ts'),
    'const name: string = process.argv[2] ?? "nobody";\nconsole.log("hello", name, process.env.NODE_OPTIONS);\nprocess.exitCode = 7;\n',
  );
});
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
  const npm = join(root, 'npm-pid');
  if (existsSync(npm) && alive(Number(readFileSync(npm, 'utf8')))) process.kill(Number(readFileSync(npm, 'utf8')), 'SIGKILL');
  rmSync(root, { recursive: true, force: true });
});

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(
  args: string[],
  env: Record<string, string> = {},
  checkout = root,
): Promise<Outcome> & { kill(signal: NodeJS.Signals): void /** On stderr, so far. */; said(): string } {
  let kill: (signal: NodeJS.Signals) => void = () => undefined;
  let stderr = '';
  const outcome = new Promise<Outcome>((settle, reject) => {
    // A .js file outside of a module folder: the stand-in is CommonJS.
    mkdirSync(join(root, 'npm'), { recursive: true });
    writeFileSync(join(root, 'npm/package.json'), '{"type":"commonjs"}');
    writeFileSync(join(root, 'npm/npm.js'), FAKE_NPM);
    const child = spawn(process.execPath, [join(checkout, 'scripts/run.mjs'), ...args], {
      env: { PATH: process.env.PATH ?? '', npm_execpath: join(root, 'npm/npm.js'), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    started.push(child);
    kill = (signal) => child.kill(signal);
    let stdout = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.on('error', reject);
    child.on('close', (code) => settle({ code, stdout, stderr }));
  });
  return Object.assign(outcome, { kill: (signal: NodeJS.Signals) => kill(signal), said: () => stderr });
}

const calls = (): string[] => (existsSync(join(root, 'npm-calls')) ? readFileSync(join(root, 'npm-calls'), 'utf8').trim().split('\n') : []);

test('a fresh checkout is installed once, then the script runs with its arguments and its exit code', async () => {
  const first = await run(['hello.ts', 'world']);
  expect(first.code).toBe(7);
  expect(first.stdout).toContain('hello world');
  expect(first.stderr).toContain('Installing dependencies');
  const second = await run(['hello.ts', 'again']);
  expect(second.stderr).toBe('');
  expect(calls()).toEqual(['ci']);
});

test('of package.json only the dependencies ask for an installation', async () => {
  await run(['hello.ts']);
  writeFileSync(join(root, 'package.json'), '{"type":"module","imports":{"#hello":"./hello.ts"}}');
  await run(['hello.ts']);
  expect(calls()).toEqual(['ci']);
  writeFileSync(join(root, 'package.json'), '{"type":"module","devDependencies":{"tool":"2.0.0"}}');
  await run(['hello.ts']);
  expect(calls()).toEqual(['ci', 'ci']);
});

test('a changed lock file is installed', async () => {
  await run(['hello.ts']);
  writeFileSync(join(root, 'package-lock.json'), '{"changed":true}');
  await run(['hello.ts']);
  expect(calls()).toEqual(['ci', 'ci']);
});

describe('after an installation by npm itself', () => {
  const lock = {
    packages: {
      '': { devDependencies: { tool: '2.0.0' } },
      'node_modules/tool': { version: '2.0.0', integrity: 'sha512-tool' },
      'node_modules/tool-windows': { version: '2.0.0', integrity: 'sha512-windows', optional: true },
    },
  };
  const installed = { packages: { 'node_modules/tool': lock.packages['node_modules/tool'] } };
  beforeEach(() => {
    writeFileSync(join(root, 'package.json'), '{"type":"module","devDependencies":{"tool":"2.0.0"}}');
    writeFileSync(join(root, 'package-lock.json'), JSON.stringify(lock));
    mkdirSync(join(root, 'node_modules/.bin'), { recursive: true });
    symlinkSync(process.execPath, join(root, 'node_modules/.bin/node'));
  });
  const npmSays = (what: object) => writeFileSync(join(root, 'node_modules/.package-lock.json'), JSON.stringify(what));

  test('nothing is installed again', async () => {
    npmSays(installed);
    expect([(await run(['hello.ts'])).code, (await run(['hello.ts'])).code]).toEqual([7, 7]);
    expect(calls()).toEqual([]);
  });

  test.each([
    ['another version', { 'node_modules/tool': { version: '1.9.0', integrity: 'sha512-older' } }],
    ['other bytes', { 'node_modules/tool': { version: '2.0.0', integrity: 'sha512-other' } }],
    ['too little', {}],
    ['too much', { ...installed.packages, 'node_modules/other': { version: '1.0.0' } }],
  ])('%s is installed as the lock file wants it', async (_, packages) => {
    npmSays({ packages });
    await run(['hello.ts']);
    expect(calls()).toEqual(['ci']);
  });

  test('a dependency that the lock file does not know yet is left to npm', async () => {
    npmSays(installed);
    writeFileSync(join(root, 'package.json'), '{"type":"module","devDependencies":{"tool":"3.0.0"}}');
    await run(['hello.ts']);
    expect(calls()).toEqual(['ci']);
  });
});

test('two at once install once', async () => {
  const outcomes = await Promise.all([run(['hello.ts', 'a']), run(['hello.ts', 'b'])]);
  expect(outcomes.map(({ code }) => code)).toEqual([7, 7]);
  expect(calls()).toEqual(['ci']);
});

test('a failed install starts nothing and is tried again', async () => {
  writeFileSync(join(root, 'npm-fails'), '');
  const failed = await run(['hello.ts']);
  expect(failed.code).toBe(3);
  expect(failed.stdout).toBe('');
  expect(failed.stderr).toContain('Try again');
  rmSync(join(root, 'npm-fails'));
  expect((await run(['hello.ts'])).code).toBe(7);
});

/** The process id of a stand-in that waits for its file to go. */
async function waitingNpm(): Promise<number> {
  expect(await until(() => existsSync(join(root, 'npm-pid')) && readFileSync(join(root, 'npm-pid'), 'utf8') !== '', 20_000)).toBe(true);
  return Number(readFileSync(join(root, 'npm-pid'), 'utf8'));
}

test('a signal while dependencies are installed ends npm too, and the next run starts over', async () => {
  writeFileSync(join(root, 'npm-waits'), '');
  const stopped = run(['hello.ts']);
  const npm = await waitingNpm();
  stopped.kill('SIGTERM');
  const { code, stdout, stderr } = await stopped;
  expect([code, stdout]).toEqual([143, '']);
  expect(stderr).toContain('the next run starts over');
  expect(alive(npm)).toBe(false);
  rmSync(join(root, 'npm-waits'));
  expect((await run(['hello.ts'])).code).toBe(7);
});

test('a run waits for an npm whose own run was killed', async () => {
  writeFileSync(join(root, 'npm-waits'), '');
  const killed = run(['hello.ts']);
  const npm = await waitingNpm();
  killed.kill('SIGKILL');
  // Its output stays open while npm lives: the process is gone before the outcome is there.
  const next = run(['hello.ts']);
  expect(await until(() => next.said().includes('Waiting for another run'), 20_000)).toBe(true);
  expect([alive(npm), calls()]).toEqual([true, ['ci']]);
  rmSync(join(root, 'npm-waits'));
  expect([(await next).code, calls()]).toEqual([7, ['ci', 'ci']]);
  await killed;
});

test('checkouts that share a node_modules by a link install one after the other', async () => {
  const other = join(root, 'other');
  mkdirSync(join(root, 'shared'));
  symlinkSync(join(root, 'shared'), join(root, 'node_modules'));
  mkdirSync(join(other, 'scripts'), { recursive: true });
  for (const file of ['scripts/run.mjs', 'package.json', 'package-lock.json', 'hello.ts'])
    copyFileSync(join(root, file), join(other, file));
  symlinkSync(join(root, 'shared'), join(other, 'node_modules'));
  writeFileSync(join(root, 'npm-waits'), '');
  const first = run(['hello.ts']);
  await waitingNpm();
  const second = run(['hello.ts'], {}, other);
  expect(await until(() => second.said().includes('Waiting for another run'), 20_000)).toBe(true);
  expect(existsSync(join(other, 'npm-calls'))).toBe(false);
  rmSync(join(root, 'npm-waits'));
  expect([(await first).code, (await second).code]).toEqual([7, 7]);
});

test('a tool is run by its bare name, also when it is a native program', async () => {
  await run(['--help']);
  const { stdout } = await run(['tool', 'x', '--y']);
  expect(stdout).toBe('tool x --y\n');
  copyFileSync('/bin/echo', join(root, 'node_modules/.bin/native'));
  chmodSync(join(root, 'node_modules/.bin/native'), 0o755);
  expect((await run(['native', 'hi'])).stdout).toBe('hi\n');
  expect(await run(['no-such-tool'])).toMatchObject({ code: 1, stderr: expect.stringContaining('no-such-tool') });
});

test('options of the caller for Node are kept', async () => {
  const { stdout } = await run(['hello.ts'], { NODE_OPTIONS: '--max-old-space-size=512' });
  expect(stdout).toContain('--max-old-space-size=512 --disable-warning=ExperimentalWarning');
});

test('a signal reaches the script, and its exit code comes through', async () => {
  writeFileSync(
    join(root, 'wait.ts'),
    'process.on("SIGTERM", () => process.exit(9));\nconsole.log("waiting");\nsetInterval(() => {}, 1000);\nprocess.kill(process.ppid, "SIGTERM");\n',
  );
  const { code, stdout } = await run(['wait.ts']);
  expect(stdout).toBe('waiting\n');
  expect(code).toBe(9);
});
