import type { App } from '#app';
import type { RouteModule } from '#platform/http/gateway-handler.ts';

/**
 * Where each resource's routes live. Only prefixes stand here: a table and its schemas are loaded with the first request
 * to its resource, so that a cold start pays for one resource and not for all.
 */
export function managementModules(app: () => App): RouteModule[] {
  return [
    { prefix: '/health', load: async () => (await import('./health-routes.ts')).healthRoutes(app()) },
    { prefix: '/v1/tenants', load: async () => (await import('#tenancy/routes.ts')).tenantRoutes(app().tenancy) },
    { prefix: '/v1/environments', load: async () => (await import('#tenancy/routes.ts')).environmentRoutes(app().tenancy) },
    { prefix: '/v1/users', load: async () => (await import('#tenancy/routes.ts')).userRoutes(app().tenancy) },
    { prefix: '/v1/secrets', load: async () => (await import('#tenancy/routes.ts')).secretRoutes(app().tenancy) },
    { prefix: '/v1/rbac', load: async () => (await import('#tenancy/routes.ts')).rbacRoutes() },
    {
      prefix: '/v1/customers',
      load: async () => [
        // First: `/v1/customers/{id}/usage` would take the session of a customer whose external id is `usage`.
        ...(await import('#portal/routes/session.ts')).portalSessionRoutes(app().portalSessions),
        ...(await import('#customers/routes.ts')).customerRoutes(app().customers),
        ...(await import('#entitlements/summary-routes.ts')).customerEntitlementRoutes(app().entitlementSummaries),
        ...(await import('#entitlements/usage-summary-routes.ts')).usageSummaryRoutes(app().usageSummaries),
        ...(await import('#entitlements/check-routes.ts')).entitlementCheckRoutes(app().entitlementChecks),
      ],
    },
    {
      prefix: '/v1/customer/portal',
      load: async () =>
        (await import('#portal/routes/portal.ts')).portalRoutes({
          portal: app().portal,
          usages: app().usageSummaries,
          analytics: app().analytics,
          costs: app().costAnalytics,
        }),
    },
    {
      prefix: '/v1/meters',
      load: async () => [
        ...(await import('#metering/routes/meters.ts')).meterRoutes(app().meters),
        ...(await import('#metering/routes/meter-preview.ts')).meterPreviewRoutes(() => app().meterPreviews),
      ],
    },
    { prefix: '/v1/events/analytics', load: async () => (await import('#analytics/routes/analytics.ts')).analyticsRoutes(app().analytics) },
    {
      prefix: '/v1/meter-usage',
      load: async () => [
        ...(await import('#analytics/routes/meter-usage.ts')).meterUsageRoutes(app().analytics),
        ...(await import('#analytics/routes/analytics.ts')).detailedAnalyticsRoutes(app().analytics),
      ],
    },
    {
      prefix: '/v1/events',
      load: async () => [
        ...(await import('#metering/routes/events.ts')).eventRoutes(app().events, async (...lookup) =>
          (await import('#analytics/routes/event-charges.ts')).chargesOnWire(app().analytics)(...lookup),
        ),
        ...(await import('#metering/routes/usage.ts')).usageRoutes(app().usage),
        ...(await import('#metering/routes/dead-letters.ts')).deadLetterRoutes(app().deadLetters),
        ...(await import('#metering/routes/reprocess.ts')).reprocessRoutes(app().reprocess),
        ...(await import('#metering/routes/monitoring.ts')).monitoringRoutes(() => app().monitoring),
      ],
    },
    { prefix: '/v1/features', load: async () => (await import('#catalog/routes/feature.ts')).featureRoutes(app().features) },
    {
      prefix: '/v1/plans',
      load: async () => [
        ...(await import('#catalog/routes/plan.ts')).planRoutes(app().plans),
        ...(await import('#entitlements/routes.ts')).planEntitlementRoutes(app().entitlements),
      ],
    },
    { prefix: '/v1/prices', load: async () => (await import('#catalog/routes/price.ts')).priceRoutes(app().prices) },
    {
      prefix: '/v1/costs/analytics',
      load: async () => (await import('#costs/routes/analytics.ts')).costAnalyticsRoutes(app().costAnalytics),
    },
    { prefix: '/v1/costs', load: async () => (await import('#costs/routes/costsheet.ts')).costsheetRoutes(app().costsheets) },
    { prefix: '/v1/entitlements', load: async () => (await import('#entitlements/routes.ts')).entitlementRoutes(app().entitlements) },
    {
      prefix: '/v1/subscriptions',
      load: async () => [
        ...(await import('#subscriptions/routes.ts')).subscriptionRoutes({
          subscriptions: app().subscriptions,
          invoices: app().invoices,
          usage: app().subscriptionUsage,
        }),
        ...(await import('#entitlements/summary-routes.ts')).subscriptionEntitlementRoutes(app().entitlementSummaries),
      ],
    },
    { prefix: '/v1/settings', load: async () => (await import('#settings/routes.ts')).settingRoutes(app().settings) },
    { prefix: '/v1/invoices', load: async () => (await import('#billing/routes.ts')).invoiceRoutes(app().invoices) },
  ];
}
