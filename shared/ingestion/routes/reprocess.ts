import { DateTime } from 'luxon';
import * as z from 'zod';
import { wireTime } from '#kernel/wire.ts';
import { ok, type Route, route } from '#platform/http/route.ts';
import { ReprocessEventsRequest, ReprocessEventsResponse, ReprocessStatusResponse } from '../contracts/reprocess.ts';
import type { Reprocess } from '../domain/reprocess.ts';
import type { ReprocessService } from '../service/reprocess.ts';

const tag = 'Events';

/** Beyond the compatible API, which reprocesses raw events only: any stored event can be driven again (metering.md M2). */
export const reprocessRoutes = (reprocess: ReprocessService): Route[] => [
  route({
    method: 'POST',
    path: '/v1/events/reprocess',
    operationId: 'reprocessEvents',
    tag,
    permission: 'write:Event',
    idempotent: true,
    summary: 'Derive again what follows from stored events; changes no usage (an extension of the FlexPrice API)',
    body: ReprocessEventsRequest,
    responses: { 200: ReprocessEventsResponse },
    handler: async ({ ctx, body }) => {
      const { id } = await reprocess.start(ctx, {
        externalCustomerIds: body.external_customer_ids ?? [],
        eventNames: body.event_names ?? [],
        eventIds: body.event_ids ?? [],
        startDate: body.start_date,
        endDate: body.end_date ?? null,
        batchSize: body.batch_size,
      });
      return ok({ message: 'Reprocessing of events started', ...idsOf(id) });
    },
  }),
  route({
    method: 'GET',
    path: '/v1/events/reprocess/{workflow_id}',
    operationId: 'getReprocess',
    tag,
    permission: 'read:Event',
    summary: 'How far a reprocess run has come (an extension of the FlexPrice API)',
    params: z.object({ workflow_id: z.string() }),
    responses: { 200: ReprocessStatusResponse },
    handler: async ({ ctx, params }) => ok(statusToWire(await reprocess.get(ctx, params.workflow_id))),
  }),
];

/** A run is its row, whichever engine takes it on: the id within its workflow's id stands for Temporal's. */
function idsOf(id: string): { workflow_id: string; run_id: string } {
  return { workflow_id: id, run_id: id.slice(id.indexOf('job_')) };
}

function statusToWire(run: Reprocess): Record<string, unknown> {
  const { lastPosition: last } = run;
  const time = (name: string, value: DateTime | null) => (value === null ? {} : { [name]: wireTime(value) });
  return {
    ...idsOf(run.id),
    status: run.runStatus,
    processed: run.processed,
    ...(run.total === null ? {} : { total: run.total }),
    ...time('created_at', run.createdAt),
    ...time('started_at', run.startedAt),
    ...time('finished_at', run.finishedAt),
    ...(run.failureReason === null ? {} : { failure_reason: run.failureReason }),
    ...(last === null
      ? {}
      : {
          last_position: {
            external_customer_id: last.externalCustomerId,
            event_name: last.eventName,
            timestamp: wireTime(DateTime.fromMillis(last.timestamp, { zone: 'utc' })),
            event_id: last.id,
          },
        }),
  };
}
