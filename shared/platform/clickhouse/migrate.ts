import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { clickhouseForJobs } from '../config/for-jobs.ts';
import { type ClickHouse, type ClickHouseConfig, createClickHouse, createClickHouseWithoutDatabase } from './client.ts';

/** Ordered, forward only: `NNNN_name.sql`. */
const FILE_NAME = /^(\d{4})_[a-z0-9_]+\.sql$/;

/**
 * The only difference between the DDL of a laptop and of a cluster.
 * `plain` also fits ClickHouse Cloud, which turns every MergeTree into its shared kind; a self-hosted cluster says `replicated`.
 *
 * A plain table must not drop inserts that it thinks it knows: it writes an insert's token down before it puts the rows in their place, and
 * after a crash in between the repeated insert would be dropped and its rows be nowhere (test/reliability/clickhouse-insert-crash.test.ts).
 * Keeper takes both in one step. Rows that are written twice replace themselves in either case.
 */
const ENGINES = {
  plain: { engine_prefix: '', dedupe_window: 'non_replicated_deduplication_window = 0' },
  replicated: {
    engine_prefix: 'Replicated',
    dedupe_window: 'replicated_deduplication_window = 1000, replicated_deduplication_window_seconds = 604800',
  },
  shared: {
    engine_prefix: 'Shared',
    dedupe_window: 'replicated_deduplication_window = 1000, replicated_deduplication_window_seconds = 604800',
  },
} as const;

/** One migration file with the engine's words filled in. */
export interface ClickHouseMigration {
  readonly name: string;
  readonly checksum: string;
  readonly statements: readonly string[];
}

/**
 * Brings the database to the newest migration; creates the database when absent. Returns the names applied now.
 * ClickHouse has no transaction around DDL, so every statement is written to be repeatable (IF NOT EXISTS) and a file is recorded after its last one.
 * Throws when an applied file was changed afterwards.
 */
export async function migrateClickHouse(config: ClickHouseConfig, folder: string = migrationsFolder()): Promise<string[]> {
  const migrations = await readMigrations(folder, config.clickhouse.engine);
  await createDatabase(config);
  const clickhouse = createClickHouse({ clickhouse: clickhouseForJobs(config.clickhouse) });
  try {
    return await apply(clickhouse, migrations, config.clickhouse.engine);
  } finally {
    await clickhouse.close();
  }
}

/** The migration files of a folder in their order. The checksum is of the file as written, so that it is the same on every engine. */
export async function readMigrations(folder: string, engine: keyof typeof ENGINES): Promise<ClickHouseMigration[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort();
  return Promise.all(
    files.map(async (file) => {
      if (!FILE_NAME.test(file)) throw new Error(`${file}: a migration is named NNNN_name.sql`);
      const text = await readFile(join(folder, file), 'utf8');
      return { name: file, checksum: createHash('sha256').update(text).digest('hex'), statements: statementsOf(text, engine) };
    }),
  );
}

function statementsOf(text: string, engine: keyof typeof ENGINES): string[] {
  const { engine_prefix, dedupe_window } = ENGINES[engine];
  return text
    .replace(/--[^\n]*/g, '')
    .replaceAll('{engine_prefix}', engine_prefix)
    .replaceAll('{dedupe_window}', dedupe_window)
    .split(/;\s*(?:\n|$)/)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
}

async function createDatabase(config: ClickHouseConfig): Promise<void> {
  const clickhouse = createClickHouseWithoutDatabase(config);
  try {
    await clickhouse.command(`CREATE DATABASE IF NOT EXISTS ${config.clickhouse.database}`);
  } finally {
    await clickhouse.close();
  }
}

async function apply(clickhouse: ClickHouse, migrations: readonly ClickHouseMigration[], engine: keyof typeof ENGINES): Promise<string[]> {
  await clickhouse.command(
    `CREATE TABLE IF NOT EXISTS schema_migrations (name String, checksum String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3))
     ENGINE = ${ENGINES[engine].engine_prefix}ReplacingMergeTree ORDER BY name`,
  );
  const rows = await clickhouse.query<{ name: string; checksum: string }>('SELECT name, checksum FROM schema_migrations FINAL');
  const applied = new Map(rows.map((row) => [row.name, row.checksum]));
  const now: string[] = [];
  for (const { name, checksum, statements } of migrations) {
    const known = applied.get(name);
    if (known === checksum) continue;
    if (known !== undefined) throw new Error(`${name} was changed after it had been applied: write a new migration instead`);
    for (const statement of statements) await clickhouse.command(statement);
    await clickhouse.insert({ table: 'schema_migrations', columns: ['name', 'checksum'], rows: [[name, checksum]], token: name });
    now.push(name);
  }
  return now;
}

/** Folder of the SQL files: in the sources beside `shared/`, in a bundle where FLEXPRICE_BUILD_MIGRATIONS says. */
function migrationsFolder(): string {
  return join(process.env.FLEXPRICE_BUILD_MIGRATIONS ?? join(import.meta.dirname, '../../../migrations'), 'clickhouse');
}
