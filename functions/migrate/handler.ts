import { createApp } from '#app/create-app.ts';
import { migrateClickHouse } from '#platform/clickhouse/migrate.ts';
import { loadRuntimeConfig } from '#platform/config/runtime.ts';
import type { Config } from '#platform/config/schema.ts';
import { grantAppLogin } from '#platform/postgres/app-login.ts';
import { migratePostgres } from '#platform/postgres/migrate.ts';
import { ensureRootTenant } from '#tenancy/root-tenant.ts';
import { customResource } from '../custom-resource.ts';

/** Custom resource: brings both databases up to date before anything that needs the new tables is deployed, and makes the root key's tenant. Answers how many files each took. */
export const handler = customResource('database-migrations', async () => {
  const config = await loadRuntimeConfig();
  const postgres = await migratePostgres(config);
  await grantAppLogin(config);
  await rootTenant(config);
  const clickhouse = await migrateClickHouse(config);
  return { Postgres: String(postgres.length), ClickHouse: String(clickhouse.length) };
});

async function rootTenant(config: Config): Promise<void> {
  const { root_tenant_id: id } = config.auth;
  if (id === undefined) return;
  const app = createApp(config);
  try {
    await ensureRootTenant(app.tenancy, id);
  } finally {
    await app.close();
  }
}
