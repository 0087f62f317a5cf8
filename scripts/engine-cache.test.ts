import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { cachedFolder, type InstalledEngine, isInstalled } from '../local/engines/paths.ts';
import { installInto } from './engine-cache.ts';

let machine: string;
beforeEach(() => {
  machine = mkdtempSync(join(tmpdir(), 'flexprice-engines-'));
  vi.stubEnv('XDG_CACHE_HOME', join(machine, 'cache'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(machine, { recursive: true, force: true });
});

const engineOf = (clone: string, version = '1.0.0'): InstalledEngine => ({
  name: 'mill',
  version,
  folder: join(machine, clone, '.engines', 'mill'),
});
const content = ({ folder }: InstalledEngine) => readFileSync(join(folder, 'bin', 'mill'), 'utf8');
const install = (text: string) => (folder: string) => {
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'bin', 'mill'), text);
};

test('an engine that one clone has installed is there for every other one, linked', () => {
  const [first, second] = [engineOf('first'), engineOf('second')];
  expect(isInstalled(first)).toBe(false);
  installInto(first, install('turns'));
  expect([isInstalled(first), isInstalled(second)]).toEqual([true, true]);
  expect([content(first), content(second)]).toEqual(['turns', 'turns']);
  expect(cachedFolder(first)).toBe(join(machine, 'cache', 'flexprice', 'engines', 'mill-1.0.0'));
});

test('an installation that fails leaves nothing that looks like an engine', () => {
  const engine = engineOf('clone');
  expect(() =>
    installInto(engine, (folder) => {
      install('half')(folder);
      throw new Error('the compiler ended with code 2');
    }),
  ).toThrow('code 2');
  expect(isInstalled(engine)).toBe(false);
  expect(existsSync(engine.folder)).toBe(false);
  expect(readdirSync(join(machine, 'cache', 'flexprice', 'engines'))).toEqual([]);
});

test('another version is another engine, and each clone links its own', () => {
  const [old, next] = [engineOf('old'), engineOf('next', '1.1.0')];
  installInto(old, install('slowly'));
  expect(isInstalled(next)).toBe(false);
  installInto(next, install('fast'));
  expect([content(old), content(next)]).toEqual(['slowly', 'fast']);
  // A clone that moves on takes the other version in place of the one it had.
  expect(isInstalled(engineOf('old', '1.1.0'))).toBe(true);
  expect(content(old)).toBe('fast');
});

test('what a clone kept by itself before gives way to the link', () => {
  const engine = engineOf('clone');
  mkdirSync(join(engine.folder, 'lib'), { recursive: true });
  expect(isInstalled(engine)).toBe(false);
  installInto(engine, install('turns'));
  expect(content(engine)).toBe('turns');
});

test('of two clones that install at once, the second takes what the first has made', () => {
  const [slow, fast] = [engineOf('slow'), engineOf('fast')];
  installInto(slow, (folder) => {
    install('slow')(folder);
    installInto(fast, install('fast'));
  });
  expect([content(slow), content(fast)]).toEqual(['fast', 'fast']);
});
