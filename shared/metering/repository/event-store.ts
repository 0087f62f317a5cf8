import type { ClickHouse } from '#platform/clickhouse/client.ts';
import type { LoggedEvent } from '../domain/event.ts';
import { contentDigest, storedTime } from './registry.ts';

const COLUMNS = [
  'tenant_id', 'environment_id', 'external_customer_id', 'event_name', 'timestamp', 'id', 'customer_id', 'source', 'properties', 'ingested_at',
  'topic', 'partition', 'offset', 'line',
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
      const ndjson = events.map(row).join('\n');
      await clickhouse.insert({ table: 'events', columns: COLUMNS, ndjson, token: `${token}:${contentDigest(ndjson)}` });
    },
  };
}

function row(event: LoggedEvent): string {
  return JSON.stringify({
    tenant_id: event.tenantId, environment_id: event.environmentId, external_customer_id: event.externalCustomerId, event_name: event.eventName,
    timestamp: storedTime(event.timestamp), id: event.id, customer_id: event.customerId, source: event.source, properties: event.properties,
    ingested_at: storedTime(event.ingestedAt),
    topic: event.position.topic, partition: event.position.partition, offset: event.position.offset.toString(), line: event.position.line,
  });
}
