import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { App } from 'aws-cdk-lib';
import { FUNCTIONS } from '../build.ts';
import { environmentConfig } from '../infra/config/environments.ts';
import { FlexpriceStage } from '../infra/stages/flexprice-stage.ts';

export interface Resource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
}
export interface Template {
  readonly stack: string;
  readonly Resources: Readonly<Record<string, Resource>>;
}

const root = resolve(import.meta.dirname, '..');

/**
 * The templates of an environment, in the order of the stacks' names. For reading only: the code in them is hollow, so nothing has to be built,
 * and the checks of `npm run synth` do not run. Throws for an unknown environment.
 */
export function templatesOf(env: string): Template[] {
  const config = environmentConfig(env);
  const folder = mkdtempSync(join(tmpdir(), 'flexprice-templates-'));
  try {
    const { context } = JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8')) as { context: Record<string, unknown> };
    const app = new App({
      outdir: join(folder, 'cdk.out'),
      analyticsReporting: false,
      context: { ...context, '@aws-cdk/core:validateAgainstDefaultRules': false },
    });
    const stage = new FlexpriceStage(app, `flexprice-${config.name}`, { config, dist: hollowDist(join(folder, 'dist')) });
    return stage
      .synth()
      .stacks.map(({ stackName, template }) => ({
        stack: stackName,
        Resources: (template as { Resources?: Template['Resources'] }).Resources ?? {},
      }))
      .sort((a, b) => a.stack.localeCompare(b.stack));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The shape of dist/ without what is in it. */
function hollowDist(dist: string): string {
  const write = (path: string, content: string): void => {
    mkdirSync(dirname(join(dist, path)), { recursive: true });
    writeFileSync(join(dist, path), content);
  };
  for (const name of Object.keys(FUNCTIONS)) write(`functions/${name}/index.mjs`, 'export const handler = () => undefined;\n');
  for (const engine of ['postgres', 'clickhouse']) {
    for (const file of readdirSync(join(root, 'migrations', engine))) write(`functions/migrate/migrations/${engine}/${file}`, '');
  }
  write('workers/Dockerfile', 'FROM scratch\n');
  return dist;
}
