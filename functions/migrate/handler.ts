import { migrateClickHouse } from '#platform/clickhouse/migrate.ts';
import { loadConfig } from '#platform/config/load.ts';
import { migratePostgres } from '#platform/postgres/migrate.ts';
import { resolveSecretReferences } from '#platform/secrets/references.ts';
import { customResource } from '../custom-resource.ts';

/** Custom resource: brings both databases up to date before anything that needs the new tables is deployed. Answers how many files each took. */
export const handler = customResource('database-migrations', async () => {
  const config = loadConfig({ env: await resolveSecretReferences(process.env) });
  const postgres = await migratePostgres(config);
  const clickhouse = await migrateClickHouse(config);
  return { Postgres: String(postgres.length), ClickHouse: String(clickhouse.length) };
});
