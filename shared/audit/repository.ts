import { DateTime } from 'luxon';
import type { RequestContext } from '#kernel/context.ts';
import type { ClickHouse } from '#platform/clickhouse/client.ts';
import type { AuditEntry } from './domain.ts';
import { ofTenant } from '#platform/clickhouse/tenant.ts';

const COLUMNS = [
  'tenant_id',
  'environment_id',
  'entity_type',
  'entity_id',
  'created_at',
  'id',
  'event_name',
  'actor_id',
  'actor_type',
  'request_id',
  'payload',
] as const;
type Row = Record<(typeof COLUMNS)[number], string>;

export type AuditRepository = ReturnType<typeof createAuditRepository>;

/** The audit log in ClickHouse (table `audit_log`). */
export function createAuditRepository(clickhouse: ClickHouse) {
  return {
    /** Stores entries. `token` names the batch: repeated under the same token, or under another one, it changes nothing. */
    async insert(entries: readonly AuditEntry[], token: string): Promise<void> {
      if (entries.length === 0) return;
      await clickhouse.insert({
        table: 'audit_log',
        columns: COLUMNS,
        rows: entries.map((entry) => {
          const row = toRow(entry);
          return COLUMNS.map((column) => row[column]);
        }),
        token,
      });
    },

    /** The history of one entity of the context's environment, oldest first. */
    async ofEntity(ctx: RequestContext, entityType: string, entityId: string): Promise<AuditEntry[]> {
      const rows = await ofTenant(clickhouse, ctx).query<Row>(
        `SELECT ${COLUMNS.join(', ')} FROM audit_log FINAL
         WHERE tenant_id = {tenant:String} AND environment_id = {environment:String} AND entity_type = {type:String} AND entity_id = {entity:String}
         ORDER BY created_at, id`,
        { tenant: ctx.tenantId, environment: ctx.environmentId, type: entityType, entity: entityId },
      );
      return rows.map(fromRow);
    },
  };
}

function toRow(entry: AuditEntry): Row {
  return {
    tenant_id: entry.tenantId,
    environment_id: entry.environmentId,
    entity_type: entry.entityType,
    entity_id: entry.entityId,
    created_at: entry.createdAt.toUTC().toISO() ?? '',
    id: entry.id,
    event_name: entry.eventName,
    actor_id: entry.actorId,
    actor_type: entry.actorType,
    request_id: entry.requestId,
    payload: JSON.stringify(entry.payload),
  };
}

function fromRow(row: Row): AuditEntry {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    environmentId: row.environment_id,
    entityType: row.entity_type,
    entityId: row.entity_id,
    eventName: row.event_name,
    actorId: row.actor_id,
    actorType: row.actor_type,
    requestId: row.request_id,
    payload: JSON.parse(row.payload) as Record<string, unknown>,
    createdAt: DateTime.fromISO(row.created_at, { zone: 'utc' }),
  };
}
