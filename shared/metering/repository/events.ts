import { DateTime } from 'luxon';
import type { RequestContext } from '#kernel/context.ts';
import type { ClickHouse } from '#platform/clickhouse/client.ts';
import type { StoredEvent } from '#ingestion/domain/event.ts';
import type { PropertyFilter } from '../domain/meter.ts';
import { identityHash } from '#ingestion/domain/identity.ts';
import { Bindings, FINAL_SETTINGS, instant, tenantCondition } from '#platform/clickhouse/sql.ts';
import { filterConditions } from './property-sql.ts';
import { ofTenant } from '#platform/clickhouse/tenant.ts';

/** A place in the order of events by time: cursors point to it. */
export interface EventPlace {
  readonly timestamp: number;
  readonly id: string;
}

export interface EventListing {
  readonly externalCustomerId: string | null;
  readonly eventName: string | null;
  readonly eventId: string | null;
  readonly source: string | null;
  readonly startTime: DateTime | null;
  /** Inclusive, unlike everywhere else: FlexPrice's listing is (metering.md 5.3). */
  readonly endTime: DateTime | null;
  readonly filters: readonly PropertyFilter[];
  readonly sort: 'timestamp' | 'event_name';
  readonly order: 'asc' | 'desc';
  readonly pageSize: number;
  readonly offset: number;
  /** Only events before or after this place in the order of the listing. */
  readonly cursor: { readonly place: EventPlace; readonly side: 'before' | 'after' } | null;
}

export interface EventPage {
  readonly events: readonly StoredEvent[];
  readonly more: boolean;
  /** Null behind a cursor: who pages on has seen it. */
  readonly total: EventTotal | null;
}

/** How many events a listing has: exact up to MAX_COUNTED, which stands for "at least so many" where there are more. */
export interface EventTotal {
  readonly count: number;
  readonly exact: boolean;
}

/** Further events are not counted: a page must not cost more where there is more behind it. */
export const MAX_COUNTED = 10_000;

export interface EventRow {
  readonly id: string;
  readonly environment_id: string;
  readonly external_customer_id: string;
  readonly customer_id: string;
  readonly event_name: string;
  readonly source: string;
  readonly properties: string;
  readonly millis: string;
  readonly ingested: string;
}

export const COLUMNS =
  'id, environment_id, external_customer_id, customer_id, event_name, source, properties, toUnixTimestamp64Milli(timestamp) AS millis, toUnixTimestamp64Milli(ingested_at) AS ingested';

export type EventRepository = ReturnType<typeof createEventRepository>;

/** Reads of stored events. Throws `service_unavailable` when ClickHouse does not answer. */
export function createEventRepository(clickhouse: ClickHouse) {
  const totalOf = async (ctx: RequestContext, conditions: (bindings: Bindings) => string[]): Promise<EventTotal> => {
    const bindings = new Bindings();
    const [row] = await ofTenant(clickhouse, ctx).query<{ total: string }>(
      `SELECT count() AS total FROM (SELECT 1 FROM events FINAL WHERE ${conditions(bindings).join(' AND ')} LIMIT ${MAX_COUNTED + 1})`,
      bindings.parameters,
      FINAL_SETTINGS,
    );
    const counted = Number(row?.total ?? 0);
    return { count: Math.min(counted, MAX_COUNTED), exact: counted <= MAX_COUNTED };
  };

  return {
    async list(ctx: RequestContext, listing: EventListing): Promise<EventPage> {
      const conditions = (bindings: Bindings): string[] => listingConditions(bindings, ctx, listing);
      const page = new Bindings();
      const { cursor, order } = listing;
      // The page before a place is read backwards, from the place on.
      const backwards = cursor?.side === 'before';
      const direction = (order === 'asc') === backwards ? 'DESC' : 'ASC';
      const where = conditions(page);
      if (cursor !== null)
        where.push(
          `(timestamp, id) ${direction === 'ASC' ? '>' : '<'} (${instant(page, cursor.place.timestamp)}, ${page.bind('String', cursor.place.id)})`,
        );
      const keys =
        listing.sort === 'event_name'
          ? `event_name ${direction}, timestamp ${direction}, id ${direction}`
          : `timestamp ${direction}, id ${direction}`;
      const [rows, total] = await Promise.all([
        ofTenant(clickhouse, ctx).query<EventRow>(
          `SELECT ${COLUMNS} FROM events FINAL WHERE ${where.join(' AND ')} ORDER BY ${keys}
         LIMIT ${page.bind('UInt32', listing.pageSize + 1)} OFFSET ${page.bind('UInt32', cursor === null ? listing.offset : 0)}`,
          page.parameters,
          FINAL_SETTINGS,
        ),
        cursor === null ? totalOf(ctx, conditions) : null,
      ]);
      const found = rows.map(eventOf);
      const events = found.slice(0, listing.pageSize);
      return { events: backwards ? events.reverse() : events, more: found.length > listing.pageSize, total };
    },

    /** The stored event of an id, read by its full key; and whether the id is registered at all. Bounded, however long history is. */
    async find(ctx: RequestContext, id: string): Promise<{ registered: boolean; event: StoredEvent | null }> {
      const owner = new Bindings();
      const [key] = await ofTenant(clickhouse, ctx).query<{ external_customer_id: string; event_name: string; millis: string }>(
        `SELECT external_customer_id, event_name, toUnixTimestamp64Milli(timestamp) AS millis FROM event_ids
         WHERE id_hash = ${owner.bind('UInt64', identityHash({ ...ctx, id }))} AND ${tenantCondition(owner, ctx)} AND id = ${owner.bind('String', id)}
         ORDER BY ingested_at, topic, partition, offset, line LIMIT 1`,
        owner.parameters,
      );
      if (key === undefined) return { registered: false, event: null };
      const bindings = new Bindings();
      const [row] = await ofTenant(clickhouse, ctx).query<EventRow & { readonly ignored_fields: readonly string[] }>(
        `SELECT ${COLUMNS}, ignored_fields FROM events FINAL WHERE ${tenantCondition(bindings, ctx)} AND external_customer_id = ${bindings.bind('String', key.external_customer_id)}
         AND event_name = ${bindings.bind('String', key.event_name)} AND timestamp = ${instant(bindings, Number(key.millis))} AND id = ${bindings.bind('String', id)}`,
        bindings.parameters,
        FINAL_SETTINGS,
      );
      return { registered: true, event: row === undefined ? null : { ...eventOf(row), ignoredFields: row.ignored_fields } };
    },
  };
}

function listingConditions(bindings: Bindings, ctx: RequestContext, listing: EventListing): string[] {
  const equals = (column: string, value: string | null): string[] =>
    value === null ? [] : [`${column} = ${bindings.bind('String', value)}`];
  return [
    tenantCondition(bindings, ctx),
    ...equals('external_customer_id', listing.externalCustomerId),
    ...equals('event_name', listing.eventName),
    ...equals('id', listing.eventId),
    ...equals('source', listing.source),
    ...(listing.startTime === null ? [] : [`timestamp >= ${instant(bindings, listing.startTime.toMillis())}`]),
    ...(listing.endTime === null ? [] : [`timestamp <= ${instant(bindings, listing.endTime.toMillis())}`]),
    ...filterConditions(bindings, listing.filters),
  ];
}

export function eventOf(row: EventRow): StoredEvent {
  return {
    id: row.id,
    environmentId: row.environment_id,
    externalCustomerId: row.external_customer_id,
    customerId: row.customer_id,
    eventName: row.event_name,
    source: row.source,
    properties: JSON.parse(row.properties) as Record<string, unknown>,
    timestamp: DateTime.fromMillis(Number(row.millis), { zone: 'utc' }),
    ingestedAt: DateTime.fromMillis(Number(row.ingested), { zone: 'utc' }),
  };
}
