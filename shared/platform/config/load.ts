import { existsSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type * as z from 'zod';
import { nearest } from '#kernel/nearest.ts';
import { type Config, configSchema } from './schema.ts';

const PREFIX = 'FLEXPRICE_';
/** Read by scripts and tests, not part of the configuration. */
const NOT_CONFIGURATION = /^FLEXPRICE_(TEST|BENCH|BUILD|CONFIG)_/;

export interface ConfigSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Path of the YAML file; one that does not exist counts as empty. Default: `flexprice.yaml` in the working directory. */
  readonly file?: string;
  /** Variables that hold where neither file nor environment names the value: a deployment mode's own defaults. */
  readonly defaults?: Readonly<Record<string, string>>;
}

/** All problems of a configuration at once, each with the path of its value and the place it came from. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      `The configuration has ${problems.length} problem${problems.length === 1 ? '' : 's'}:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`,
    );
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** One value of the configuration: where it stands, its environment variable, and whether it is a secret. */
export interface ConfigLeaf {
  readonly path: readonly string[];
  readonly variable: string;
  readonly secret: boolean;
  /** What it takes, in words that follow "must be". */
  readonly expects: string | undefined;
  /** Whether a wrong value may be repeated to whoever gave it. */
  readonly echo: boolean;
}

/**
 * Reads the effective configuration. Later wins: defaults, the YAML file, environment variables.
 * Throws ConfigError with the list of all unknown and bad values.
 */
export function loadConfig({ env, file = env.FLEXPRICE_CONFIG_FILE ?? 'flexprice.yaml', defaults = {} }: ConfigSources): Config {
  const problems: string[] = [];
  const leaves = new Map(configLeaves().map((leaf) => [leaf.variable, leaf]));
  const values = readYaml(file, problems);

  for (const [name, value] of Object.entries(defaults)) {
    const leaf = leaves.get(name);
    if (leaf && !hasValue(values, leaf.path)) setAt(values, leaf.path, value);
  }
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith(PREFIX) || NOT_CONFIGURATION.test(name) || value === undefined) continue;
    const leaf = leaves.get(name);
    if (!leaf) problems.push(`${name}: unknown environment variable${meant(name, leaves.keys())}`);
    else if (value !== '') setAt(values, leaf.path, value);
  }

  const result = configSchema.safeParse(values);
  if (!result.success) problems.push(...result.error.issues.flatMap((issue) => describe(issue, values)));
  if (problems.length > 0 || !result.success) throw new ConfigError(problems);
  return result.data;
}

/** The configuration with secrets replaced, for printing. */
export function maskConfig(config: Config): unknown {
  const masked = structuredClone(config) as Record<string, unknown>;
  for (const { path, secret } of configLeaves()) {
    const section = masked[path[0] ?? ''] as Record<string, unknown>;
    const key = path[1] ?? '';
    if (secret && section[key] !== undefined) section[key] = '********';
  }
  return masked;
}

/** Every leaf of the schema, in its order. */
export function configLeaves(): ConfigLeaf[] {
  return Object.entries(configSchema.shape).flatMap(([section, prefault]) =>
    Object.entries(unwrap(prefault).shape).map(([key, leaf]) => ({
      path: [section, key],
      variable: `${PREFIX}${section}_${key}`.toUpperCase(),
      secret: metaOf(leaf as z.ZodType, 'secret') === true,
      expects: metaOf(leaf as z.ZodType, 'expects') as string | undefined,
      echo: metaOf(leaf as z.ZodType, 'echo') === true,
    })),
  );
}

function unwrap(section: z.ZodPrefault<z.ZodObject>): z.ZodObject {
  return section.unwrap();
}

/** What a leaf says of itself, under its default and whatever else wraps it. */
function metaOf(schema: z.ZodType, name: string): unknown {
  const own = schema.meta()?.[name];
  if (own !== undefined) return own;
  const inner = (schema as unknown as { def: { innerType?: z.ZodType } }).def.innerType;
  return inner === undefined ? undefined : metaOf(inner, name);
}

function readYaml(file: string, problems: string[]): Record<string, unknown> {
  if (!existsSync(file)) return {};
  try {
    const content: unknown = parse(readFileSync(file, 'utf8'));
    if (content === null || content === undefined) return {};
    if (typeof content === 'object' && !Array.isArray(content)) return content as Record<string, unknown>;
    problems.push(`${file}: must hold a map of sections`);
  } catch (error) {
    problems.push(`${file}: ${(error as Error).message.split('\n')[0]}`);
  }
  return {};
}

function setAt(target: Record<string, unknown>, path: readonly string[], value: string): void {
  const [section, key] = path as [string, string];
  const existing = target[section];
  // A section that is not a map is left for the schema to report.
  if (existing === undefined || existing === null) target[section] = { [key]: value };
  else if (typeof existing === 'object') (existing as Record<string, unknown>)[key] = value;
}

function hasValue(values: Record<string, unknown>, [section, key]: readonly string[]): boolean {
  const existing = values[section ?? ''];
  return typeof existing === 'object' && existing !== null && (existing as Record<string, unknown>)[key ?? ''] !== undefined;
}

function describe(issue: z.core.$ZodIssue, values: Readonly<Record<string, unknown>>): string[] {
  const [section = '', key] = issue.path.map(String);
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((unknown) => `${[...issue.path, unknown].join('.')}: unknown key${meant(unknown, keysOf(issue.path))}`);
  if (key === undefined) return [`${section}: must be a map of its keys`];
  const leaf = configLeaves().find(({ path }) => path[0] === section && path[1] === key);
  const given = leaf?.echo ? `, not ${JSON.stringify((values[section] as Record<string, unknown>)[key])}` : '';
  const problem = leaf?.expects === undefined ? issue.message : `must be ${leaf.expects}${given}`;
  return [`${section}.${key}${leaf === undefined ? '' : ` (${leaf.variable})`}: ${problem}`];
}

/** The keys that may stand at a path: sections, or those of a section. */
function keysOf([section]: readonly PropertyKey[]): string[] {
  return section === undefined
    ? Object.keys(configSchema.shape)
    : configLeaves()
        .filter(({ path }) => path[0] === section)
        .map(({ path }) => path[1] ?? '');
}

function meant(unknown: string, known: Iterable<string>): string {
  const near = nearest(unknown, known);
  return near === undefined ? '' : `; did you mean ${near}?`;
}
