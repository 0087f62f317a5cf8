import type { RequestContext } from '#kernel/context.ts';
import { refusalsOf } from '#platform/http/error-body.ts';
import { accepted, type Route, route } from '#platform/http/route.ts';
import {
  BulkIngestEventRequest,
  BulkIngestEventResponse,
  BulkIngestRawEventRequest,
  BulkIngestRawEventResponse,
  IngestEventRequest,
  IngestEventResponse,
  UnreadableEvent,
} from '../contracts/event.ts';
import type { Properties } from '../domain/properties.ts';
import { RAW_TRANSFORMS, type RawTransformName } from '../domain/raw-transform.ts';
import type { IngestService, RefusedItem } from '../service/ingest.ts';

const tag = 'Events';

/** The hot path: served by a function of its own. `transform` names the shape of raw items. */
export const ingestRoutes = (ingest: IngestService, transform: RawTransformName = 'provider_call'): Route[] => [
  route({
    method: 'POST',
    path: '/v1/events',
    operationId: 'ingestEvent',
    tag,
    summary: 'Accept one usage event',
    permission: 'write:Event',
    body: IngestEventRequest,
    responses: { 202: IngestEventResponse },
    handler: async ({ ctx, body }) => accepted({ message: 'Event accepted for processing', event_id: await ingest.ingest(ctx, body) }),
  }),
  route({
    method: 'POST',
    path: '/v1/events/bulk',
    operationId: 'ingestEventsBulk',
    tag,
    summary: 'Accept up to 1000 usage events, all or none',
    permission: 'write:Event',
    body: BulkIngestEventRequest,
    responses: { 202: BulkIngestEventResponse },
    handler: async ({ ctx, body }) => {
      const ids = await ingest.ingestBatch(
        ctx,
        body.events.map((item, index) =>
          item instanceof UnreadableEvent ? { refused: refusalsOf(item.issues, `events[${index}]`) } : item,
        ),
      );
      return accepted({ message: 'Events accepted for processing', accepted: String(ids.length), event_ids: ids.join(',') });
    },
  }),
  route({
    method: 'POST',
    path: '/v1/events/raw/bulk',
    operationId: 'ingestRawEventsBulk',
    tag,
    summary: "Accept up to 1000 items of a vendor's shape; those that make no event are dropped",
    permission: 'write:Event',
    body: BulkIngestRawEventRequest,
    responses: { 202: BulkIngestRawEventResponse },
    handler: async ({ ctx, body }) => {
      const dropped = await ingest.ingestFit(
        ctx,
        body.events.map((item) => ofAllowed(ctx, ordinaryEvent(item, transform))),
      );
      const reply = accepted({ message: 'Raw events accepted for processing', batch_size: body.events.length });
      if (dropped.length === 0) return reply;
      return {
        ...reply,
        log: {
          dropped: dropped.length,
          dropped_for: [...new Set(dropped.flatMap(({ refused }) => refused.map(({ field }) => field)))].sort(),
        },
      };
    },
  }),
];

/** A raw item as the ordinary routes would have read it, or why it is none. */
function ordinaryEvent(item: Properties, transform: RawTransformName): IngestEventRequest | RefusedItem {
  const made = RAW_TRANSFORMS[transform](item);
  if ('refused' in made) return { refused: [made.refused] };
  const read = IngestEventRequest.safeParse(made.event);
  return read.success ? read.data : { refused: refusalsOf(read.error.issues) };
}

/** What the tenant's setting lets in (metering.md 1.7); the rest is dropped like items that make no event. */
function ofAllowed({ rawCustomers }: RequestContext, event: IngestEventRequest | RefusedItem): IngestEventRequest | RefusedItem {
  if (rawCustomers === undefined || 'refused' in event || rawCustomers.has(event.external_customer_id)) return event;
  return { refused: [{ field: 'event_ingestion_filter', reason: 'does not let this customer in' }] };
}
