// Entry of every npm script: plain JavaScript for Node 20 without dependencies. It installs what the lock file names
// when node_modules does not match it, then hands over to the Node 24 that the project brings along.
//
//   node scripts/run.mjs <file.ts | bin-name> [args...]    run a script, or a bin of node_modules by its bare name
//   node scripts/run.mjs --mark                            note that node_modules matches the lock file as it is now
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const modules = join(root, 'node_modules');
const stamp = join(modules, '.flexprice-lock-hash');
const windows = process.platform === 'win32';
const WARNINGS_OFF = ['--disable-warning=ExperimentalWarning', '--disable-warning=TimeoutNegativeWarning'];

// Of package.json only what npm ci looks at: another script or import path is no reason to install everything again.
function wantedHash() {
  const { dependencies, devDependencies, optionalDependencies, peerDependencies, overrides } = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  );
  const hash = createHash('sha256').update(readFileSync(join(root, 'package-lock.json')));
  hash.update(JSON.stringify({ dependencies, devDependencies, optionalDependencies, peerDependencies, overrides }));
  return hash.digest('hex');
}

function installedHash() {
  try {
    return readFileSync(stamp, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function upToDate() {
  return installedHash() === wantedHash();
}

function mark() {
  mkdirSync(modules, { recursive: true });
  writeFileSync(stamp, `${wantedHash()}\n`);
}

async function install() {
  const release = await takeLock();
  try {
    if (upToDate()) return; // another run installed while this one waited
    process.stderr.write('Installing dependencies as package-lock.json names them (npm ci; about a minute the first time) ...\n');
    rmSync(stamp, { force: true });
    const npm = process.env.npm_execpath;
    const [command, args] = npm?.endsWith('.js') ? [process.execPath, [npm, 'ci']] : [windows ? 'npm.cmd' : 'npm', ['ci']];
    const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], shell: windows });
    if (result.error) throw result.error;
    if (result.status !== 0) {
      process.stderr.write('npm ci failed: nothing was started.\n');
      process.exitCode = result.status ?? 1;
      return;
    }
    mark();
  } finally {
    release();
  }
}

// npm ci empties node_modules, so two of them at once destroy each other's work. The lock lies outside of node_modules for the same reason.
async function takeLock() {
  const lock = join(tmpdir(), `flexprice-install-${createHash('sha256').update(root).digest('hex').slice(0, 16)}`);
  for (let told = false; ; ) {
    try {
      mkdirSync(lock);
      writeFileSync(join(lock, 'pid'), String(process.pid));
      return () => rmSync(lock, { recursive: true, force: true });
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (!holderAlive(lock)) {
      rmSync(lock, { recursive: true, force: true });
      continue;
    }
    if (!told) process.stderr.write('Waiting for another run that is installing dependencies ...\n');
    told = true;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

function holderAlive(lock) {
  let pid;
  try {
    pid = Number(readFileSync(join(lock, 'pid'), 'utf8'));
  } catch {
    return existsSync(lock) && Date.now() - startedAt < 5_000; // between mkdir and the pid file
  }
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function node24() {
  const bundled = join(modules, '.bin', windows ? 'node.exe' : 'node');
  if (existsSync(bundled)) return bundled;
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  process.stderr.write(
    `Node 24 is needed, this is ${process.version}, and the bundled one is missing: delete node_modules and try again.\n`,
  );
  process.exit(1);
}

function run(target, args) {
  const bin = join(modules, '.bin', target);
  const isFile = /\.[cm]?[jt]s$/.test(target);
  if (!isFile && !existsSync(bin)) {
    process.stderr.write(`There is no script or installed tool named ${target}.\n`);
    process.exit(1);
  }
  const options = (process.env.NODE_OPTIONS ?? '').split(' ').filter((option) => option && !WARNINGS_OFF.includes(option));
  const env = {
    // Compiled sources of all our processes: later starts take half the time.
    NODE_COMPILE_CACHE: join(modules, '.cache', 'node'),
    ...process.env,
    NODE_OPTIONS: [...options, ...WARNINGS_OFF].join(' '),
  };
  // A few packages put a native program into .bin: those run as they are.
  const native = !isFile && !readFileSync(bin).subarray(0, 2).equals(Buffer.from('#!'));
  const child = native
    ? spawn(bin, args, { cwd: root, stdio: 'inherit', env })
    : spawn(node24(), [isFile ? join(root, target) : bin, ...args], { cwd: root, stdio: 'inherit', env });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}

const startedAt = Date.now();
const [target, ...args] = process.argv.slice(2);
if (target === '--mark') mark();
else if (!target) {
  process.stderr.write('usage: node scripts/run.mjs <file.ts | bin-name> [args...]\n');
  process.exitCode = 2;
} else {
  if (!upToDate()) await install();
  if (process.exitCode === undefined) run(target, args);
}
