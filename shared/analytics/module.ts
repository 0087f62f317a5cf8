import type { Engines } from '#module/engines.ts';
import { lazy } from '#module/lazy.ts';
import { defineModule } from '#module/declaration.ts';
import type { FeatureService } from '#catalog/service/feature.ts';
import type { PlanService } from '#catalog/service/plan.ts';
import type { PriceService } from '#catalog/service/price.ts';
import type { CustomerService } from '#customers/service.ts';
import type { ChargesOf } from '#metering/routes/trace.ts';
import type { EntitlementService } from '#entitlements/service/entitlements.ts';
import type { UsageService } from '#metering/service/usage.ts';
import type { InvoiceService } from '#invoicing/service/invoice.ts';
import type { GroupedUsageService } from '#metering/service/grouped-usage.ts';
import type { MeterService } from '#metering/service/meters.ts';
import type { SubscriptionService } from '#subscriptions/service/subscription.ts';
import { entities } from './permissions.ts';
import { createAnalyticsService } from './service/service.ts';

interface Needs extends Engines {
  readonly customers: CustomerService;
  readonly subscriptions: SubscriptionService;
  readonly prices: PriceService;
  readonly plans: PlanService;
  readonly features: FeatureService;
  readonly meters: MeterService;
  readonly groupedUsage: GroupedUsageService;
  readonly entitlements: EntitlementService;
  readonly usage: UsageService;
  readonly invoices: InvoiceService;
}

/** Usage with what it costs. */
export const analytics = defineModule({
  name: 'analytics',
  entities,
  build: (app: Needs) => {
    const analytics = lazy(() =>
      createAnalyticsService({
        database: app.database,
        clock: app.clock,
        customers: app.customers,
        subscriptions: app.subscriptions,
        prices: app.prices,
        plans: app.plans,
        features: app.features,
        meters: app.meters,
        usage: app.groupedUsage,
        entitlements: app.entitlements,
        readUsage: (ctx, requests) => app.usage.meterUsages(ctx, requests),
        invoices: { finalUsageAt: (...asked) => app.invoices.finalUsageAt(...asked) },
      }),
    );
    return {
      analytics,
      // The wire of charges is loaded with the first look-up.
      chargesOfEvent:
        (): ChargesOf =>
        async (...lookup) =>
          (await import('./routes/event-charges.ts')).chargesOnWire(analytics())(...lookup),
    };
  },
  routes: (app) => [
    { prefix: '/v1/events/analytics', load: async () => (await import('./routes/analytics.ts')).analyticsRoutes(app().analytics) },
    { prefix: '/v1/meter-usage', load: async () => (await import('./routes/meter-usage.ts')).meterUsageRoutes(app().analytics) },
    { prefix: '/v1/meter-usage', load: async () => (await import('./routes/analytics.ts')).detailedAnalyticsRoutes(app().analytics) },
  ],
  portalRoutes: (app) => [
    {
      prefix: '/v1/customer/portal',
      load: async () => (await import('./routes/portal.ts')).portalAnalyticsRoutes(app().analytics, app().customers),
    },
  ],
});
