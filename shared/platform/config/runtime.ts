import { resolveSecretReferences } from '../secrets/references.ts';
import { forJobs } from './for-jobs.ts';
import { loadConfig } from './load.ts';
import type { Config } from './schema.ts';

/** The configuration of a running process: the environment with its secret references resolved, over the YAML file. */
export async function loadRuntimeConfig(): Promise<Config> {
  return loadConfig({ env: await resolveSecretReferences(process.env) });
}

/** The same for a process that nobody waits for: its engines have longer to answer than the gateway has. */
export async function loadJobConfig(): Promise<Config> {
  return forJobs(await loadRuntimeConfig());
}
