import type { Engines } from '#module/engines.ts';
import { lazy } from '#module/lazy.ts';
import { defineModule } from '#module/declaration.ts';
import type { RequestContext } from '#kernel/context.ts';
import type { Entitlement } from './domain/entitlement.ts';
import { METER, type MeterService } from '#metering/service/meters.ts';
import { guard } from '#platform/resource/guards.ts';
import { entities } from './permissions.ts';
import { createFeatureService } from './service/feature.ts';
import { createPlanService } from './service/plan.ts';
import { createPriceService, type PriceOwner } from './service/price.ts';

interface Needs extends Engines {
  readonly meters: MeterService;
  /** What plans give. */
  readonly entitlements: { forPlans(ctx: RequestContext, planIds: readonly string[]): Promise<Entitlement[]> };
  /** Prices belong to cost sheets, too. */
  readonly costsheets: { readonly owner: PriceOwner };
}

/** Features, plans and prices: what is sold. */
export const catalog = defineModule({
  name: 'catalog',
  entities,
  build: (app: Needs) => {
    const features = lazy(() => createFeatureService(app));
    const prices = lazy(() =>
      createPriceService({ database: app.database, clock: app.clock, meters: app.meters, costsheets: app.costsheets.owner }),
    );
    return {
      features,
      prices,
      plans: () =>
        createPlanService({
          database: app.database,
          clock: app.clock,
          guards: app.guards,
          prices: prices(),
          features: features(),
          entitlementsOf: (ctx, planIds) => app.entitlements.forPlans(ctx, planIds),
        }),
    };
  },
  routes: (app) => [
    { prefix: '/v1/features', load: async () => (await import('./routes/feature.ts')).featureRoutes(app().features) },
    { prefix: '/v1/plans', load: async () => (await import('./routes/plan.ts')).planRoutes(app().plans) },
    { prefix: '/v1/prices', load: async () => (await import('./routes/price.ts')).priceRoutes(app().prices) },
  ],
  guards: ({ features, prices }) => [
    guard(METER, ['delete'], 'price', async (tx, id) =>
      (await prices.chargesFor(tx, id)) ? 'is charged for by a price that has not ended: end its prices first, or disable the meter' : null,
    ),
    guard(METER, ['delete'], 'feature', async (tx, id) =>
      (await features.isMeasuredBy(tx, id)) ? 'measures a feature: delete the feature first, or disable the meter' : null,
    ),
  ],
});
