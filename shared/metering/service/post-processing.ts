import type { LogBatch, LogRecord } from '#platform/event-log/event-log.ts';
import { HEADERS } from '#platform/event-log/topics.ts';
import type { LoggedEvent } from '../domain/event.ts';

/** Says that events were stored, so that limits, alerts and webhooks on usage can look: one small record per batch and environment. */
export function stageSummaries(batch: LogBatch, events: readonly LoggedEvent[]): LogRecord[] {
  const environments = Map.groupBy(events, ({ tenantId, environmentId }) => `${tenantId}:${environmentId}`);
  return [...environments].map(([key, stored]) => ({
    key,
    value: Buffer.from(JSON.stringify({
      topic: batch.topic,
      partition: batch.partition,
      first_offset: batch.messages[0]?.offset.toString(),
      last_offset: batch.messages.at(-1)?.offset.toString(),
      stored: stored.length,
      ingested_until: stored.reduce((latest, event) => Math.max(latest, event.ingestedAt), 0),
      customers: customersOf(stored),
    })),
    headers: { [HEADERS.tenantId]: stored[0]?.tenantId ?? '', [HEADERS.environmentId]: stored[0]?.environmentId ?? '', [HEADERS.content]: 'events_stored+json' },
  }));
}

/** Which customers did something, and under which event names. */
function customersOf(events: readonly LoggedEvent[]): { external_customer_id: string; event_names: string[] }[] {
  return [...Map.groupBy(events, (event) => event.externalCustomerId)].map(([externalCustomerId, own]) => ({
    external_customer_id: externalCustomerId,
    event_names: [...new Set(own.map((event) => event.eventName))],
  }));
}
