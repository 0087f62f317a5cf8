import { createAnalyticsService } from '#analytics/service/service.ts';
import { createFeatureService } from '#catalog/service/feature.ts';
import { createPlanService, type PlanService } from '#catalog/service/plan.ts';
import { createPriceService, type PriceService } from '#catalog/service/price.ts';
import { createBillingActivities } from '#billing/activities.ts';
import type { BillingDependencies } from '#billing/service/dependencies.ts';
import { createInvoiceService, type InvoiceService } from '#billing/service/invoice.ts';
import { subscriptionUsage, type SubscriptionUsageRequest } from '#billing/service/subscription-usage.ts';
import { createCostAnalyticsService } from '#costs/service/analytics.ts';
import { createCostsheetService } from '#costs/service/costsheet.ts';
import { type CustomerService, createCustomerService } from '#customers/service.ts';
import { createEntitlementCheckService } from '#entitlements/check-service.ts';
import { createEntitlementService, isFeatureInUse } from '#entitlements/service.ts';
import { createEntitlementSummaryService } from '#entitlements/summary-service.ts';
import { createUsageSummaryService } from '#entitlements/usage-summary-service.ts';
import { type Clock, systemClock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { createMeteringActivities } from '#metering/activities.ts';
import { createDeadLetterService } from '#metering/service/dead-letters.ts';
import { createCounterService } from '#metering/service/counters.ts';
import { createEventService } from '#metering/service/events.ts';
import { createGroupedUsageService } from '#metering/service/grouped-usage.ts';
import { createIngestService, type IngestService } from '#metering/service/ingest.ts';
import { createInFlight } from '#metering/service/in-flight.ts';
import { createMeterService } from '#metering/service/meters.ts';
import { createMonitoringService } from '#metering/service/monitoring.ts';
import { createMeterPreviewService } from '#metering/service/preview.ts';
import { createQuotas } from '#metering/service/quotas.ts';
import { createRejectionService } from '#metering/service/rejections.ts';
import { createReprocessService } from '#metering/service/reprocess.ts';
import { createUsageService } from '#metering/service/usage.ts';
import { createOnboardingActivities } from '#onboarding/activities.ts';
import { createOnboardingService } from '#onboarding/service.ts';
import { createAuthenticator } from '#platform/auth/authenticate.ts';
import { createClickHouse } from '#platform/clickhouse/client.ts';
import type { Config } from '#platform/config/schema.ts';
import { createEventLog } from '#platform/event-log/create.ts';
import type { EventLog } from '#platform/event-log/event-log.ts';
import { type EventLogLogger, silentLogger } from '#platform/event-log/log.ts';
import { createOverflow } from '#platform/event-log/overflow.ts';
import { topicSpecs } from '#platform/event-log/topics.ts';
import { type Metrics, silentMetrics } from '#platform/observability/metrics.ts';
import { createDatabase } from '#platform/postgres/database.ts';
import { createPortalService } from '#portal/service/portal.ts';
import { createPortalSessionService, type PortalSessionService } from '#portal/service/sessions.ts';
import { createSettingService } from '#settings/service.ts';
import { createSubscriptionService, type SubscriptionService } from '#subscriptions/service/subscription.ts';
import { createPrincipalStore } from '#tenancy/principals.ts';
import { createTenancyService } from '#tenancy/service.ts';

export type App = ReturnType<typeof createApp>;

/**
 * The composition root: every service of the product, built from the configuration when it is first asked for.
 * Nothing is connected by building; engines connect on first use.
 */
export function createApp(
  config: Config,
  { clock = systemClock, logger, metrics = silentMetrics }: { clock?: Clock; logger?: EventLogLogger; metrics?: Metrics } = {},
) {
  const closers: (() => Promise<void>)[] = [];
  const opened = <T extends { close(): Promise<void> }>(engine: T): T => {
    closers.push(() => engine.close());
    return engine;
  };

  const database = lazy(() => opened(createDatabase(config.postgres)));
  const clickhouse = lazy(() => opened(createClickHouse(config)));
  const eventLog = lazy(async (): Promise<EventLog> => opened(await createEventLog(config, logger)));
  const authenticator = lazy(() =>
    createAuthenticator(
      config.auth,
      { ...createPrincipalStore(database()), findByTokenHash: (hash) => portalSessions().findByTokenHash(hash) },
      clock,
      metrics,
    ),
  );
  const tenancy = lazy(() => createTenancyService({ database: database(), clock }));
  const customers: () => CustomerService = lazy(() =>
    createCustomerService({
      database: database(),
      clock,
      hasRunningSubscription: (tx, id) => subscriptions().hasRunning(tx, id),
      endPortalSessions: (tx, id) => portalSessions().endAllOf(tx, id),
    }),
  );
  const portalSessions: () => PortalSessionService = lazy(() =>
    createPortalSessionService({ database: database(), clock, customers: customers(), url: config.portal.url }),
  );
  const meters = lazy(() => createMeterService({ database: database(), clock }));
  const usage = lazy(() => createUsageService({ clickhouse: clickhouse(), meters: meters(), customers: customers(), clock }));
  const meterPreviews = lazy(() =>
    createMeterPreviewService({
      clickhouse: clickhouse(),
      meters: meters(),
      openPeriod: (...asked) => subscriptions().openPeriod(...asked),
      clock,
    }),
  );
  const events = lazy(() =>
    createEventService({ clickhouse: clickhouse(), inFlight: inFlight(), meters: meters(), customers: customers() }),
  );
  const inFlight = lazy(() => createInFlight(eventLog));
  const monitoring = lazy(() => createMonitoringService({ clickhouse: clickhouse(), inFlight: inFlight(), clock }));
  const deadLetters = lazy(() => createDeadLetterService({ eventLog, database: database(), clock }));
  const reprocess = lazy(() => createReprocessService({ clickhouse, eventLog, database: database(), clock }));
  const ingest = lazy(
    async (): Promise<IngestService> =>
      createIngestService({
        eventLog: await eventLog(),
        overflow: opened(await createOverflow(config)),
        clock,
        config,
        metrics,
        quotas: createQuotas({ database: database(), clock }),
      }),
  );
  const features = lazy(() => createFeatureService({ database: database(), clock, meters: meters(), isInUse: isFeatureInUse }));
  const prices: () => PriceService = lazy(() =>
    createPriceService({ database: database(), clock, meters: meters(), costsheets: costsheets().owner }),
  );
  const costsheets = lazy(() => createCostsheetService({ database: database(), clock, prices }));
  const entitlements = lazy(() => createEntitlementService({ database: database(), clock, features, plans }));
  const plans: () => PlanService = lazy(() =>
    createPlanService({
      database: database(),
      clock,
      prices: prices(),
      features: features(),
      entitlementsOf: (ctx, planIds) => entitlements().forPlans(ctx, planIds),
      isInUse: (tx, planId) => subscriptions().isPlanInUse(tx, planId),
    }),
  );
  const subscriptions: () => SubscriptionService = lazy(() =>
    createSubscriptionService({
      database: database(),
      clock,
      customers: customers(),
      plans: plans(),
      prices: prices(),
      meters: meters(),
      invoicing: {
        open: (...created) => invoices().invoicing.open(...created),
        draft: (...closed) => invoices().invoicing.draft(...closed),
        settle: (...drafted) => invoices().invoicing.settle(...drafted),
      },
    }),
  );
  const entitlementSummaries = lazy(() =>
    createEntitlementSummaryService({
      database: database(),
      clock,
      customers: customers(),
      subscriptions: subscriptions(),
      plans: plans(),
      features: features(),
    }),
  );
  const usageSummaries = lazy(() =>
    createUsageSummaryService({
      clock,
      summaries: entitlementSummaries(),
      readUsage: (ctx, requests) => usage().meterUsages(ctx, requests),
    }),
  );
  const counters = lazy(() =>
    createCounterService({
      database: database(),
      clock,
      meters: meters(),
      readUsage: (ctx, requests) => usage().meterUsages(ctx, requests),
      staleSeconds: config.counters.stale_seconds,
    }),
  );
  const meteringActivities = lazy(() => createMeteringActivities({ reprocess, counters }));
  const entitlementChecks = lazy(() =>
    createEntitlementCheckService({
      clock,
      summaries: entitlementSummaries(),
      features: features(),
      counters: counters(),
      readUsage: (ctx, requests) => usage().meterUsages(ctx, requests),
    }),
  );
  const billing = lazy(
    (): BillingDependencies => ({
      database: database(),
      clock,
      customers: customers(),
      subscriptions: subscriptions(),
      prices: prices(),
      meters: meters(),
      featuresOfMeters: (ctx, meterIds) => features().ofMeters(ctx, meterIds),
      entitlementsOf: (ctx, planIds) => entitlements().forPlans(ctx, planIds),
      readUsage: (ctx, requests) => usage().meterUsages(ctx, requests),
      finalizationDelaySeconds: config.billing.finalization_delay_seconds,
    }),
  );
  const groupedUsage = lazy(() => createGroupedUsageService({ clickhouse: clickhouse() }));
  const analytics = lazy(() =>
    createAnalyticsService({
      database: database(),
      clock,
      customers: customers(),
      subscriptions: subscriptions(),
      prices: prices(),
      plans: plans(),
      features: features(),
      meters: meters(),
      usage: groupedUsage(),
    }),
  );
  const costAnalytics = lazy(() =>
    createCostAnalyticsService({
      database: database(),
      clock,
      customers: customers(),
      prices: prices(),
      features: features(),
      meters: meters(),
      usage: groupedUsage(),
      analytics: analytics(),
    }),
  );
  const invoices: () => InvoiceService = lazy(() => createInvoiceService(billing()));
  const portal = lazy(() =>
    createPortalService({ customers: customers(), subscriptions: subscriptions(), invoices: invoices(), settings: settings() }),
  );
  const billingActivities = lazy(() =>
    createBillingActivities({
      database: database(),
      clock,
      subscriptions: subscriptions(),
      invoices: invoices(),
      pageSize: config.billing.page_size,
    }),
  );

  const settings = lazy(() => createSettingService({ database: database(), clock }));
  const onboarding = lazy(() =>
    createOnboardingService({
      database: database(),
      clock,
      settings: settings(),
      customers: customers(),
      findPlanId: async (ctx, lookupKey) => (await plans().findByLookupKey(ctx, lookupKey))?.id ?? null,
      // The schemas of the wire are loaded when there is something to read.
      subscribe: async (ctx, body) =>
        subscriptions().create(ctx, (await import('#subscriptions/creation-from-wire.ts')).parseCreation(body)),
    }),
  );
  const onboardingActivities = lazy(() => createOnboardingActivities(onboarding));
  const rejections = lazy(() =>
    createRejectionService({
      database: database(),
      clickhouse,
      meters: meters(),
      clock,
      logger: logger ?? silentLogger,
      windowSeconds: config.webhooks.event_rejected_window_seconds,
    }),
  );

  return {
    config,
    clock,
    metrics,
    get database() {
      return database();
    },
    get clickhouse() {
      return clickhouse();
    },
    /** A promise: the adapter is loaded on demand. */
    get eventLog() {
      return eventLog();
    },
    get authenticator() {
      return authenticator();
    },
    get tenancy() {
      return tenancy();
    },
    get customers() {
      return customers();
    },
    get meters() {
      return meters();
    },
    get meterPreviews() {
      return meterPreviews();
    },
    get usage() {
      return usage();
    },
    get events() {
      return events();
    },
    get monitoring() {
      return monitoring();
    },
    get deadLetters() {
      return deadLetters();
    },
    get reprocess() {
      return reprocess();
    },
    /** A promise, as the event log is one. */
    get ingest() {
      return ingest();
    },
    get features() {
      return features();
    },
    get prices() {
      return prices();
    },
    get plans() {
      return plans();
    },
    get entitlements() {
      return entitlements();
    },
    get entitlementSummaries() {
      return entitlementSummaries();
    },
    get usageSummaries() {
      return usageSummaries();
    },
    get counters() {
      return counters();
    },
    get meteringActivities() {
      return meteringActivities();
    },
    get entitlementChecks() {
      return entitlementChecks();
    },
    get subscriptions() {
      return subscriptions();
    },
    get analytics() {
      return analytics();
    },
    get costsheets() {
      return costsheets();
    },
    get costAnalytics() {
      return costAnalytics();
    },
    get invoices() {
      return invoices();
    },
    get portalSessions() {
      return portalSessions();
    },
    get portal() {
      return portal();
    },
    get billingActivities() {
      return billingActivities();
    },
    get settings() {
      return settings();
    },
    get onboarding() {
      return onboarding();
    },
    get onboardingActivities() {
      return onboardingActivities();
    },
    get rejections() {
      return rejections();
    },
    subscriptionUsage: (ctx: RequestContext, request: SubscriptionUsageRequest) => subscriptionUsage(billing(), ctx, request),

    /** One check per engine, for readiness. Each rejects with the reason. */
    readiness: (): Readonly<Record<string, () => Promise<void>>> => ({
      postgres: () => database().ping(),
      clickhouse: () => clickhouse().ping(),
      event_log: async () => {
        const missing = await (await eventLog()).missingTopics(topicSpecs(config).map((topic) => topic.name));
        if (missing.length > 0) throw new Error(`missing topics: ${missing.join(', ')}`);
      },
    }),

    /** Closes what was opened, last first. */
    close: async (): Promise<void> => {
      for (const close of closers.splice(0).reverse()) await close();
    },
  };
}

function lazy<T>(build: () => T): () => T {
  let value: { readonly built: T } | undefined;
  return () => {
    value ??= { built: build() };
    return value.built;
  };
}
