import type { DateTime } from 'luxon';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { DomainError, unavailable } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import type { Config } from '#platform/config/schema.ts';
import type { EventLog, LogRecord } from '#platform/event-log/event-log.ts';
import { TOPICS, type TopicName } from '#platform/event-log/topics.ts';
import { type Metrics, silentMetrics } from '#platform/observability/metrics.ts';
import type { IngestEventRequest } from '../contracts/event.ts';
import { type DroppedItem, EARLIEST_TIMESTAMP, EVENT_LIMITS, type UsageEvent } from '../domain/event.ts';
import { storedProperties } from '../domain/properties.ts';
import { packEvents } from '../repository/pack.ts';
import type { Quotas } from './quotas.ts';

/** Where records go that the log did not take; something replays them. */
export interface OverflowStore {
  put(topic: string, records: readonly LogRecord[]): Promise<void>;
}

export interface IngestDependencies {
  readonly eventLog: Pick<EventLog, 'append' | 'partitionCount'>;
  readonly overflow: OverflowStore;
  readonly clock: Clock;
  readonly config: Pick<Config, 'events'>;
  /** Absent: nobody has a limit. */
  readonly quotas?: Pick<Quotas, 'admit'>;
  readonly metrics?: Metrics;
}
export type IngestService = ReturnType<typeof createIngestService>;

interface Refusal {
  readonly field: string;
  readonly reason: string;
}
/** An item that is no event, and why; fields are named as the caller sees them. */
export interface RefusedItem {
  readonly refused: readonly Refusal[];
}

/** An item of a raw batch with the id that its sender knows it by, empty where there is none. */
export interface RawItem {
  readonly id: string;
  readonly made: IngestEventRequest | (RefusedItem & { readonly why?: DroppedItem['reason'] });
}
/** What became of an item that made no event. */
export interface DroppedRawItem extends Refusal {
  readonly index: number;
  readonly id: string;
}

/** The way of events into the log. Nothing is accepted unless all of a request is valid and durable (metering.md D1, D2); of raw items, what is valid, and the account of the rest. */
export function createIngestService({ eventLog, overflow, clock, config, quotas, metrics = silentMetrics }: IngestDependencies) {
  const lazyTenants = new Set(config.events.lazy_tenants);
  const maxFutureMs = config.events.max_future_hours * 3_600_000;

  const store = async (topic: TopicName, count: number, records: (partitions: number | null) => LogRecord[]): Promise<void> => {
    try {
      const packed = records(await eventLog.partitionCount(topic));
      const started = performance.now();
      await eventLog.append(topic, packed);
      metrics.record('KafkaPublishMs', performance.now() - started);
    } catch (cause) {
      // Some of the records may be in the log already; the registry of ids drops the second copy.
      await overflow.put(topic, records(null)).catch((overflowCause: unknown) => {
        throw unavailable(
          'event log',
          new AggregateError([cause, overflowCause], 'neither the event log nor the overflow took the events'),
        );
      });
      metrics.record('OverflowEnqueued', count);
    }
  };

  /** The event of a request, or what is wrong with it beyond its form; `fieldOf` names fields as the caller sees them. */
  const checked = (request: IngestEventRequest, now: number, fieldOf: (field: string) => string): UsageEvent | RefusedItem => {
    const event = eventOf(request, now, clock);
    const refused: Refusal[] = [];
    const refuse = (field: string, reason: string): unknown => refused.push({ field: fieldOf(field), reason });
    if (event.timestamp > now + maxFutureMs)
      refuse('timestamp', `must not be more than ${config.events.max_future_hours} hours in the future`);
    if (event.timestamp < EARLIEST_TIMESTAMP) refuse('timestamp', 'must not be before the year 2000');
    if (Buffer.byteLength(event.properties) > EVENT_LIMITS.propertyBytes)
      refuse('properties', `must not be larger than ${EVENT_LIMITS.propertyBytes} bytes`);
    return refused.length === 0 ? event : { refused };
  };

  const sort = (
    requests: readonly (IngestEventRequest | RefusedItem)[],
    now: number,
    fieldOf: (index: number, field: string) => string,
  ): { events: UsageEvent[]; refused: RefusedItem[] } => {
    const events: UsageEvent[] = [];
    const refused: RefusedItem[] = [];
    for (const [index, request] of requests.entries()) {
      const result = 'refused' in request ? request : checked(request, now, (field) => fieldOf(index, field));
      if ('refused' in result) refused.push(result);
      else events.push(result);
    }
    return { events, refused };
  };

  const append = async (
    ctx: RequestContext,
    events: readonly UsageEvent[],
    ingestedAt: DateTime,
    dropped: readonly DroppedItem[] = [],
  ): Promise<void> => {
    await quotas?.admit(ctx, events.length + dropped.length);
    const topic = ctx.ingest?.lazy === true || lazyTenants.has(ctx.tenantId) ? TOPICS.eventsLazy : TOPICS.events;
    await store(topic, events.length + dropped.length, (partitions) =>
      packEvents({ tenantId: ctx.tenantId, environmentId: ctx.environmentId, ingestedAt }, events, partitions, { dropped }),
    );
    if (events.length === 0) return;
    metrics.record('EventsAccepted', events.length);
    metrics.record('IngestBatchSize', events.length);
  };

  const accept = async (
    ctx: RequestContext,
    requests: readonly (IngestEventRequest | RefusedItem)[],
    fieldOf: (index: number, field: string) => string,
  ): Promise<string[]> => {
    const ingestedAt = clock.now();
    const { events, refused } = sort(requests, ingestedAt.toMillis(), fieldOf);
    const errors = refused.flatMap((item) => item.refused);
    const [first] = errors;
    if (first !== undefined) {
      metrics.record('EventsRejected', requests.length);
      throw new DomainError('validation_error', `${first.field}: ${first.reason}`, { ...first, errors });
    }
    await append(ctx, events, ingestedAt);
    return events.map((event) => event.id);
  };

  return {
    /** Resolves with the event's id once it is durable. Errors: `validation_error` (the field), `service_unavailable` (nothing was accepted, try again). */
    ingest: async (ctx: RequestContext, request: IngestEventRequest): Promise<string> =>
      (await accept(ctx, [request], (_, field) => field))[0] as string,

    /** All of a batch or nothing; every refused item is listed as `events[index].field`. Resolves with the ids in the order of the items. */
    ingestBatch: (ctx: RequestContext, requests: readonly (IngestEventRequest | RefusedItem)[]): Promise<string[]> =>
      accept(ctx, requests, (index, field) => `events[${index}].${field}`),

    /**
     * Those of a raw batch that make events, all or none of them. The others are written to the log as well, where they are counted and can
     * be asked for by their id. Resolves with these, and why, once all of it is durable.
     */
    async ingestFit(ctx: RequestContext, items: readonly RawItem[]): Promise<readonly DroppedRawItem[]> {
      const ingestedAt = clock.now();
      const events: UsageEvent[] = [];
      const dropped: (DroppedRawItem & { readonly why: DroppedItem['reason'] })[] = [];
      for (const [index, { id, made }] of items.entries()) {
        const result = 'refused' in made ? made : checked(made, ingestedAt.toMillis(), (field) => field);
        if (!('refused' in result)) events.push(result);
        else {
          const [first = { field: 'events', reason: 'makes no event' }] = result.refused;
          dropped.push({ index, id, ...first, why: ('why' in made ? made.why : undefined) ?? 'unusable_item' });
        }
      }
      await append(
        ctx,
        events,
        ingestedAt,
        dropped.map(({ id, why, field, reason }) => ({ id, reason: why, detail: `${field}: ${reason}` })),
      );
      // Last: a request that the log or a quota refuses comes again.
      if (dropped.length > 0) metrics.record('EventsRejected', dropped.length);
      return dropped.map(({ index, id, field, reason }) => ({ index, id, field, reason }));
    },
  };
}

function eventOf(request: IngestEventRequest, now: number, clock: Clock): UsageEvent {
  const { ignored } = request;
  return {
    id: request.event_id || newId('event', clock),
    eventName: request.event_name,
    externalCustomerId: request.external_customer_id,
    customerId: request.customer_id ?? '',
    source: request.source ?? '',
    timestamp: request.timestamp ?? now,
    properties: storedProperties(request.properties ?? {}),
    ...(ignored.length === 0
      ? {}
      : {
          ignoredFields: ignored
            .slice(0, EVENT_LIMITS.ignoredFields)
            .map((field) => field.slice(0, EVENT_LIMITS.ignoredLength).toWellFormed()),
        }),
  };
}
