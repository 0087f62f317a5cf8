import { DateTime } from 'luxon';
import { systemContext } from '#kernel/context.ts';
import type { LoggedEvent } from '#ingestion/domain/event.ts';
import type { UsageQuery } from '#metering/domain/usage.ts';
import { storedProperties } from '#ingestion/domain/properties.ts';
import { createEventStore } from '#ingestion/repository/event-store.ts';
import { type ClickHouse, createClickHouse } from '#platform/clickhouse/client.ts';
import { createTestClickHouse } from './engines.ts';

export const meteringCtx = systemContext('tenant_metering', 'env_metering', 'test');

/** A ClickHouse database of its own with its client. */
export async function openTestClickHouse(): Promise<{ clickhouse: ClickHouse; close(): Promise<void> }> {
  const server = await createTestClickHouse();
  const clickhouse = createClickHouse({ clickhouse: server.config });
  return {
    clickhouse,
    close: async () => {
      await clickhouse.close();
      await server.drop();
    },
  };
}

/** The parts of an event that a test cares about; `at` is ISO 8601. */
export interface EventSketch {
  readonly id: string;
  readonly at: string;
  readonly customer?: string;
  readonly name?: string;
  readonly source?: string;
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly ingestedAt?: string;
}

let offset = 0n;

export function loggedEvent(sketch: EventSketch): LoggedEvent {
  offset += 1n;
  const timestamp = millis(sketch.at);
  return {
    tenantId: meteringCtx.tenantId,
    environmentId: meteringCtx.environmentId,
    id: sketch.id,
    eventName: sketch.name ?? 'call',
    externalCustomerId: sketch.customer ?? 'c1',
    customerId: '',
    source: sketch.source ?? '',
    timestamp,
    ingestedAt: sketch.ingestedAt === undefined ? timestamp : millis(sketch.ingestedAt),
    properties: storedProperties(sketch.properties ?? {}),
    position: { topic: 'events', partition: 0, offset, line: 0 },
  };
}

/** Stores events as the consumer does after its decision. */
export async function storeEvents(clickhouse: ClickHouse, sketches: readonly EventSketch[]): Promise<void> {
  await createEventStore(clickhouse).insert(sketches.map(loggedEvent), `test:${sketches.map(({ id }) => id).join()}`);
}

/** A question with everything left open that a test does not name. */
export function usageQuery(query: Partial<UsageQuery> & Pick<UsageQuery, 'type' | 'range'>): UsageQuery {
  return {
    eventName: 'call',
    field: null,
    expression: null,
    multiplier: null,
    bucketSize: null,
    timezone: 'UTC',
    groupBy: null,
    filters: [],
    externalCustomerIds: ['c1'],
    inherited: [],
    customerId: null,
    sources: null,
    window: null,
    ...query,
  };
}

export function range(start: string, end: string): UsageQuery['range'] {
  return { start: utc(start), end: utc(end) };
}

export function utc(text: string): DateTime {
  return DateTime.fromISO(text, { zone: 'utc' });
}

function millis(text: string): number {
  return utc(text).toMillis();
}
