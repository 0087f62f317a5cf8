import { globSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningClickHouse, startClickHouse } from '#local/engines/clickhouse/clickhouse.ts';
import { createEventStore } from '#ingestion/repository/event-store.ts';
import { createClickHouse } from '#platform/clickhouse/client.ts';
import { migrateClickHouse } from '#platform/clickhouse/migrate.ts';
import { testConfig } from '#test/support/engines.ts';
import { loggedEvent } from '#test/support/metering.ts';

// A ClickHouse of its own, because its files are touched.

let dataDir: string;
let engine: RunningClickHouse;

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'flexprice-insert-crash-'));
  engine = await startClickHouse({ dataDir, logFile: join(dataDir, 'clickhouse.log') });
});
afterAll(async () => {
  await engine?.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

const configOf = () => testConfig({ FLEXPRICE_CLICKHOUSE_URL: engine.url });

/**
 * A plain MergeTree writes an insert's token down before it puts the rows in their place. Seen with `kill -9` in between, by a tracer that
 * held the second step up: the repeated insert was dropped as known, and its rows were nowhere. The files are what such a kill leaves.
 */
async function killedBeforeTheRowsWereInPlace(month: string): Promise<void> {
  await engine.stop();
  const parts = globSync(join(dataDir, 'store', '*', '*', `${month}_*`));
  expect(parts).toHaveLength(1);
  for (const part of parts) renameSync(part, join(dirname(part), `tmp_insert_${month}`));
  engine = await startClickHouse({ dataDir, logFile: join(dataDir, 'clickhouse.log') });
}

test('an insert that is repeated after ClickHouse was killed in the middle of it is there as a whole', async () => {
  await migrateClickHouse(configOf());
  const events = ['2025-01-31T23:00:00Z', '2025-02-01T01:00:00Z'].map((at, index) => loggedEvent({ id: `killed-${index}`, at }));
  const insert = async (): Promise<void> => {
    const clickhouse = createClickHouse(configOf());
    await createEventStore(clickhouse).insert(events, 'events:0:1-2');
    await clickhouse.close();
  };
  await insert();
  await killedBeforeTheRowsWereInPlace('202502');
  await insert();

  const clickhouse = createClickHouse(configOf());
  expect(await clickhouse.query('SELECT id FROM events FINAL ORDER BY id')).toEqual([{ id: 'killed-0' }, { id: 'killed-1' }]);
  await clickhouse.close();
});

test('tables that were made to drop repeated inserts no longer do so once they are migrated', async () => {
  const clickhouse = createClickHouse(configOf());
  const tables = ['events', 'event_ids', 'event_duplicates', 'audit_log'];
  for (const table of tables) await clickhouse.command(`ALTER TABLE ${table} MODIFY SETTING non_replicated_deduplication_window = 1000`);
  await clickhouse.command('TRUNCATE TABLE schema_migrations');
  await migrateClickHouse(configOf());
  const rows = await clickhouse.query<{ name: string; engine: string }>(
    "SELECT name, engine_full AS engine FROM system.tables WHERE database = currentDatabase() AND name != 'schema_migrations' ORDER BY name",
  );
  expect(rows.map(({ name }) => name)).toEqual(expect.arrayContaining(tables));
  for (const row of rows) expect(row.engine).toContain('non_replicated_deduplication_window = 0');
  await clickhouse.close();
});
