import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAuditRepository } from '#audit/repository.ts';
import { createEventLedger } from '#ingestion/repository/ledger.ts';
import { createEventRegistry } from '#ingestion/repository/registry.ts';
import { createEventStore } from '#ingestion/repository/event-store.ts';
import type { ClickHouse } from '#platform/clickhouse/client.ts';
import { ofTenant, TENANT_TABLES } from '#platform/clickhouse/tenant.ts';
import { loggedEvent, meteringCtx, openTestClickHouse, utc } from '../support/metering.ts';

// Statements that forgot whose rows they are about: the engine gives them those of the asking environment and no others.

const OWNERS = [
  { tenantId: 'tenant_a', environmentId: 'env_1' },
  { tenantId: 'tenant_a', environmentId: 'env_2' },
  { tenantId: 'tenant_b', environmentId: 'env_1' },
] as const;
let clickhouse: ClickHouse;
let close: () => Promise<void>;

beforeAll(async () => {
  ({ clickhouse, close } = await openTestClickHouse());
  const [registry, ledger] = [createEventRegistry(clickhouse), createEventLedger(clickhouse)];
  for (const owner of OWNERS) {
    const events = ['e1', 'e2'].map((id) => ({ ...loggedEvent({ id, at: '2026-03-01T00:00:00Z' }), ...owner }));
    const [event] = events as [(typeof events)[0], (typeof events)[0]];
    const token = `${owner.tenantId} ${owner.environmentId}`;
    const { topic, partition, offset } = event.position;
    const pack = { ...owner, ingestedAt: event.ingestedAt, topic, partition, offset, accepted: 2, stored: 2, duplicates: 0, rejected: 0 };
    const message = { offset, key: 'k', value: Buffer.from('{'), headers: {}, timestamp: utc('2026-03-01T00:00:00Z') };
    const poison = { message, line: 0, value: message.value, reason: 'bad_json', detail: 'none', id: 'e3', origin: event } as const;
    await createEventStore(clickhouse).insert(events, token);
    await registry.claim(events, token);
    await registry.recordDuplicates([{ event, winner: event.position }], token);
    await ledger.record([pack], [poison], { topic, partition }, token);
    const createdAt = utc('2026-03-01T00:00:00Z');
    const [actor, what] = [
      { actorId: 'u', actorType: 'user', requestId: 'r' },
      { entityType: 'plan', entityId: 'p', eventName: 'plan.created' },
    ];
    await createAuditRepository(clickhouse).insert(
      [{ ...meteringCtx, ...owner, ...actor, ...what, id: token, payload: {}, createdAt } as never],
      token,
    );
  }
});
afterAll(() => close());

type Owner = { readonly tenant_id: string; readonly environment_id: string };
const seenBy = (ctx: { tenantId: string; environmentId: string }, sql: string) => ofTenant(clickhouse, ctx).query<Owner>(sql);

test('every table that has a tenant stands behind the fence', async () => {
  const tables = await clickhouse.query<{ table: string }>(
    `SELECT DISTINCT table FROM system.columns WHERE database = currentDatabase() AND name = 'tenant_id' ORDER BY table`,
  );
  expect(tables.map(({ table }) => table)).toEqual([...TENANT_TABLES].sort());
});

describe.each(TENANT_TABLES)('%s', (table) => {
  test.each([
    ['without a condition', `SELECT tenant_id, environment_id FROM ${table}`],
    ['with FINAL', `SELECT tenant_id, environment_id FROM ${table} FINAL`],
    ['with a condition that lets everybody in', `SELECT tenant_id, environment_id FROM ${table} FINAL WHERE tenant_id != '' OR 1 = 1`],
    ["with another's condition", `SELECT tenant_id, environment_id FROM ${table} WHERE tenant_id IN ('tenant_a', 'tenant_b')`],
    ['inside of another question', `SELECT * FROM (SELECT tenant_id, environment_id FROM ${table} AS t WHERE t.tenant_id != 'x') AS u`],
    [
      'in one branch of several',
      `SELECT '' AS tenant_id, '' AS environment_id WHERE 0 UNION ALL SELECT tenant_id, environment_id FROM ${table}`,
    ],
    ['in a join', `SELECT b.tenant_id AS tenant_id, b.environment_id AS environment_id FROM ${table} AS a CROSS JOIN ${table} AS b`],
  ])('%s shows an environment what is its own', async (_, sql) => {
    for (const owner of OWNERS) {
      const rows = await seenBy(owner, sql);
      expect(rows.length).toBeGreaterThan(0);
      for (const row of rows) expect(row).toEqual({ tenant_id: owner.tenantId, environment_id: owner.environmentId });
    }
  });

  test('shows nothing to a stranger, whatever it is called, and lets nobody set the fence aside', async () => {
    const sql = `SELECT tenant_id, environment_id FROM ${table}`;
    for (const name of ['stranger', '', "' OR 1 = 1 OR tenant_id = '", "\\' OR 1 = 1 -- ", "a','events':'1", 'тест'])
      expect(await seenBy({ tenantId: name, environmentId: 'env_1' }, sql)).toEqual([]);
    const own = ofTenant(clickhouse, OWNERS[0]);
    const aside = { additional_table_filters: '{}' } as never;
    expect(new Set((await own.query<Owner>(sql, {}, aside)).map((row) => row.tenant_id))).toEqual(new Set(['tenant_a']));
    await expect(own.query(`${sql} SETTINGS additional_table_filters = {}`)).rejects.toThrow(/no settings of its own/);
  });
});
