import type { RequestContext } from '#kernel/context.ts';
import { refusalsOf } from '#platform/http/error-body.ts';
import { accepted, type Reply, type Route, route } from '#platform/http/route.ts';
import {
  BulkIngestEventRequest,
  BulkIngestEventResponse,
  BulkIngestRawEventRequest,
  BulkIngestRawEventResponse,
  IngestEventRequest,
  IngestEventResponse,
  UnreadableEvent,
} from '../contracts/event.ts';
import { EVENT_LIMITS } from '../domain/event.ts';
import type { Properties } from '../domain/properties.ts';
import { RAW_TRANSFORMS, type RawTransformName } from '../domain/raw-transform.ts';
import type { DroppedRawItem, IngestService, RawItem, RefusedItem } from '../service/ingest.ts';

const tag = 'Events';
/** Items of a raw batch that its answer shows. */
const SHOWN = 100;
const HEADER_LENGTH = 4096;

/** The hot path: served by a function of its own. `transform` names the shape of raw items. */
export const ingestRoutes = (ingest: IngestService, transform: RawTransformName = 'provider_call'): Route[] => [
  route({
    method: 'POST',
    path: '/v1/events',
    operationId: 'ingestEvent',
    tag,
    summary: 'Accept one usage event',
    permission: 'write:Event',
    credential: 'any_key',
    unknownKeys: 'taken',
    body: IngestEventRequest,
    responses: { 202: IngestEventResponse },
    handler: async ({ ctx, body }) =>
      naming(body.ignored, accepted({ message: 'Event accepted for processing', event_id: await ingest.ingest(ctx, body) })),
  }),
  route({
    method: 'POST',
    path: '/v1/events/bulk',
    operationId: 'ingestEventsBulk',
    tag,
    summary: 'Accept up to 1000 usage events, all or none',
    permission: 'write:Event',
    credential: 'any_key',
    unknownKeys: 'taken',
    body: BulkIngestEventRequest,
    responses: { 202: BulkIngestEventResponse },
    handler: async ({ ctx, body }) => {
      const ids = await ingest.ingestBatch(
        ctx,
        body.events.map((item, index) =>
          item instanceof UnreadableEvent ? { refused: refusalsOf(item.issues, `events[${index}]`) } : item,
        ),
      );
      return naming(
        [...body.ignored, ...body.events.flatMap((item) => (item instanceof UnreadableEvent ? [] : item.ignored))],
        accepted({ message: 'Events accepted for processing', accepted: String(ids.length), event_ids: ids.join(',') }),
      );
    },
  }),
  route({
    method: 'POST',
    path: '/v1/events/raw/bulk',
    operationId: 'ingestRawEventsBulk',
    tag,
    summary: "Accept up to 1000 items of a vendor's shape; those that make no event are named, counted as rejected, and found by their id",
    permission: 'write:Event',
    credential: 'any_key',
    unknownKeys: 'taken',
    body: BulkIngestRawEventRequest,
    responses: { 202: BulkIngestRawEventResponse },
    handler: async ({ ctx, body }) => {
      const dropped = await ingest.ingestFit(
        ctx,
        body.events.map((item) => ({ id: idOf(item), made: ofAllowed(ctx, ordinaryEvent(item, transform)) })),
      );
      const reply = accepted({
        message: 'Raw events accepted for processing',
        batch_size: body.events.length,
        accepted: body.events.length - dropped.length,
        dropped: dropped.length,
        ...(dropped.length === 0 ? {} : { dropped_items: dropped.slice(0, SHOWN).map(droppedToWire) }),
      });
      if (dropped.length === 0) return naming(body.ignored, reply);
      return {
        ...naming(body.ignored, reply),
        log: { dropped: dropped.length, dropped_for: [...new Set(dropped.map(({ field }) => field))].sort() },
      };
    },
  }),
];

function droppedToWire({ index, id, field, reason }: DroppedRawItem): Record<string, unknown> {
  return { index, ...(id === '' ? {} : { event_id: id }), field, reason };
}

/** The answer with a header that names what was sent and is not known here. */
function naming(ignored: readonly string[], reply: Reply): Reply {
  if (ignored.length === 0) return reply;
  const names = [...new Set(ignored)].map(encodeURIComponent);
  let length = 0;
  const fitting = names.filter((name) => (length += name.length + 1) <= HEADER_LENGTH);
  const cut = fitting.length < names.length ? ',...' : '';
  return { ...reply, headers: { ...reply.headers, 'X-Ignored-Fields': `${fitting.join(',')}${cut}` } };
}

/** What the sender can ask for an item by, whatever it is worth otherwise. */
function idOf({ id }: Properties): string {
  const text = typeof id === 'string' ? id.trim() : typeof id === 'number' ? String(id) : '';
  return text.length > EVENT_LIMITS.idLength || text.includes('\u0000') ? '' : text;
}

/** A raw item as the ordinary routes would have read it, or why it is none. */
function ordinaryEvent(item: Properties, transform: RawTransformName): IngestEventRequest | RefusedItem {
  const made = RAW_TRANSFORMS[transform](item);
  if ('refused' in made) return { refused: [made.refused] };
  const read = IngestEventRequest.safeParse(made.event);
  return read.success ? read.data : { refused: refusalsOf(read.error.issues) };
}

/** What the tenant's setting lets in (metering.md 1.7); the rest is dropped like items that make no event. */
function ofAllowed({ rawCustomers }: RequestContext, event: IngestEventRequest | RefusedItem): RawItem['made'] {
  if (rawCustomers === undefined || 'refused' in event || rawCustomers.has(event.external_customer_id)) return event;
  return { refused: [{ field: 'event_ingestion_filter', reason: 'does not let this customer in' }], why: 'ingestion_filter' };
}
