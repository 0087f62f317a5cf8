import { migrateClickHouse } from '#platform/clickhouse/migrate.ts';
import { loadRuntimeConfig } from '#platform/config/runtime.ts';
import { grantAppLogin } from '#platform/postgres/app-login.ts';
import { migratePostgres } from '#platform/postgres/migrate.ts';
import { customResource } from '../custom-resource.ts';

/** Custom resource: brings both databases up to date before anything that needs the new tables is deployed. Answers how many files each took. */
export const handler = customResource('database-migrations', async () => {
  const config = await loadRuntimeConfig();
  const postgres = await migratePostgres(config);
  await grantAppLogin(config);
  const clickhouse = await migrateClickHouse(config);
  return { Postgres: String(postgres.length), ClickHouse: String(clickhouse.length) };
});
