import type * as z from 'zod';
import { dev } from './dev.ts';
import { prod } from './prod.ts';
import { type EnvironmentConfig, type EnvironmentInput, environmentSchema } from './schema.ts';
import { staging } from './staging.ts';

const ENVIRONMENTS: Readonly<Record<string, EnvironmentInput>> = { dev, staging, prod };

export const ENVIRONMENT_NAMES: readonly string[] = Object.keys(ENVIRONMENTS);

/** The checked configuration of an environment. Throws with the names there are, or with all that is wrong with the one named. */
export function environmentConfig(name: string): EnvironmentConfig {
  const input = Object.hasOwn(ENVIRONMENTS, name) ? ENVIRONMENTS[name] : undefined;
  if (input === undefined) throw new Error(`unknown environment ${JSON.stringify(name)}: choose one of ${ENVIRONMENT_NAMES.join(', ')}`);
  return parseEnvironment(input);
}

/** Checks a configuration. Throws with a line for each problem: environment, path of the value, reason. */
export function parseEnvironment(input: EnvironmentInput): EnvironmentConfig {
  const result = environmentSchema.safeParse(input);
  if (!result.success) throw new Error(result.error.issues.map((issue) => `${input.name}: ${problem(issue)}`).join('\n'));
  return result.data;
}

function problem({ path, message }: z.core.$ZodIssue): string {
  return path.length === 0 ? message : `${path.join('.')}: ${message}`;
}
