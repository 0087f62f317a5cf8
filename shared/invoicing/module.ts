import type { Engines } from '#module/engines.ts';
import { lazy } from '#module/lazy.ts';
import { defineModule } from '#module/declaration.ts';
import type { FeatureService } from '#catalog/service/feature.ts';
import type { PriceService } from '#catalog/service/price.ts';
import { CUSTOMER, type CustomerService } from '#customers/service.ts';
import type { EntitlementService } from '#entitlements/service/entitlements.ts';
import type { DeliveryService } from '#ingestion/service/delivery.ts';
import type { MeterService } from '#metering/service/meters.ts';
import type { UsageService } from '#metering/service/usage.ts';
import { guard } from '#platform/resource/guards.ts';
import { failureCode } from '#platform/workflows/job.ts';
import type { SubscriptionService } from '#subscriptions/service/subscription.ts';
import { entities } from './permissions.ts';
import { invoicingJobs } from './jobs/jobs.ts';
import { createBillingActivities } from './service/activities.ts';
import type { BillingDependencies } from './service/dependencies.ts';
import { createInvoiceService } from './service/invoice.ts';
import { createCustomersInvoices } from './service/portal.ts';
import { createPipeline } from './service/pipeline.ts';
import { createSubscriptionUsageService } from './service/subscription-usage.ts';

interface Needs extends Engines {
  readonly customers: CustomerService;
  readonly subscriptions: SubscriptionService;
  readonly prices: PriceService;
  readonly meters: MeterService;
  readonly features: Pick<FeatureService, 'everOfMeters'>;
  readonly entitlements: Pick<EntitlementService, 'forSubscription'>;
  readonly usage: UsageService;
  readonly delivery: DeliveryService;
}

/** Invoices: drafted when a period closes, computed, finalized. */
export const invoicing = defineModule({
  name: 'invoicing',
  entities,
  build: (app: Needs) => {
    const billing = lazy(
      (): BillingDependencies => ({
        database: app.database,
        clock: app.clock,
        customers: app.customers,
        subscriptions: app.subscriptions,
        prices: app.prices,
        meters: app.meters,
        featuresOfMeters: (ctx, meterIds) => app.features.everOfMeters(ctx, meterIds),
        entitlementsOf: (ctx, subscription) => app.entitlements.forSubscription(ctx, subscription),
        readUsage: (ctx, requests) => app.usage.meterUsages(ctx, requests),
        delivery: { of: (...asked) => app.delivery.of(...asked) },
        pipeline: createPipeline([]),
        onWaiting: () => app.metrics.record('InvoicesWaiting', 1),
        onFailure: ({ id }, { computationState, computationAttempts }, error) =>
          app.logger.warn('an invoice could not be computed', {
            invoice_id: id,
            state: computationState,
            attempts: computationAttempts,
            code: failureCode(error),
            error: String(error),
          }),
        finalizationDelaySeconds: app.config.billing.finalization_delay_seconds,
      }),
    );
    const invoices = lazy(() => createInvoiceService(billing()));
    return {
      invoices,
      invoicing: () => invoices().invoicing,
      subscriptionUsage: () => createSubscriptionUsageService(billing()),
      billingActivities: () =>
        createBillingActivities({
          database: app.database,
          clock: app.clock,
          subscriptions: app.subscriptions,
          invoices: invoices(),
          pageSize: app.config.billing.page_size,
        }),
    };
  },
  routes: (app) => [
    { prefix: '/v1/invoices', load: async () => (await import('./routes/invoices.ts')).invoiceRoutes(app().invoices) },
    {
      prefix: '/v1/subscriptions',
      load: async () =>
        (await import('./routes/subscriptions.ts')).billedSubscriptionRoutes({
          subscriptions: app().subscriptions,
          invoices: app().invoices,
          usage: app().subscriptionUsage,
        }),
    },
  ],
  portalRoutes: (app) => [
    {
      prefix: '/v1/customer/portal',
      load: async () => (await import('./routes/portal.ts')).portalInvoiceRoutes(createCustomersInvoices(app().invoices)),
    },
  ],
  guards: ({ invoices }) => [
    // Its usage is read when the draft is computed, under the external id.
    guard(CUSTOMER, ['delete', 'rename'], 'invoice', async (tx, id) =>
      (await invoices.hasDraftOf(tx, id)) ? 'has an invoice that is still a draft: finalize or void it first' : null,
    ),
  ],
  jobs: invoicingJobs,
  schedules: ({ billing: { sweep_seconds } }) => [
    { id: 'subscription-billing', job: 'billing-sweep', everySeconds: sweep_seconds, input: {} },
  ],
});
