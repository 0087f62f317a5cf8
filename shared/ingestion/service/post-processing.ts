import type { LogBatch, LogRecord } from '#platform/event-log/event-log.ts';
import { HEADERS } from '#platform/event-log/topics.ts';
import type { LoggedEvent } from '../domain/event.ts';

/** The stretch of a partition that a summary speaks of. */
interface Stretch {
  readonly topic: string;
  readonly partition: number;
  readonly first: bigint | undefined;
  readonly last: bigint | undefined;
}

/** Says that events were stored, so that limits, alerts and webhooks on usage can look: one small record per batch and environment. */
export function stageSummaries(batch: LogBatch, events: readonly LoggedEvent[]): LogRecord[] {
  return summariesOf(
    { topic: batch.topic, partition: batch.partition, first: batch.messages[0]?.offset, last: batch.messages.at(-1)?.offset },
    events,
  );
}

/** Says the same again of events that were stored long ago: one record per environment and partition, as they would have come together. */
export function stageStored(events: readonly LoggedEvent[]): LogRecord[] {
  return [...Map.groupBy(events, ({ position }) => `${position.topic}:${position.partition}`).values()].flatMap((own) => {
    const [
      {
        position: { topic, partition },
      },
    ] = own as [LoggedEvent];
    const offsets = own.map(({ position }) => position.offset);
    const least = (a: bigint, b: bigint): bigint => (b < a ? b : a);
    const most = (a: bigint, b: bigint): bigint => (b > a ? b : a);
    return summariesOf({ topic, partition, first: offsets.reduce(least), last: offsets.reduce(most) }, own);
  });
}

function summariesOf({ topic, partition, first, last }: Stretch, events: readonly LoggedEvent[]): LogRecord[] {
  const environments = Map.groupBy(events, ({ tenantId, environmentId }) => `${tenantId}:${environmentId}`);
  return [...environments].map(([key, stored]) => ({
    key,
    value: Buffer.from(
      JSON.stringify({
        topic,
        partition,
        first_offset: first?.toString(),
        last_offset: last?.toString(),
        stored: stored.length,
        // Where the events are found without looking through all of a customer's.
        events_from: stored.reduce((least, { timestamp }) => Math.min(least, timestamp), Number.POSITIVE_INFINITY),
        events_until: stored.reduce((most, { timestamp }) => Math.max(most, timestamp), 0),
        ingested_until: stored.reduce((latest, event) => Math.max(latest, event.ingestedAt), 0),
        customers: customersOf(stored),
      }),
    ),
    headers: {
      [HEADERS.tenantId]: stored[0]?.tenantId ?? '',
      [HEADERS.environmentId]: stored[0]?.environmentId ?? '',
      [HEADERS.content]: 'events_stored+json',
    },
  }));
}

/** Which customers did something, and under which event names. */
function customersOf(events: readonly LoggedEvent[]): { external_customer_id: string; event_names: string[]; events_from: number }[] {
  return [...Map.groupBy(events, (event) => event.externalCustomerId)].map(([externalCustomerId, own]) => ({
    external_customer_id: externalCustomerId,
    event_names: [...new Set(own.map((event) => event.eventName))],
    events_from: own.reduce((least, { timestamp }) => Math.min(least, timestamp), Number.POSITIVE_INFINITY),
  }));
}
