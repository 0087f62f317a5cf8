// Entry of every npm script: plain JavaScript for Node 20 without dependencies. It installs what the lock file names
// when node_modules does not match it, then hands over to the Node 24 that the project brings along.
//
//   node scripts/run.mjs <file.ts | bin-name> [args...]    run a script, or a bin of node_modules by its bare name
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const modules = join(root, 'node_modules');
const stamp = join(modules, '.flexprice-lock-hash');
const windows = process.platform === 'win32';
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const WARNINGS_OFF = ['--disable-warning=ExperimentalWarning', '--disable-warning=TimeoutNegativeWarning'];

function json(...path) {
  return JSON.parse(readFileSync(join(root, ...path), 'utf8'));
}

// Of package.json only what npm ci looks at: another script or import path is no reason to install everything again.
function dependenciesOf({ dependencies, devDependencies, optionalDependencies, peerDependencies, overrides }) {
  return JSON.stringify({ dependencies, devDependencies, optionalDependencies, peerDependencies, overrides });
}

function wantedHash() {
  const hash = createHash('sha256').update(readFileSync(join(root, 'package-lock.json')));
  return hash.update(dependenciesOf(json('package.json'))).digest('hex');
}

function installedHash() {
  try {
    return readFileSync(stamp, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function upToDate() {
  if (installedHash() === wantedHash()) return true;
  if (!installedByNpm()) return false;
  mark();
  return true;
}

// npm notes at the end of an installation what it has installed, so that `npm ci` before a script is not done again: all packages of the lock
// file in their versions and no others. Those for other platforms are optional, and missing.
function installedByNpm() {
  try {
    const { '': manifest, ...wanted } = json('package-lock.json').packages;
    const { packages: installed } = json('node_modules', '.package-lock.json');
    const same = ({ version, integrity }, other) => version === other?.version && integrity === other?.integrity;
    return (
      dependenciesOf(manifest) === dependenciesOf({ ...json('package.json'), overrides: undefined }) &&
      Object.entries(wanted).every(([path, each]) => (path in installed ? same(each, installed[path]) : each.optional === true)) &&
      Object.keys(installed).every((path) => path in wanted)
    );
  } catch {
    return false; // never installed, or in the middle of it
  }
}

function mark() {
  mkdirSync(modules, { recursive: true });
  writeFileSync(stamp, `${wantedHash()}\n`);
}

async function install() {
  const lock = await takeLock();
  try {
    if (upToDate()) return; // another run installed while this one waited
    if (Number(process.versions.node.split('.')[0]) < 20)
      process.stderr.write(`Node 20 or newer is asked for, this is ${process.version}: npm may warn about packages (EBADENGINE).\n`);
    process.stderr.write('Installing dependencies as package-lock.json names them (npm ci; about a minute the first time, 1.7 GB) ...\n');
    rmSync(stamp, { force: true });
    const { code, signal } = await npmCi(lock);
    if (signal !== undefined) {
      process.stderr.write('Stopped while dependencies were installed: the next run starts over.\n');
      process.exitCode = 128 + constants.signals[signal];
    } else if (code !== 0) {
      process.stderr.write('npm ci failed: nothing was started. Try again; if it fails again, delete node_modules first.\n');
      process.exitCode = code ?? 1;
    } else {
      mark();
      process.stderr.write(`Installed in ${Math.round((Date.now() - startedAt) / 1000)} s.\n`);
    }
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

// A signal to this process alone, as CI sends it, ends npm too: one that went on would be in the way of the next run.
function npmCi(lock) {
  const npm = process.env.npm_execpath;
  const [command, args] = npm?.endsWith('.js') ? [process.execPath, [npm, 'ci']] : [windows ? 'npm.cmd' : 'npm', ['ci']];
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], shell: windows });
  // Should this process be killed, the next run waits for npm.
  if (child.pid !== undefined) writeFileSync(join(lock, 'pid'), `${process.pid} ${child.pid}`);
  return new Promise((resolve, reject) => {
    let asked;
    const passOn = (signal) => {
      asked ??= signal;
      child.kill(signal);
    };
    for (const signal of SIGNALS) process.on(signal, passOn);
    child.on('error', reject);
    child.on('exit', (code) => {
      for (const signal of SIGNALS) process.off(signal, passOn);
      resolve({ code, signal: asked });
    });
  });
}

// npm ci empties node_modules, so two of them at once destroy each other's work. The lock lies outside of node_modules for the same reason,
// and is one for all checkouts that share a node_modules by a link.
async function takeLock() {
  const shared = existsSync(modules) ? realpathSync(modules) : join(realpathSync(root), 'node_modules');
  const lock = join(tmpdir(), `flexprice-install-${createHash('sha256').update(shared).digest('hex').slice(0, 16)}`);
  for (let told = false; ; ) {
    try {
      mkdirSync(lock);
      writeFileSync(join(lock, 'pid'), String(process.pid));
      return lock;
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
  let pids;
  try {
    pids = readFileSync(join(lock, 'pid'), 'utf8').split(' ').map(Number);
  } catch {
    return existsSync(lock) && Date.now() - startedAt < 5_000; // between mkdir and the pid file
  }
  return pids.some(isAlive);
}

function isAlive(pid) {
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
  for (const signal of SIGNALS) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}

const startedAt = Date.now();
const [target, ...args] = process.argv.slice(2);
if (!target) {
  process.stderr.write('usage: node scripts/run.mjs <file.ts | bin-name> [args...]\n');
  process.exitCode = 2;
} else {
  if (!upToDate()) await install();
  if (process.exitCode === undefined) run(target, args);
}
