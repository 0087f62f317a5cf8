import { configLeaves } from '#platform/config/load.ts';
import type { Config } from '#platform/config/schema.ts';

/** Read by scripts and tests, not part of the configuration: passed on as they are. */
const PASSED_ON = /^FLEXPRICE_(TEST|BENCH|BUILD)_/;

/**
 * The environment of a child process: the whole effective configuration as `FLEXPRICE_*` variables, so that a child
 * depends on no file and on nothing that the supervisor's own environment leaves open.
 */
export function childEnvironment(config: Config, base: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const env = Object.fromEntries(Object.entries(base).filter(([name]) => !name.startsWith('FLEXPRICE_') || PASSED_ON.test(name)));
  for (const { path, variable } of configLeaves()) {
    const value = (config as unknown as Record<string, Record<string, unknown>>)[path[0] ?? '']?.[path[1] ?? ''];
    if (value !== undefined) env[variable] = Array.isArray(value) ? value.join(',') : String(value);
  }
  // No YAML file on top: it is in the values already.
  return { ...env, FLEXPRICE_CONFIG_FILE: '/dev/null' };
}
