import * as z from 'zod';
import { invalid } from '#kernel/errors.ts';
import { requiredText, wireTime } from '#kernel/wire.ts';
import { ok, type Route, route } from '#platform/http/route.ts';
import { EventListQuery, GetEventByIDResponse, GetEventsRequest, GetEventsResponse } from '../contracts/event.ts';
import type { StoredEvent } from '#ingestion/domain/event.ts';
import type { EventService } from '../service/events.ts';
import { eventToWire } from './event-wire.ts';
import { filtersFromWire } from './filters.ts';
import { shownTo } from './shown-to.ts';
import { type ChargesOf, tracedOnWire } from './trace.ts';

const tag = 'Events';
const PAGE_SIZE = 50;
type Listing = Parameters<EventService['list']>[1];
type Place = NonNullable<Listing['cursor']>['place'];

export const eventRoutes = (events: EventService, chargesOf: ChargesOf): Route[] => [
  route({
    method: 'POST',
    path: '/v1/events/query',
    operationId: 'listRawEvents',
    tag,
    summary: 'List events',
    permission: 'read:Event',
    body: GetEventsRequest,
    responses: { 200: GetEventsResponse },
    handler: async ({ ctx, body }) => ok(await page(events, ctx, body)),
  }),
  route({
    method: 'GET',
    path: '/v1/events',
    operationId: 'getEvents',
    tag,
    summary: 'List events',
    permission: 'read:Event',
    query: EventListQuery,
    responses: { 200: GetEventsResponse },
    handler: async ({ ctx, query }) => ok(await page(events, ctx, query)),
  }),
  route({
    method: 'GET',
    path: '/v1/events/lookup',
    operationId: 'getEvent',
    tag,
    summary: 'Follow an event by an id in the query, which may hold any character',
    permission: 'read:Event',
    query: z.object({ id: requiredText.transform((id) => id.trim()) }),
    responses: { 200: GetEventByIDResponse },
    handler: async ({ ctx, query }) => ok(shownTo(ctx, await tracedOnWire(ctx, await events.trace(ctx, query.id), chargesOf))),
  }),
  route({
    method: 'GET',
    path: '/v1/events/{id}',
    operationId: 'getEventById',
    tag,
    summary: 'Follow an event to what it was counted for, or to why it was not',
    permission: 'read:Event',
    params: z.object({ id: z.string().trim() }),
    responses: { 200: GetEventByIDResponse },
    handler: async ({ ctx, params }) => ok(shownTo(ctx, await tracedOnWire(ctx, await events.trace(ctx, params.id), chargesOf))),
  }),
];

async function page(events: EventService, ctx: Parameters<EventService['list']>[0], request: GetEventsRequest): Promise<unknown> {
  const listing = listingOf(request);
  const { events: found, more, total, startTime } = await events.list(ctx, listing);
  const [first, last] = [found[0], found.at(-1)];
  return {
    events: found.map(eventToWire),
    has_more: more,
    ...(first === undefined ? {} : { iter_first_key: cursorTo(first) }),
    ...(last === undefined ? {} : { iter_last_key: cursorTo(last) }),
    ...(total === null ? {} : { total_count: total.count, total_is_estimate: !total.exact }),
    offset: listing.offset + found.length,
    ...(startTime === null ? {} : { start_time: wireTime(startTime) }),
  };
}

function listingOf(request: GetEventsRequest): Listing {
  const { start_time: startTime = null, end_time: endTime = null } = request;
  if (startTime && endTime && endTime < startTime) throw invalid('end_time', 'must not be before start_time');
  const sort = request.sort || 'timestamp';
  const cursor = request.iter_last_key
    ? { place: placeOf('iter_last_key', request.iter_last_key), side: 'after' as const }
    : request.iter_first_key
      ? { place: placeOf('iter_first_key', request.iter_first_key), side: 'before' as const }
      : null;
  if (cursor !== null && sort !== 'timestamp') throw invalid('sort', 'cursors follow the timestamp');
  return {
    externalCustomerId: request.external_customer_id || null,
    eventName: request.event_name || null,
    eventId: request.event_id || null,
    source: request.source || null,
    startTime,
    endTime,
    filters: filtersFromWire(request.property_filters),
    sort,
    order: request.order?.toLowerCase() === 'asc' ? 'asc' : 'desc',
    pageSize: request.page_size ?? PAGE_SIZE,
    offset: request.offset ?? 0,
    cursor,
  };
}

/** `<unix nanoseconds>::<event id>` (metering.md 5.3). */
function cursorTo(event: StoredEvent): string {
  return `${event.timestamp.toMillis()}000000::${event.id}`;
}

function placeOf(field: string, cursor: string): Place {
  const match = /^(\d{1,19})::(.+)$/s.exec(cursor);
  if (match === null) throw invalid(field, 'is not a key that a listing gave out');
  return { timestamp: Number(BigInt(match[1] ?? '0') / 1_000_000n), id: match[2] ?? '' };
}
