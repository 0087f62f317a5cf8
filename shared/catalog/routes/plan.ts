import * as z from 'zod';
import { entitlementToWire } from '#entitlements/to-wire.ts';
import { listOptions, parseExpand } from '#kernel/pagination.ts';
import { fromWire, successResponse, toWire } from '#kernel/wire.ts';
import { pageReply } from '#platform/http/page.ts';
import { created, ok, type Route, route } from '#platform/http/route.ts';
import {
  CreatePlanRequest,
  ListPlansResponse,
  PLAN_EXPAND,
  PlanListQuery,
  PlanResponse,
  PlanSearchRequest,
  UpdatePlanRequest,
} from '../contracts/plan.ts';
import type { PlanExpansion, PlanService, PlanView } from '../service/plan.ts';
import { priceToWire } from './to-wire.ts';

const tag = 'Plans';
const byId = z.object({ id: z.string() });

export const planRoutes = (plans: PlanService): Route[] => [
  route({
    method: 'POST',
    path: '/v1/plans',
    operationId: 'createPlan',
    tag,
    summary: 'Create a plan',
    permission: 'write:Plan',
    body: CreatePlanRequest,
    responses: { 201: PlanResponse },
    handler: async ({ ctx, body }) => created(toWire(await plans.create(ctx, fromWire(body)))),
  }),
  route({
    method: 'GET',
    path: '/v1/plans',
    operationId: 'listPlans',
    tag,
    summary: 'List plans',
    permission: 'authenticated',
    query: PlanListQuery,
    responses: { 200: ListPlansResponse },
    handler: async ({ ctx, query }) =>
      ok(pageReply(await plans.list(ctx, fromWire(query), listOptions(query), expansion(query.expand)), planToWire)),
  }),
  route({
    method: 'POST',
    path: '/v1/plans/search',
    operationId: 'queryPlan',
    tag,
    summary: 'Search plans',
    permission: 'authenticated',
    body: PlanSearchRequest,
    responses: { 200: ListPlansResponse },
    handler: async ({ ctx, body }) =>
      ok(pageReply(await plans.list(ctx, fromWire(body) as never, listOptions(body), expansion(body.expand)), planToWire)),
  }),
  route({
    method: 'GET',
    path: '/v1/plans/{id}',
    operationId: 'getPlan',
    tag,
    summary: 'Get a plan with its prices and entitlements',
    permission: 'authenticated',
    params: byId,
    responses: { 200: PlanResponse },
    handler: async ({ ctx, params }) => ok(planToWire(await plans.view(ctx, params.id))),
  }),
  route({
    method: 'PUT',
    path: '/v1/plans/{id}',
    operationId: 'updatePlan',
    tag,
    summary: 'Update a plan',
    permission: 'write:Plan',
    params: byId,
    body: UpdatePlanRequest,
    responses: { 200: PlanResponse },
    handler: async ({ ctx, params, body }) => ok(toWire(await plans.update(ctx, params.id, fromWire(body)))),
  }),
  route({
    method: 'DELETE',
    path: '/v1/plans/{id}',
    operationId: 'deletePlan',
    tag,
    summary: 'Delete a plan',
    permission: 'write:Plan',
    params: byId,
    responses: { 200: successResponse },
    handler: async ({ ctx, params }) => {
      await plans.delete(ctx, params.id);
      return ok({ message: 'plan deleted successfully' });
    },
  }),
];

/** `meters` shows the prices, too: that is where meters are; and so with `features` and the entitlements. */
function expansion(value: string | null | undefined): PlanExpansion {
  const fields = parseExpand(value, PLAN_EXPAND);
  const meters = fields.has('meters') || fields.has('prices.meters');
  const features = fields.has('features') || fields.has('entitlements.features');
  return {
    meters,
    features,
    creditGrants: fields.has('credit_grant'),
    prices: meters || fields.has('prices') || fields.has('prices.priceunit'),
    entitlements: features || fields.has('entitlements'),
  };
}

/** A plan as the API shows it; parts that were not asked for are absent. */
export function planToWire({ plan, prices, entitlements, creditGrants }: PlanView): unknown {
  return {
    ...(toWire(plan) as object),
    ...(prices && { prices: prices.map(priceToWire) }),
    ...(entitlements && { entitlements: entitlements.map(entitlementToWire) }),
    ...(creditGrants && { credit_grants: creditGrants }),
  };
}
