import type { Engines } from '#module/engines.ts';
import { lazy } from '#module/lazy.ts';
import { defineModule } from '#module/declaration.ts';
import { FEATURE, type FeatureService } from '#catalog/service/feature.ts';
import type { PlanService } from '#catalog/service/plan.ts';
import type { CounterService } from '#counters/service/counters.ts';
import type { CustomerService } from '#customers/service.ts';
import type { UsageService } from '#metering/service/usage.ts';
import { guard } from '#platform/resource/guards.ts';
import type { SubscriptionService } from '#subscriptions/service/subscription.ts';
import { entities } from './permissions.ts';
import { createEntitlementCheckService } from './service/check.ts';
import { createEntitlementService, isFeatureInUse } from './service/entitlements.ts';
import { createEntitlementSummaryService } from './service/summary.ts';
import { createUsageSummaryService } from './service/usage.ts';

interface Needs extends Engines {
  readonly customers: CustomerService;
  readonly features: FeatureService;
  readonly plans: PlanService;
  readonly subscriptions: SubscriptionService;
  readonly usage: UsageService;
  readonly counters: CounterService;
}

/** What customers may use, and how much of it they have used. */
export const entitlements = defineModule({
  name: 'entitlements',
  entities,
  build: (app: Needs) => {
    const summaries = lazy(() => createEntitlementSummaryService(app));
    const readUsage: UsageService['meterUsages'] = (ctx, requests) => app.usage.meterUsages(ctx, requests);
    return {
      entitlements: () =>
        createEntitlementService({
          database: app.database,
          clock: app.clock,
          features: () => app.features,
          plans: () => app.plans,
        }),
      entitlementSummaries: summaries,
      usageSummaries: () => createUsageSummaryService({ clock: app.clock, summaries: summaries(), readUsage }),
      entitlementChecks: () =>
        createEntitlementCheckService({
          clock: app.clock,
          summaries: summaries(),
          features: app.features,
          counters: app.counters,
          readUsage,
        }),
    };
  },
  routes: (app) => [
    {
      prefix: '/v1/entitlements',
      load: async () => (await import('./routes/entitlements.ts')).entitlementRoutes(app().entitlements),
    },
    { prefix: '/v1/plans', load: async () => (await import('./routes/entitlements.ts')).planEntitlementRoutes(app().entitlements) },
    {
      prefix: '/v1/customers',
      load: async () => (await import('./routes/summary.ts')).customerEntitlementRoutes(app().entitlementSummaries),
    },
    { prefix: '/v1/customers', load: async () => (await import('./routes/usage.ts')).usageSummaryRoutes(app().usageSummaries) },
    { prefix: '/v1/customers', load: async () => (await import('./routes/check.ts')).entitlementCheckRoutes(app().entitlementChecks) },
    {
      prefix: '/v1/subscriptions',
      load: async () => (await import('./routes/summary.ts')).subscriptionEntitlementRoutes(app().entitlementSummaries),
    },
  ],
  portalRoutes: (app) => [
    {
      prefix: '/v1/customer/portal',
      load: async () => (await import('./routes/portal.ts')).portalUsageRoutes(app().usageSummaries),
    },
  ],
  guards: () => [
    guard(FEATURE, ['delete'], 'entitlement', async (tx, id) =>
      (await isFeatureInUse(tx, id)) ? 'is given by entitlements: delete them first' : null,
    ),
  ],
});
