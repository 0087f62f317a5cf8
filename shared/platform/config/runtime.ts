import { resolveSecretReferences } from '../secrets/references.ts';
import { loadConfig } from './load.ts';
import type { Config } from './schema.ts';

/** The configuration of a running process: the environment with its secret references resolved, over the YAML file. */
export async function loadRuntimeConfig(): Promise<Config> {
  return loadConfig({ env: await resolveSecretReferences(process.env) });
}
