import { mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inject } from 'vitest';
import { createApp } from '../../infra/app.ts';
import { environmentConfig, parseEnvironment } from '../../infra/config/environments.ts';
import type { EnvironmentConfig, EnvironmentInput } from '../../infra/config/schema.ts';

export interface Resource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
  readonly DependsOn?: readonly string[];
  readonly Metadata?: Readonly<Record<string, unknown>>;
}
export interface Template {
  readonly Resources: Readonly<Record<string, Resource>>;
  readonly Outputs?: Readonly<Record<string, { readonly Value: unknown }>>;
}
export interface Finding {
  readonly plugin: string;
  readonly rule: string;
  readonly severity: string;
  readonly path: string;
}

const root = join(import.meta.dirname, '../..');
export const { context } = JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8')) as { context: Record<string, unknown> };
let folder: string | undefined;
let variants = 0;
const made = new Map<string, Synthesised>();

/** The templates of an environment, synthesised once per process of the test run. */
export interface Synthesised {
  readonly env: string;
  readonly outdir: string;
  /** By the last part of the stack's name. */
  readonly stacks: ReadonlyMap<string, Template>;
  /** What the template checks found and nobody excused. */
  readonly findings: readonly Finding[];
  /** Resources of all stacks, or of one. */
  resources(type: string, stack?: string): Resource[];
  /** Properties of them. */
  properties(type: string, stack?: string): Readonly<Record<string, unknown>>[];
  /** Properties of the only one. Throws when there are none or several. */
  only(type: string, stack?: string): Readonly<Record<string, unknown>>;
}

export function synthesised(env: string): Synthesised {
  const known = made.get(env);
  if (known !== undefined) return known;
  const result = read(env, synth(env, env));
  made.set(env, result);
  return result;
}

/** The templates of a configuration that is no environment of ours. */
export function synthOf(input: EnvironmentInput): Synthesised {
  const name = `variant-${(variants += 1)}`;
  const config = parseEnvironment(input);
  return read(name, synthConfig(config, name));
}

function read(env: string, outdir: string): Synthesised {
  const stacks = templates(outdir);
  const resources = (type: string, stack?: string): Resource[] =>
    [...stacks]
      .filter(([name]) => stack === undefined || name === stack)
      .flatMap(([, { Resources }]) => Object.values(Resources))
      .filter(({ Type }) => Type === type);
  const properties = (type: string, stack?: string) => resources(type, stack).map(({ Properties = {} }) => Properties);
  const only = (type: string, stack?: string) => {
    const [first, ...others] = properties(type, stack);
    if (first === undefined || others.length > 0) throw new Error(`${env} has ${first === undefined ? 0 : 1 + others.length} of ${type}`);
    return first;
  };
  return { env, outdir, stacks, findings: findings(outdir), resources, properties, only };
}

/** Synthesises an environment into a new folder of that name, and returns its path. Throws what the app throws. */
export function synth(env: string, name: string): string {
  return synthConfig(environmentConfig(env), name);
}

function synthConfig(config: EnvironmentConfig, name: string): string {
  folder ??= mkdtempSync(join(inject('folder'), 'synth-'));
  const outdir = join(folder, name);
  createApp({ dist: dist(folder), outdir, context, config }).synth();
  return outdir;
}

/** Paths of the files of a folder and of the folders in it, in order. */
export function filesOf(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(directory, name)).isFile())
    .sort();
}

/** The shape of dist/ is enough for a template: build.test.ts looks at what is in it. */
function dist(parent: string): string {
  const made = join(parent, 'dist');
  for (const name of ['ingest', 'management', 'migrate', 'kafka-bootstrap', 'canary'])
    write(join(made, 'functions', name), 'index.mjs', `export const handler = () => '${name}';\n`);
  write(join(made, 'functions/migrate/migrations/postgres'), '0001_first.sql', 'select 1;\n');
  write(join(made, 'workers'), 'Dockerfile', 'FROM scratch\n');
  return made;
}

function write(directory: string, name: string, content: string): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, name), content);
}

interface Manifest {
  readonly artifacts?: Readonly<
    Record<string, { readonly type: string; readonly properties?: { readonly stackName?: string; readonly templateFile?: string } }>
  >;
}

function templates(outdir: string): Map<string, Template> {
  const found = new Map<string, Template>();
  for (const assembly of readdirSync(outdir).filter((name) => name.startsWith('assembly-'))) {
    const { artifacts = {} } = json<Manifest>(join(outdir, assembly, 'manifest.json'));
    for (const { type, properties } of Object.values(artifacts)) {
      if (type !== 'aws:cloudformation:stack' || properties?.templateFile === undefined) continue;
      found.set(properties.stackName?.split('-').slice(2).join('-') ?? '', json<Template>(join(outdir, assembly, properties.templateFile)));
    }
  }
  return found;
}

interface Report {
  readonly pluginReports: readonly {
    readonly pluginName: string;
    readonly violations: readonly {
      readonly ruleName: string;
      readonly severity: string;
      readonly violatingConstructs: readonly { readonly constructPath: string }[];
    }[];
  }[];
}

function findings(outdir: string): Finding[] {
  return json<Report>(join(outdir, 'validation-report.json')).pluginReports.flatMap(({ pluginName, violations }) =>
    violations.flatMap(({ ruleName, severity, violatingConstructs }) =>
      violatingConstructs.map(({ constructPath }) => ({ plugin: pluginName, rule: ruleName, severity, path: constructPath })),
    ),
  );
}

function json<T>(path: string): T {
  return JSON.parse(readFileSync(path, 'utf8')) as T;
}
