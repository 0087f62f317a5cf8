import { successResponse } from '#kernel/wire.ts';
import { ok, type Route, route } from '#platform/http/route.ts';
import { byId, crudRoutes } from '#platform/resource/routes.ts';
import { CreateMeterRequest, ListMetersResponse, MeterList, MeterResponse, UpdateMeterRequest } from '../contracts/meter.ts';
import type { MeterService } from '../service/meters.ts';

const tag = 'Meters';

export const meterRoutes = (meters: MeterService): Route[] => [
  ...crudRoutes({
    tag,
    path: '/v1/meters',
    entity: 'Meter',
    response: MeterResponse,
    create: { operationId: 'createMeter', summary: 'Create a meter', body: CreateMeterRequest, run: meters.create },
    list: {
      listing: MeterList,
      response: ListMetersResponse,
      get: { operationId: 'listMeters', summary: 'List meters' },
      run: meters.list,
    },
    get: { operationId: 'getMeter', summary: 'Get a meter', run: meters.get },
    update: { operationId: 'updateMeter', summary: 'Add filters to a meter', body: UpdateMeterRequest, run: meters.update },
    delete: { operationId: 'deleteMeter', summary: 'Delete a meter', message: 'meter deleted successfully', run: meters.delete },
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
];
