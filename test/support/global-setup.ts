import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startClickHouse } from '#local/engines/clickhouse/clickhouse.ts';
import { startPostgres } from '#local/engines/postgres.ts';
import { type Credentials, loadCredentials } from '#local/engines/postgres-credentials.ts';
import { freePort } from '#local/ports.ts';

/** Where the engines of this run are, or will be in a moment. */
export interface TestEngines {
  readonly postgres: { readonly host: string; readonly port: number; readonly credentials: Credentials };
  readonly clickhouseUrl: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    engines: TestEngines;
    /** For what lasts longer than a test file. Removed at the end of the run. */
    folder: string;
  }
}

/**
 * One Postgres and one ClickHouse for the whole run. Tests start at once and wait for an engine when they first ask for it
 * (test/support/engines.ts), so that unit tests do not wait at all.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'flexprice-test-'));
  chmodSync(folder, 0o711); // the account that Postgres runs as has to get through
  const dataDir = join(folder, 'postgres');
  mkdirSync(dataDir);
  const [postgresPort, clickhousePort] = await Promise.all([freePort(), freePort()]);

  project.provide('folder', folder);
  project.provide('engines', {
    postgres: { host: '127.0.0.1', port: postgresPort, credentials: loadCredentials(dataDir) },
    clickhouseUrl: `http://127.0.0.1:${clickhousePort}`,
  });

  const starting = [
    // No test cuts the power, so none of them needs to wait for the disk.
    startPostgres({
      dataDir,
      port: postgresPort,
      logFile: join(folder, 'postgres.log'),
      settings: { fsync: 'off', full_page_writes: 'off' },
    }),
    startClickHouse({ dataDir: join(folder, 'clickhouse'), port: clickhousePort, logFile: join(folder, 'clickhouse.log') }),
  ];
  for (const engine of starting) {
    engine.catch((error: unknown) =>
      process.stderr.write(`\nA test engine did not start: ${error instanceof Error ? error.message : String(error)}\n`),
    );
  }

  return async () => {
    const started = await Promise.allSettled(starting);
    await Promise.all(started.map((engine) => (engine.status === 'fulfilled' ? engine.value.stop() : undefined)));
    rmSync(folder, { recursive: true, force: true });
  };
}
