// `npm run synth [-- -c env=<name>]`: builds, then synthesises the CDK app of one environment (dev unless told) into cdk.out.
// Needs no network, no Docker and no credentials, and does not go through the CDK's command line.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { buildAll } from '../build.ts';

const root = resolve(import.meta.dirname, '..');
const outdir = join(root, 'cdk.out');
const env = process.argv.slice(2).find((argument) => argument !== '-c')?.replace(/^env=/, '') ?? 'dev';
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
} catch {
  // The app has said why.
  process.exit(1);
}

interface Manifest { readonly artifacts?: Readonly<Record<string, { readonly type: string; readonly properties?: { readonly stackName?: string; readonly templateFile?: string } }>> }

for (const assembly of readdirSync(outdir).filter((name) => name.startsWith('assembly-')).sort()) {
  const { artifacts = {} } = JSON.parse(readFileSync(join(outdir, assembly, 'manifest.json'), 'utf8')) as Manifest;
  for (const { type, properties } of Object.values(artifacts)) {
    if (type === 'aws:cloudformation:stack' && properties?.templateFile !== undefined) tell(properties.stackName ?? '', join(outdir, assembly, properties.templateFile));
  }
}

function tell(stack: string, path: string): void {
  const { Resources = {} } = JSON.parse(readFileSync(path, 'utf8')) as { Resources?: Record<string, unknown> };
  console.log(`${stack.padEnd(28)} ${String(Object.keys(Resources).length).padStart(4)} resources ${String(Math.ceil(statSync(path).size / 1024)).padStart(4)} KB  ${relative(root, path)}`);
}
