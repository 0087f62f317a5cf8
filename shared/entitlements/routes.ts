import * as z from 'zod';
import type { RequestContext } from '#kernel/context.ts';
import { listOptions, type Page, parseExpand } from '#kernel/pagination.ts';
import { fromWire, successResponse } from '#kernel/wire.ts';
import { pageReply } from '#platform/http/page.ts';
import { created, ok, type Reply, type Route, route } from '#platform/http/route.ts';
import {
  CreateBulkEntitlementRequest,
  CreateBulkEntitlementResponse,
  CreateEntitlementRequest,
  ENTITLEMENT_EXPAND,
  EntitlementListQuery,
  EntitlementResponse,
  EntitlementSearchRequest,
  ListEntitlementsResponse,
  UpdateEntitlementRequest,
} from './contracts.ts';
import type { Entitlement } from './domain/entitlement.ts';
import type { EntitlementService } from './service.ts';
import { entitlementToWire } from './to-wire.ts';

const tag = 'Entitlements';
const byId = z.object({ id: z.string() });
const bare = (entitlement: Entitlement) => entitlementToWire({ entitlement, feature: null });

export const entitlementRoutes = (entitlements: EntitlementService): Route[] => [
  route({
    method: 'POST',
    path: '/v1/entitlements',
    operationId: 'createEntitlement',
    tag,
    summary: 'Give a plan a feature',
    permission: 'write:Entitlement',
    body: CreateEntitlementRequest,
    responses: { 201: EntitlementResponse },
    handler: async ({ ctx, body }) => created(bare(await entitlements.create(ctx, fromWire(body)))),
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
    handler: async ({ ctx, body }) => created({ items: (await entitlements.createMany(ctx, fromWire(body.items))).map(bare) }),
  }),
  route({
    method: 'GET',
    path: '/v1/entitlements',
    operationId: 'listEntitlements',
    tag,
    summary: 'List entitlements',
    permission: 'authenticated',
    query: EntitlementListQuery,
    responses: { 200: ListEntitlementsResponse },
    handler: async ({ ctx, query }) =>
      listReply(entitlements, ctx, await entitlements.list(ctx, fromWire(query), listOptions(query)), query.expand),
  }),
  route({
    method: 'POST',
    path: '/v1/entitlements/search',
    operationId: 'queryEntitlement',
    tag,
    summary: 'Search entitlements',
    permission: 'authenticated',
    body: EntitlementSearchRequest,
    responses: { 200: ListEntitlementsResponse },
    handler: async ({ ctx, body }) =>
      listReply(entitlements, ctx, await entitlements.list(ctx, fromWire(body) as never, listOptions(body)), body.expand),
  }),
  route({
    method: 'GET',
    path: '/v1/entitlements/{id}',
    operationId: 'getEntitlement',
    tag,
    summary: 'Get an entitlement with its feature',
    permission: 'authenticated',
    params: byId,
    responses: { 200: EntitlementResponse },
    handler: async ({ ctx, params }) =>
      ok((await entitlements.withFeatures(ctx, [await entitlements.get(ctx, params.id)])).map(entitlementToWire)[0]),
  }),
  route({
    method: 'PUT',
    path: '/v1/entitlements/{id}',
    operationId: 'updateEntitlement',
    tag,
    summary: 'Update an entitlement',
    permission: 'write:Entitlement',
    params: byId,
    body: UpdateEntitlementRequest,
    responses: { 200: EntitlementResponse },
    handler: async ({ ctx, params, body }) => ok(bare(await entitlements.update(ctx, params.id, fromWire(body)))),
  }),
  route({
    method: 'DELETE',
    path: '/v1/entitlements/{id}',
    operationId: 'deleteEntitlement',
    tag,
    summary: 'Delete an entitlement',
    permission: 'write:Entitlement',
    params: byId,
    responses: { 200: successResponse },
    handler: async ({ ctx, params }) => {
      await entitlements.delete(ctx, params.id);
      return ok({ message: 'entitlement deleted successfully' });
    },
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
    permission: 'authenticated',
    params: byId,
    responses: { 200: ListEntitlementsResponse },
    handler: async ({ ctx, params }) => {
      const items = await entitlements.withFeatures(ctx, await entitlements.ofPlan(ctx, params.id));
      return ok(pageReply({ items, total: items.length, limit: items.length, offset: 0 }, entitlementToWire));
    },
  }),
];

async function listReply(
  entitlements: EntitlementService,
  ctx: RequestContext,
  page: Page<Entitlement>,
  expand: string | null | undefined,
): Promise<Reply> {
  const withFeatures = parseExpand(expand, ENTITLEMENT_EXPAND).size > 0;
  const items = withFeatures
    ? await entitlements.withFeatures(ctx, page.items)
    : page.items.map((entitlement) => ({ entitlement, feature: null }));
  return ok(pageReply({ ...page, items }, entitlementToWire));
}
