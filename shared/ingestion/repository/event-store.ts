import type { ClickHouse } from '#platform/clickhouse/client.ts';
import type { LoggedEvent } from '../domain/event.ts';
import { storedTime } from './registry.ts';

const COLUMNS = [
  'tenant_id',
  'environment_id',
  'external_customer_id',
  'event_name',
  'timestamp',
  'id',
  'customer_id',
  'source',
  'properties',
  'ingested_at',
  'topic',
  'partition',
  'offset',
  'line',
  'ignored_fields',
] as const;

export type EventStore = ReturnType<typeof createEventStore>;

/** Writes events that were decided to count. */
export function createEventStore(clickhouse: ClickHouse) {
  return {
    /**
     * One insert for all rows: when it returns they are stored. Writing a row again is harmless, whatever else is in the insert:
     * its order key is the same, so it replaces itself.
     */
    async insert(events: readonly LoggedEvent[], token: string): Promise<void> {
      if (events.length === 0) return;
      await clickhouse.insert({ table: 'events', columns: COLUMNS, rows: events.map(row), token });
    },
  };
}

/** In the order of the columns. */
function row({
  tenantId,
  environmentId,
  externalCustomerId,
  eventName,
  timestamp,
  id,
  customerId,
  source,
  properties,
  ingestedAt,
  position,
  ignoredFields = [],
}: LoggedEvent): unknown[] {
  return [
    tenantId,
    environmentId,
    externalCustomerId,
    eventName,
    storedTime(timestamp),
    id,
    customerId,
    source,
    properties,
    storedTime(ingestedAt),
    position.topic,
    position.partition,
    position.offset.toString(),
    position.line,
    ignoredFields,
  ];
}
