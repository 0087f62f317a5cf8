import { wireTime } from '#kernel/wire.ts';
import type { StoredEvent } from '#ingestion/domain/event.ts';

/** An event on the wire. Its properties keep their keys and values; numbers that a double cannot hold are text. */
export function eventToWire(event: StoredEvent): Record<string, unknown> {
  return {
    id: event.id,
    external_customer_id: event.externalCustomerId,
    customer_id: event.customerId,
    event_name: event.eventName,
    timestamp: wireTime(event.timestamp),
    properties: event.properties,
    source: event.source,
    environment_id: event.environmentId,
  };
}
