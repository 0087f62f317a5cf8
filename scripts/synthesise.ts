import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');

export interface SynthesisedTemplate {
  readonly stack: string;
  readonly path: string;
}

interface Manifest {
  readonly artifacts?: Readonly<
    Record<string, { readonly type: string; readonly properties?: { readonly stackName?: string; readonly templateFile?: string } }>
  >;
}

/**
 * Synthesises the CDK app of an environment from what `npm run build` left in dist/, into a folder that is emptied before. Needs no network, no
 * Docker and no credentials, and does not go through the CDK's command line. What is wrong is said on stderr; then it throws.
 */
export function synthesise(env: string, outdir: string): SynthesisedTemplate[] {
  const { context } = JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8')) as { context: Record<string, unknown> };
  rmSync(outdir, { recursive: true, force: true });
  // What the CDK's command line would tell the app.
  execFileSync(process.execPath, [join(root, 'infra/bin/app.ts')], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, CDK_OUTDIR: outdir, CDK_CONTEXT_JSON: JSON.stringify({ ...context, env }) },
  });
  return readdirSync(outdir)
    .filter((name) => name.startsWith('assembly-'))
    .sort()
    .flatMap((assembly) => {
      const { artifacts = {} } = JSON.parse(readFileSync(join(outdir, assembly, 'manifest.json'), 'utf8')) as Manifest;
      return Object.values(artifacts).flatMap(({ type, properties }) =>
        type === 'aws:cloudformation:stack' && properties?.templateFile !== undefined
          ? [{ stack: properties.stackName ?? '', path: join(outdir, assembly, properties.templateFile) }]
          : [],
      );
    });
}
