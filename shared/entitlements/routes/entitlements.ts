import { EntitlementResponse } from '#catalog/contracts/entitlement.ts';
import { fromWire } from '#kernel/wire.ts';
import { pageReply } from '#platform/http/page.ts';
import { created, ok, type Route, route } from '#platform/http/route.ts';
import { byId, crudRoutes } from '#platform/resource/routes.ts';
import { shaped } from '#platform/resource/shape.ts';
import {
  CreateBulkEntitlementRequest,
  CreateBulkEntitlementResponse,
  CreateEntitlementRequest,
  ENTITLEMENT_EXPAND,
  EntitlementList,
  ListEntitlementsResponse,
  UpdateEntitlementRequest,
} from '../contracts.ts';
import type { EntitlementService } from '../service/entitlements.ts';

const tag = 'Entitlements';

export const entitlementRoutes = (entitlements: EntitlementService): Route[] => [
  ...crudRoutes({
    tag,
    path: '/v1/entitlements',
    entity: 'Entitlement',
    response: EntitlementResponse,
    create: {
      operationId: 'createEntitlement',
      summary: 'Give a plan a feature',
      body: CreateEntitlementRequest,
      run: entitlements.create,
    },
    list: {
      listing: EntitlementList,
      response: ListEntitlementsResponse,
      expand: ENTITLEMENT_EXPAND,
      get: { operationId: 'listEntitlements', summary: 'List entitlements' },
      search: { operationId: 'queryEntitlement', summary: 'Search entitlements' },
      run: entitlements.list,
    },
    get: { operationId: 'getEntitlement', summary: 'Get an entitlement with its feature', run: entitlements.get },
    update: {
      operationId: 'updateEntitlement',
      summary: 'Update an entitlement',
      body: UpdateEntitlementRequest,
      run: entitlements.update,
    },
    delete: {
      operationId: 'deleteEntitlement',
      summary: 'Delete an entitlement',
      message: 'entitlement deleted successfully',
      run: entitlements.delete,
    },
  }),
  route({
    method: 'POST',
    path: '/v1/entitlements/bulk',
    operationId: 'createEntitlementsBulk',
    tag,
    summary: 'Create entitlements, all or none',
    permission: 'write:Entitlement',
    body: CreateBulkEntitlementRequest,
    responses: { 201: CreateBulkEntitlementResponse },
    handler: async ({ ctx, body }) =>
      created(shaped(CreateBulkEntitlementResponse, { items: await entitlements.createMany(ctx, fromWire(body.items)) })),
  }),
];

/** Served under the plans' prefix. */
export const planEntitlementRoutes = (entitlements: EntitlementService): Route[] => [
  route({
    method: 'GET',
    path: '/v1/plans/{id}/entitlements',
    operationId: 'getPlanEntitlements',
    tag,
    summary: "List a plan's entitlements",
    permission: 'read:Entitlement',
    params: byId,
    responses: { 200: ListEntitlementsResponse },
    handler: async ({ ctx, params }) => {
      const items = await entitlements.ofPlan(ctx, params.id);
      return ok(pageReply({ items, total: items.length, limit: items.length, offset: 0 }, (item) => shaped(EntitlementResponse, item)));
    },
  }),
];
