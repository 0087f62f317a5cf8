import { spawn } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

let root: string;

/** Stands in for npm: writes down that it was called and makes a node_modules as `npm ci` would. */
const FAKE_NPM = `
const fs = require('node:fs');
fs.appendFileSync('npm-calls', process.argv.slice(2).join(' ') + '\\n');
if (fs.existsSync('npm-fails')) process.exit(3);
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
afterEach(() => rmSync(root, { recursive: true, force: true }));

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(args: string[], env: Record<string, string> = {}): Promise<Outcome> {
  return new Promise((settle, reject) => {
    // A .js file outside of a module folder: the stand-in is CommonJS.
    mkdirSync(join(root, 'npm'), { recursive: true });
    writeFileSync(join(root, 'npm/package.json'), '{"type":"commonjs"}');
    writeFileSync(join(root, 'npm/npm.js'), FAKE_NPM);
    const child = spawn(process.execPath, [join(root, 'scripts/run.mjs'), ...args], {
      env: { PATH: process.env.PATH ?? '', npm_execpath: join(root, 'npm/npm.js'), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.on('error', reject);
    child.on('close', (code) => settle({ code, stdout, stderr }));
  });
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

test('--mark says that node_modules is as the lock file wants it', async () => {
  mkdirSync(join(root, 'node_modules/.bin'), { recursive: true });
  symlinkSync(process.execPath, join(root, 'node_modules/.bin/node'));
  expect((await run(['--mark'])).code).toBe(0);
  expect((await run(['hello.ts'])).code).toBe(7);
  expect(calls()).toEqual([]);
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
  rmSync(join(root, 'npm-fails'));
  expect((await run(['hello.ts'])).code).toBe(7);
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
