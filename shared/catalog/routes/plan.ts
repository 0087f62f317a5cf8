import type { Route } from '#platform/http/route.ts';
import { crudRoutes } from '#platform/resource/routes.ts';
import { CreatePlanRequest, ListPlansResponse, PLAN_EXPAND, PlanList, PlanResponse, UpdatePlanRequest } from '../contracts/plan.ts';
import type { PlanExpansion, PlanService, PlanView } from '../service/plan.ts';

export const planRoutes = (plans: PlanService): Route[] =>
  crudRoutes<PlanView, PlanView, typeof CreatePlanRequest, typeof UpdatePlanRequest>({
    tag: 'Plans',
    path: '/v1/plans',
    entity: 'Plan',
    response: PlanResponse,
    create: { operationId: 'createPlan', summary: 'Create a plan', body: CreatePlanRequest, run: plans.create },
    list: {
      listing: PlanList,
      response: ListPlansResponse,
      expand: PLAN_EXPAND,
      get: { operationId: 'listPlans', summary: 'List plans' },
      search: { operationId: 'queryPlan', summary: 'Search plans' },
      run: (ctx, request, expand) => plans.list(ctx, request, expansion(expand)),
    },
    get: { operationId: 'getPlan', summary: 'Get a plan with its prices and entitlements', run: plans.view },
    update: { operationId: 'updatePlan', summary: 'Update a plan', body: UpdatePlanRequest, run: plans.update },
    delete: { operationId: 'deletePlan', summary: 'Delete a plan', message: 'plan deleted successfully', run: plans.delete },
  });

/** `meters` shows the prices, too: that is where meters are; and so with `features` and the entitlements. */
function expansion(fields: ReadonlySet<string>): PlanExpansion {
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
