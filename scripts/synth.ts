// `npm run synth [-- -c env=<name>]`: builds, then synthesises the CDK app of one environment (dev unless told) into cdk.out.
import { readFileSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { buildAll } from '../build.ts';
import { type SynthesisedTemplate, synthesise } from './synthesise.ts';

const root = resolve(import.meta.dirname, '..');
const env =
  process.argv
    .slice(2)
    .find((argument) => argument !== '-c')
    ?.replace(/^env=/, '') ?? 'dev';

await buildAll();
try {
  for (const template of synthesise(env, join(root, 'cdk.out'))) tell(template);
} catch {
  // The app has said why.
  process.exit(1);
}

function tell({ stack, path }: SynthesisedTemplate): void {
  const { Resources = {} } = JSON.parse(readFileSync(path, 'utf8')) as { Resources?: Record<string, unknown> };
  console.log(
    `${stack.padEnd(28)} ${String(Object.keys(Resources).length).padStart(4)} resources ${String(Math.ceil(statSync(path).size / 1024)).padStart(4)} KB  ${relative(root, path)}`,
  );
}
