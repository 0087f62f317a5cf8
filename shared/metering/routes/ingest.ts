import { refusalsOf } from '#platform/http/error-body.ts';
import { accepted, type Route, route } from '#platform/http/route.ts';
import { BulkIngestEventRequest, BulkIngestEventResponse, IngestEventRequest, IngestEventResponse, UnreadableEvent } from '../contracts/event.ts';
import type { IngestService } from '../service/ingest.ts';

const tag = 'Events';

/** The hot path: served by a function of its own. */
export const ingestRoutes = (ingest: IngestService): Route[] => [
  route({
    method: 'POST', path: '/v1/events', operationId: 'ingestEvent', tag, summary: 'Accept one usage event', permission: 'write:Event',
    body: IngestEventRequest, responses: { 202: IngestEventResponse },
    handler: async ({ ctx, body }) => accepted({ message: 'Event accepted for processing', event_id: await ingest.ingest(ctx, body) }),
  }),
  route({
    method: 'POST', path: '/v1/events/bulk', operationId: 'ingestEventsBulk', tag, summary: 'Accept up to 1000 usage events, all or none', permission: 'write:Event',
    body: BulkIngestEventRequest, responses: { 202: BulkIngestEventResponse },
    handler: async ({ ctx, body }) => {
      const ids = await ingest.ingestBatch(ctx, body.events.map((item, index) => (item instanceof UnreadableEvent ? { refused: refusalsOf(item.issues, `events[${index}]`) } : item)));
      return accepted({ message: 'Events accepted for processing', accepted: String(ids.length), event_ids: ids.join(',') });
    },
  }),
];
