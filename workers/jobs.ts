import type { App } from '#app';
import { BILLING_CYCLE, PROCESS_INVOICE } from '#billing/jobs/billing-cycle.ts';
import { BILLING_SWEEP } from '#billing/jobs/billing-sweep.ts';
import { REPROCESS_EVENTS } from '#metering/jobs/reprocess-events.ts';
import { RECONCILE_COUNTERS } from '#metering/jobs/reconcile-counters.ts';
import { CUSTOMER_ONBOARDING } from '#onboarding/jobs/customer-onboarding.ts';
import { type RegisteredJob, register } from '#platform/workflows/registry.ts';

/**
 * All jobs of the product, for both drivers: one line each. Read in Temporal's workflow sandbox too, so it imports job functions
 * and types only; the activities are reached through the app.
 */
export const JOBS: readonly RegisteredJob<App>[] = [
  register(BILLING_SWEEP, (app: App) => app.billingActivities),
  register(BILLING_CYCLE, (app: App) => app.billingActivities),
  register(PROCESS_INVOICE, (app: App) => app.billingActivities),
  register(REPROCESS_EVENTS, (app: App) => app.meteringActivities),
  register(RECONCILE_COUNTERS, (app: App) => app.meteringActivities),
  register(CUSTOMER_ONBOARDING, (app: App) => app.onboardingActivities),
];
