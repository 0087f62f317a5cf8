import type { AnalyticsService } from '#analytics/service/service.ts';
import type { Engines } from '#module/engines.ts';
import { defineModule } from '#module/declaration.ts';
import type { FeatureService } from '#catalog/service/feature.ts';
import type { PriceService } from '#catalog/service/price.ts';
import type { CustomerService } from '#customers/service.ts';
import type { GroupedUsageService } from '#metering/service/grouped-usage.ts';
import type { MeterService } from '#metering/service/meters.ts';
import type { SettingService } from '#settings/service.ts';
import { entities } from './permissions.ts';
import { createCostAnalyticsService } from './service/analytics.ts';
import { createCostsheetService } from './service/costsheet.ts';

interface Needs extends Engines {
  readonly customers: CustomerService;
  readonly prices: PriceService;
  readonly features: FeatureService;
  readonly meters: MeterService;
  readonly groupedUsage: GroupedUsageService;
  readonly analytics: AnalyticsService;
  readonly settings: SettingService;
}

/** What usage costs the seller. */
export const costs = defineModule({
  name: 'costs',
  entities,
  build: (app: Needs) => ({
    costsheets: () => createCostsheetService({ database: app.database, clock: app.clock, prices: () => app.prices }),
    costAnalytics: () =>
      createCostAnalyticsService({
        database: app.database,
        clock: app.clock,
        customers: app.customers,
        prices: app.prices,
        features: app.features,
        meters: app.meters,
        usage: app.groupedUsage,
        analytics: app.analytics,
      }),
  }),
  routes: (app) => [
    { prefix: '/v1/costs/analytics', load: async () => (await import('./routes/analytics.ts')).costAnalyticsRoutes(app().costAnalytics) },
    { prefix: '/v1/costs', load: async () => (await import('./routes/costsheet.ts')).costsheetRoutes(app().costsheets) },
  ],
  portalRoutes: (app) => [
    {
      prefix: '/v1/customer/portal',
      load: async () =>
        (await import('./routes/portal.ts')).portalCostRoutes({
          costs: app().costAnalytics,
          customers: app().customers,
          settings: app().settings,
        }),
    },
  ],
});
