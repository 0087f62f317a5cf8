import * as z from 'zod';
import { listOptions } from '#kernel/pagination.ts';
import { fromWire, successResponse } from '#kernel/wire.ts';
import { created, ok, type Route, route } from '#platform/http/route.ts';
import { pageReply } from '#platform/http/page.ts';
import { CreateMeterRequest, ListMetersResponse, MeterListQuery, MeterResponse, UpdateMeterRequest } from '../contracts/meter.ts';
import { type MeterService, meterToWire } from '../service/meters.ts';

const tag = 'Meters';
const byId = z.object({ id: z.string() });

export const meterRoutes = (meters: MeterService): Route[] => [
  route({
    method: 'POST',
    path: '/v1/meters',
    operationId: 'createMeter',
    tag,
    summary: 'Create a meter',
    permission: 'write:Meter',
    body: CreateMeterRequest,
    responses: { 201: MeterResponse },
    handler: async ({ ctx, body }) => created(meterToWire(await meters.create(ctx, fromWire(body)))),
  }),
  route({
    method: 'GET',
    path: '/v1/meters',
    operationId: 'listMeters',
    tag,
    summary: 'List meters',
    permission: 'authenticated',
    query: MeterListQuery,
    responses: { 200: ListMetersResponse },
    handler: async ({ ctx, query }) =>
      ok(pageReply(await meters.list(ctx, { meterIds: query.meter_ids, eventName: query.event_name }, listOptions(query)), meterToWire)),
  }),
  route({
    method: 'GET',
    path: '/v1/meters/{id}',
    operationId: 'getMeter',
    tag,
    summary: 'Get a meter',
    permission: 'authenticated',
    params: byId,
    responses: { 200: MeterResponse },
    handler: async ({ ctx, params }) => ok(meterToWire(await meters.get(ctx, params.id))),
  }),
  route({
    method: 'PUT',
    path: '/v1/meters/{id}',
    operationId: 'updateMeter',
    tag,
    summary: 'Add filters to a meter',
    permission: 'write:Meter',
    params: byId,
    body: UpdateMeterRequest,
    responses: { 200: MeterResponse },
    handler: async ({ ctx, params, body }) => ok(meterToWire(await meters.update(ctx, params.id, fromWire(body)))),
  }),
  route({
    method: 'POST',
    path: '/v1/meters/{id}/disable',
    operationId: 'disableMeter',
    tag,
    summary: 'Stop counting new events',
    permission: 'write:Meter',
    params: byId,
    responses: { 200: successResponse },
    handler: async ({ ctx, params }) => {
      await meters.disable(ctx, params.id);
      return ok({ message: 'meter disabled successfully' });
    },
  }),
  route({
    method: 'DELETE',
    path: '/v1/meters/{id}',
    operationId: 'deleteMeter',
    tag,
    summary: 'Delete a meter',
    permission: 'write:Meter',
    params: byId,
    responses: { 200: successResponse },
    handler: async ({ ctx, params }) => {
      await meters.delete(ctx, params.id);
      return ok({ message: 'meter deleted successfully' });
    },
  }),
];
