import { parseExpand } from '#kernel/pagination.ts';
import { pageReply } from '#platform/http/page.ts';
import { ok, type Route, route } from '#platform/http/route.ts';
import { byId, crudRoutes } from '#platform/resource/routes.ts';
import { shaped } from '#platform/resource/shape.ts';
import {
  COSTSHEET_EXPAND,
  CostsheetList,
  CostsheetResponse,
  CostsheetSearchRequest,
  CreateCostsheetRequest,
  DeleteCostsheetResponse,
  ListCostsheetResponse,
  UpdateCostsheetRequest,
  WrappedCostsheetResponse,
} from '../contracts/costsheet.ts';
import type { CostsheetExpansion, CostsheetService } from '../service/costsheet.ts';

const tag = 'Costs';
const shown = (costsheet: unknown) => shaped(CostsheetResponse, costsheet);

export const costsheetRoutes = (costsheets: CostsheetService): Route[] => [
  route({
    method: 'GET',
    path: '/v1/costs/active',
    operationId: 'getActiveCostsheet',
    tag,
    summary: 'Get the cost sheet that costs are computed with: the newest',
    permission: 'read:Costsheet',
    responses: { 200: CostsheetResponse },
    handler: async ({ ctx }) => ok(shown(await costsheets.active(ctx))),
  }),
  route({
    method: 'POST',
    path: '/v1/costs/search',
    operationId: 'queryCostsheet',
    tag,
    summary: 'Search cost sheets',
    permission: 'read:Costsheet',
    body: CostsheetSearchRequest,
    foreignKeys: {
      ignored: {
        environmentID: 'the credential says which environment is asked about',
        tenantID: 'the credential says which tenant is asked about',
      },
    },
    responses: { 200: ListCostsheetResponse },
    handler: async ({ ctx, body: { queryFilter, timeRangeFilter, ...body } }) => {
      const given = { ...body, ...queryFilter, ...timeRangeFilter, sort: body.sort ?? queryFilter?.sort };
      return ok(
        pageReply(
          await costsheets.list(ctx, CostsheetList.read(ctx, given), shownWith(parseExpand(given.expand, COSTSHEET_EXPAND))),
          shown,
        ),
      );
    },
  }),
  ...crudRoutes({
    tag,
    path: '/v1/costs',
    entity: 'Costsheet',
    response: WrappedCostsheetResponse,
    create: {
      operationId: 'createCostsheet',
      summary: 'Create a cost sheet: what usage costs you, to compare with what it is charged at',
      body: CreateCostsheetRequest,
      run: async (...request) => ({ costsheet: await costsheets.create(...request) }),
    },
    get: {
      operationId: 'getCostsheet',
      summary: 'Get a cost sheet, also an archived one',
      expand: COSTSHEET_EXPAND,
      run: async (ctx, id, expand) => ({ costsheet: await costsheets.view(ctx, id, shownWith(expand)) }),
    },
    update: {
      operationId: 'updateCostsheet',
      summary: 'Update a cost sheet',
      body: UpdateCostsheetRequest,
      run: async (...request) => ({ costsheet: await costsheets.update(...request) }),
    },
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

function shownWith(fields: ReadonlySet<string>): CostsheetExpansion {
  return { prices: fields.size > 0, meters: fields.has('prices.meters') };
}
