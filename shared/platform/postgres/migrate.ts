import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { Config } from '../config/schema.ts';
import { migratorOptions } from './connection.ts';

/** Any two migrators on one database exclude each other with this. */
const LOCK = 7_203_461;

/** Folder of the SQL files: in the sources beside `shared/`, in a bundle where FLEXPRICE_BUILD_MIGRATIONS says. */
function migrationsFolder(): string {
  return join(process.env.FLEXPRICE_BUILD_MIGRATIONS ?? join(import.meta.dirname, '../../../migrations'), 'postgres');
}

/**
 * Applies the migrations that the database lacks, in order, each in its own transaction, as the migrator role.
 * Throws when a file that was applied has changed since: migrations are forward only.
 * @returns the names that were applied now
 */
export async function migratePostgres(config: Config): Promise<string[]> {
  const client = new pg.Client({
    ...(await migratorOptions(config.postgres)),
    application_name: 'flexprice migrate',
  });
  await client.connect();
  try {
    await client.query('select pg_advisory_lock($1)', [LOCK]);
    await client.query(
      'create table if not exists schema_migrations (name text primary key, checksum text not null, applied_at timestamptz not null default now())',
    );
    const { rows } = await client.query<{ name: string; checksum: string }>('select name, checksum from schema_migrations');
    const applied = new Map(rows.map((row) => [row.name, row.checksum]));
    const done: string[] = [];
    for (const { name, sql, checksum } of await readMigrations(migrationsFolder())) {
      const known = applied.get(name);
      if (known === checksum) continue;
      if (known !== undefined) throw new Error(`migration ${name} has changed since it was applied; write a new one instead`);
      await applyOne(client, name, sql, checksum);
      done.push(name);
    }
    return done;
  } finally {
    await client.end();
  }
}

/** The .sql files of a folder in order, with their checksums. */
export async function readMigrations(folder: string): Promise<{ name: string; sql: string; checksum: string }[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(join(folder, name), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

async function applyOne(client: pg.Client, name: string, sql: string, checksum: string): Promise<void> {
  await client.query('begin');
  try {
    await client.query(sql);
    await client.query('insert into schema_migrations (name, checksum) values ($1, $2)', [name, checksum]);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw new Error(`migration ${name} failed: ${(error as Error).message}`, { cause: error });
  }
}
