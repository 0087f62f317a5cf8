// `npm run migrate`: brings the configured databases and topics up to date, and makes the tenant that the root key acts for.
// Local Mode does the same by itself at every start.
import { createApp } from '#app/create-app.ts';
import { migrateClickHouse } from '#platform/clickhouse/migrate.ts';
import { loadRuntimeConfig } from '#platform/config/runtime.ts';
import { topicSpecs } from '#platform/event-log/topics.ts';
import { grantAppLogin } from '#platform/postgres/app-login.ts';
import { migratePostgres } from '#platform/postgres/migrate.ts';
import { ensureRootTenant } from '#tenancy/root-tenant.ts';

const config = await loadRuntimeConfig();
if (config.postgres.host === undefined || config.clickhouse.url === undefined) {
  console.error('Set FLEXPRICE_POSTGRES_HOST and FLEXPRICE_CLICKHOUSE_URL: embedded engines are migrated by `npm start`.');
  process.exit(1);
}
tell('Postgres', await migratePostgres(config));
if (await grantAppLogin(config)) console.log(`Postgres: ${config.postgres.user} can log in now`);
tell('ClickHouse', await migrateClickHouse(config));

const app = createApp(config);
try {
  const specs = topicSpecs(config);
  await (await app.eventLog).ensureTopics(specs);
  console.log(`Event log: ${specs.length} topics are there`);
  const { root_tenant_id: tenant } = config.auth;
  if (tenant !== undefined && (await ensureRootTenant(app.tenancy, tenant)))
    console.log(`Tenant ${tenant}: made with a development and a production environment`);
} finally {
  await app.close();
}

function tell(engine: string, applied: readonly string[]): void {
  console.log(applied.length === 0 ? `${engine}: up to date` : `${engine}: applied ${applied.join(', ')}`);
}
