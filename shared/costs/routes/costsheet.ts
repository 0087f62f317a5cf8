import * as z from 'zod';
import { priceToWire } from '#catalog/routes/to-wire.ts';
import { listOptions, parseExpand } from '#kernel/pagination.ts';
import { fromWire, toWire } from '#kernel/wire.ts';
import { pageReply } from '#platform/http/page.ts';
import { created, ok, type Route, route } from '#platform/http/route.ts';
import {
  COSTSHEET_EXPAND,
  CostsheetQuery,
  CostsheetResponse,
  CostsheetSearchRequest,
  CreateCostsheetRequest,
  DeleteCostsheetResponse,
  ListCostsheetResponse,
  UpdateCostsheetRequest,
  WrappedCostsheetResponse,
} from '../contracts/costsheet.ts';
import type { CostsheetExpansion, CostsheetService, CostsheetView } from '../service/costsheet.ts';

const tag = 'Costs';
const byId = z.object({ id: z.string() });

export const costsheetRoutes = (costsheets: CostsheetService): Route[] => [
  route({
    method: 'POST',
    path: '/v1/costs',
    operationId: 'createCostsheet',
    tag,
    summary: 'Create a cost sheet: what usage costs you, to compare with what it is charged at',
    permission: 'write:Costsheet',
    body: CreateCostsheetRequest,
    responses: { 201: WrappedCostsheetResponse },
    handler: async ({ ctx, body }) => created({ costsheet: toWire(await costsheets.create(ctx, fromWire(body))) }),
  }),
  route({
    method: 'GET',
    path: '/v1/costs/active',
    operationId: 'getActiveCostsheet',
    tag,
    summary: 'Get the cost sheet that costs are computed with: the newest',
    permission: 'authenticated',
    responses: { 200: CostsheetResponse },
    handler: async ({ ctx }) => ok(toWire(await costsheets.active(ctx))),
  }),
  route({
    method: 'POST',
    path: '/v1/costs/search',
    operationId: 'queryCostsheet',
    tag,
    summary: 'Search cost sheets',
    permission: 'authenticated',
    body: CostsheetSearchRequest,
    responses: { 200: ListCostsheetResponse },
    handler: async ({ ctx, body }) => {
      const { filter, options, expand } = searchOf(body);
      return ok(pageReply(await costsheets.list(ctx, filter, options, expand), costsheetToWire));
    },
  }),
  route({
    method: 'GET',
    path: '/v1/costs/{id}',
    operationId: 'getCostsheet',
    tag,
    summary: 'Get a cost sheet, also an archived one',
    permission: 'authenticated',
    params: byId,
    query: CostsheetQuery,
    responses: { 200: WrappedCostsheetResponse },
    handler: async ({ ctx, params, query }) =>
      ok({ costsheet: costsheetToWire(await costsheets.view(ctx, params.id, expansion(query.expand))) }),
  }),
  route({
    method: 'PUT',
    path: '/v1/costs/{id}',
    operationId: 'updateCostsheet',
    tag,
    summary: 'Update a cost sheet',
    permission: 'write:Costsheet',
    params: byId,
    body: UpdateCostsheetRequest,
    responses: { 200: WrappedCostsheetResponse },
    handler: async ({ ctx, params, body }) => ok({ costsheet: toWire(await costsheets.update(ctx, params.id, fromWire(body))) }),
  }),
  route({
    method: 'DELETE',
    path: '/v1/costs/{id}',
    operationId: 'deleteCostsheet',
    tag,
    summary: 'Archive a cost sheet, and end its prices',
    permission: 'write:Costsheet',
    params: byId,
    responses: { 200: DeleteCostsheetResponse },
    handler: async ({ ctx, params }) => {
      await costsheets.delete(ctx, params.id);
      return ok({ message: 'costsheet deleted successfully', id: params.id });
    },
  }),
];

/** What a search asks for, by whichever names. */
function searchOf({ queryFilter, timeRangeFilter, ...body }: CostsheetSearchRequest) {
  const given = { ...body, ...queryFilter, ...timeRangeFilter };
  return {
    filter: { costsheetIds: body.costsheet_ids ?? body.costsheetIDs, lookupKey: body.lookup_key ?? body.lookupKey, name: body.name },
    options: listOptions({ ...given, sort: body.sort ?? queryFilter?.sort }),
    expand: expansion(given.expand),
  };
}

function expansion(value: string | null | undefined): CostsheetExpansion {
  const fields = parseExpand(value, COSTSHEET_EXPAND);
  return { prices: fields.size > 0, meters: fields.has('prices.meters') };
}

/** A cost sheet as the API shows it; prices that were not asked for are absent. */
function costsheetToWire({ costsheet, prices }: CostsheetView): unknown {
  return { ...(toWire(costsheet) as object), ...(prices && { prices: prices.map(priceToWire) }) };
}
