import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Config } from '#platform/config/schema.ts';
import { baseUrl } from './base-url.ts';
import { loadCredentials } from './engines/postgres-credentials.ts';
import { runningApi, runningSupervisor } from './supervisor/data-dir.ts';

/**
 * The configuration with the addresses of the embedded engines of a Local Mode that runs on the configured data directory, for a
 * command beside it. Null when none runs. What the configuration names already stays.
 */
export function runningLocalMode(config: Config): Config | null {
  const root = resolve(config.local.data_dir);
  if (runningSupervisor(root) === undefined) return null;
  const found = { ...config };
  if (config.postgres.host === undefined) {
    const folder = join(root, 'postgres');
    // The server itself writes its port into the fourth line.
    const [, , , port] = read(join(folder, 'cluster/postmaster.pid'))?.split('\n') ?? [];
    if (port === undefined) return null;
    found.postgres = { ...config.postgres, host: '127.0.0.1', port: Number(port), password: loadCredentials(folder).app };
  }
  const listener = /^advertised\.listeners=PLAINTEXT:\/\/(\S+)$/m.exec(read(join(root, 'kafka/kraft.properties')) ?? '')?.[1];
  if (!config.kafka.brokers?.length && listener !== undefined && read(join(root, 'kafka/kafka.pid')) !== undefined)
    found.kafka = { ...config.kafka, brokers: [listener] };
  return found;
}

/** Where the API of this machine is reached, without `/v1`: that of the Local Mode on the configured data directory, else on the configured port. Null when neither is known. */
export function localApi({ server, local }: Config): string | null {
  return runningApi(resolve(local.data_dir)) ?? (server.port ? baseUrl(server) : null);
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
