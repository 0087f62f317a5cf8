import { register } from '#platform/workflows/registry.ts';
import { BILLING_CYCLE, type BillingCycleActivities, PROCESS_INVOICE } from './billing-cycle.ts';
import { BILLING_SWEEP, type BillingSweepActivities } from './billing-sweep.ts';

interface App {
  readonly billingActivities: BillingCycleActivities & BillingSweepActivities;
}

/** Jobs of billing, for both drivers. */
export const invoicingJobs = [
  register(BILLING_SWEEP, (app: App) => app.billingActivities),
  register(BILLING_CYCLE, (app: App) => app.billingActivities),
  register(PROCESS_INVOICE, (app: App) => app.billingActivities),
];
