import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ENVIRONMENT_NAMES } from '../../infra/config/environments.ts';

// What the documentation tells to type about stacks finds stacks. They live in a stage, so the CDK's `--all` finds none.

const root = join(import.meta.dirname, '../..');
const texts = ['README.md', 'CONTRIBUTING.md', ...filesBelow('docs'), ...filesBelow('.github')].map((path) => ({
  path,
  text: readFileSync(join(root, path), 'utf8'),
}));
const commands = texts.flatMap(({ path, text }) =>
  [...text.matchAll(/\bcdk (?:deploy|diff|destroy)\b[^\n`]*/g)].map(([command]) => ({ path, command })),
);

function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(md|yml)$/.test(name))
    .map((name) => join(folder, name));
}

test('there are such commands in the documentation of the first deploy and in the runbooks', () => {
  const places = commands.map(({ path }) => path);
  for (const path of ['docs/first-deploy.md', 'docs/runbooks/deploy.md']) expect(places).toContain(path);
});

test.each(commands)('$path: $command', ({ command }) => {
  expect(command).not.toContain('--all');
});

describe.each(ENVIRONMENT_NAMES)('%s', (env) => {
  /** Stacks in their stage, as the CDK names them: `flexprice-dev/network`. The reviewed templates are compared with what is synthesised. */
  const paths = readdirSync(join(import.meta.dirname, 'snapshots', env)).map((file) => `flexprice-${env}/${file.replace(/\.yaml$/, '')}`);
  const named = commands.flatMap(({ path, command }) =>
    [...command.matchAll(/flexprice-\$(?:ENV|TARGET|\{ENV\}|\{TARGET\})\/[\w*-]+/g)].map(([pattern]) => ({ path, pattern })),
  );

  test.each(named)('$pattern of $path is there', ({ pattern }) => {
    const wanted = pattern.replace(/\$\{?\w+\}?/, env);
    const found = paths.filter((path) => (wanted.endsWith('/*') ? path.startsWith(wanted.slice(0, -1)) : path === wanted));
    // Only some environments have an edge.
    if (!pattern.endsWith('/edge')) expect(found).not.toEqual([]);
  });
});
