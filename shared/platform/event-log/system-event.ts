import { DateTime } from 'luxon';
import * as z from 'zod';
import type { OutboxRow } from '#platform/postgres/outbox.ts';
import type { LogRecord } from './event-log.ts';
import { CONTENT, HEADERS } from './topics.ts';

/** A state change as it travels on `system_events`. Delivered at least once: consumers drop a second one with the same id. */
export interface PublishedSystemEvent {
  readonly id: string;
  readonly tenantId: string;
  readonly environmentId: string;
  readonly eventName: string;
  readonly entityType: string;
  readonly entityId: string;
  readonly actorId: string;
  readonly actorType: string;
  readonly requestId: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly createdAt: DateTime;
}

const wireSchema = z.object({
  id: z.string().min(1),
  tenant_id: z.string().min(1),
  environment_id: z.string(),
  event_name: z.string().min(1),
  entity_type: z.string(),
  entity_id: z.string(),
  actor_id: z.string(),
  actor_type: z.string(),
  request_id: z.string(),
  payload: z.record(z.string(), z.unknown()),
  created_at: z.iso.datetime(),
});

/** The record of an outbox row. One entity's events share a key, so they stay in order. */
export function toLogRecord(row: OutboxRow): LogRecord {
  const wire: z.input<typeof wireSchema> = {
    id: row.id,
    tenant_id: row.tenantId,
    environment_id: row.environmentId,
    event_name: row.eventName,
    entity_type: row.entityType,
    entity_id: row.entityId,
    actor_id: row.actorId,
    actor_type: row.actorType,
    request_id: row.requestId,
    payload: { ...row.payload },
    created_at: row.createdAt.toUTC().toISO() ?? '',
  };
  return {
    key: `${row.tenantId}:${row.environmentId}:${row.entityId}`,
    value: Buffer.from(JSON.stringify(wire), 'utf8'),
    headers: { [HEADERS.tenantId]: row.tenantId, [HEADERS.environmentId]: row.environmentId, [HEADERS.content]: CONTENT.systemEvent },
  };
}

/** Reads a record of `system_events`. Throws an Error that names what is wrong with one that nobody can use. */
export function fromLogRecord(record: Pick<LogRecord, 'value' | 'headers'>): PublishedSystemEvent {
  const content = record.headers[HEADERS.content];
  if (content !== CONTENT.systemEvent) throw new Error(`the record holds ${content ?? 'no declared content'}, not ${CONTENT.systemEvent}`);
  const wire = wireSchema.parse(JSON.parse(record.value.toString('utf8')));
  return {
    id: wire.id,
    tenantId: wire.tenant_id,
    environmentId: wire.environment_id,
    eventName: wire.event_name,
    entityType: wire.entity_type,
    entityId: wire.entity_id,
    actorId: wire.actor_id,
    actorType: wire.actor_type,
    requestId: wire.request_id,
    payload: wire.payload,
    createdAt: DateTime.fromISO(wire.created_at, { zone: 'utc' }),
  };
}
