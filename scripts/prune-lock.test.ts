import { expect, test } from 'vitest';
import { type Lock, pruneLock } from './prune-lock.ts';

const lock: Lock = {
  lockfileVersion: 3,
  packages: {
    '': { version: '1.0.0' },
    'node_modules/a': { version: '1.2.3', dependencies: { b: '^1', c: '*' }, optionalDependencies: { absent: '*' } },
    'node_modules/a/node_modules/b': { version: '1.0.0', dependencies: { d: '*' } },
    'node_modules/b': { version: '2.0.0' },
    'node_modules/c': { version: '3.0.0', dependencies: { b: '^2' }, peerDependencies: { a: '*' } },
    'node_modules/d': { version: '4.0.0' },
    'node_modules/unrelated': { version: '5.0.0' },
  },
};

test('keeps the closure of the roots, nested copies where Node would find them, and nothing else', () => {
  const { manifest, lock: pruned } = pruneLock(lock, 'worker', ['a']);
  expect(manifest.dependencies).toEqual({ a: '1.2.3' });
  expect(Object.keys((pruned as Lock).packages)).toEqual([
    '',
    'node_modules/a',
    'node_modules/a/node_modules/b',
    'node_modules/b',
    'node_modules/c',
    'node_modules/d',
  ]);
});

test('a root that is not locked is an error', () => {
  expect(() => pruneLock(lock, 'worker', ['nope'])).toThrow('package-lock.json has no nope');
});
