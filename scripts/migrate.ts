// `npm run migrate`: brings the configured databases and topics up to date. Local Mode does the same by itself at every start.
import { migrateClickHouse } from '#platform/clickhouse/migrate.ts';
import { loadRuntimeConfig } from '#platform/config/runtime.ts';
import { createEventLog } from '#platform/event-log/create.ts';
import { topicSpecs } from '#platform/event-log/topics.ts';
import { grantAppLogin } from '#platform/postgres/app-login.ts';
import { migratePostgres } from '#platform/postgres/migrate.ts';

const config = await loadRuntimeConfig();
if (config.postgres.host === undefined || config.clickhouse.url === undefined) {
  console.error('Set FLEXPRICE_POSTGRES_HOST and FLEXPRICE_CLICKHOUSE_URL: embedded engines are migrated by `npm start`.');
  process.exit(1);
}
tell('Postgres', await migratePostgres(config));
if (await grantAppLogin(config)) console.log(`Postgres: ${config.postgres.user} can log in now`);
tell('ClickHouse', await migrateClickHouse(config));

const log = await createEventLog(config);
try {
  const specs = topicSpecs(config);
  await log.ensureTopics(specs);
  console.log(`Event log: ${specs.length} topics are there`);
} finally {
  await log.close();
}

function tell(engine: string, applied: readonly string[]): void {
  console.log(applied.length === 0 ? `${engine}: up to date` : `${engine}: applied ${applied.join(', ')}`);
}
