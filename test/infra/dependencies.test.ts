import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
type Versions = Readonly<Record<string, string>>;
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  dependencies: Versions;
  optionalDependencies: Versions;
  devDependencies: Versions;
};
const all = { ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.devDependencies };
const lines = readFileSync(join(root, 'docs/adr/0002-dependencies.md'), 'utf8')
  .split('\n')
  .map((line) => /^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \| ([\d.]+) \|$/.exec(line))
  .filter((match) => match !== null);

test('every direct dependency has its line in the record, and no line is left of one that is gone', () => {
  expect(lines.map(([, name]) => name).sort()).toEqual(Object.keys(all).sort());
});

test('every version is exact', () => {
  expect(Object.entries(all).filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
});
