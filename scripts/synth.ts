// `npm run synth [env]`: builds, then synthesises the CDK app of one environment (dev unless told) into cdk.out.
// Needs no network, no Docker and no credentials, and does not go through the CDK's command line.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { buildAll } from '../build.ts';

const root = resolve(import.meta.dirname, '..');
const outdir = join(root, 'cdk.out');
const env = process.argv[2] ?? 'dev';
const { context } = JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8')) as { context: Record<string, unknown> };

await buildAll();
rmSync(outdir, { recursive: true, force: true });
try {
  // What the CDK's command line would tell the app.
  execFileSync(process.execPath, [join(root, 'infra/bin/app.ts')], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, CDK_OUTDIR: outdir, CDK_CONTEXT_JSON: JSON.stringify({ ...context, env }) },
  });
} catch (error) {
  console.error(`synth failed: ${(error as Error).message}`);
  process.exit(1);
}

for (const file of readdirSync(outdir, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.template.json')).sort()) {
  const path = join(outdir, file);
  const { Resources = {} } = JSON.parse(readFileSync(path, 'utf8')) as { Resources?: Record<string, unknown> };
  const stack = file.replace(/^.*\//, '').replace('.template.json', '');
  console.log(`${stack.padEnd(44)} ${String(Object.keys(Resources).length).padStart(4)} resources ${String(Math.ceil(statSync(path).size / 1024)).padStart(4)} KB  ${relative(root, path)}`);
}
