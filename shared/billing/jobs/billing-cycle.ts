import { type ContinueAs, continueAs, type Job } from '#platform/workflows/job.ts';
import { BILLING_STEPS } from './retry.ts';

/** A subscription of a tenant's environment, in JSON. */
export interface BillingCycleInput { readonly tenantId: string; readonly environmentId: string; readonly subscriptionId: string }
export interface InvoiceInput { readonly tenantId: string; readonly environmentId: string; readonly invoiceId: string }

export interface BillingCycleActivities {
  /** Closes the oldest period that is over: its draft and the step to the next period, in one transaction. Null when none is over. */
  closePeriod(input: BillingCycleInput): Promise<{ readonly invoiceId: string } | null>;
  /** Computes and finalizes the invoice; nothing when that is done, or not due yet. */
  processInvoice(input: InvoiceInput): Promise<{ readonly invoiceStatus: string }>;
}

export interface BillingCycleResult { readonly invoices: number }

/** Periods that one run closes; the rest of a long catch-up goes on in a fresh one. */
const PERIODS_PER_RUN = 100;

/** Closes all periods of a subscription that are over, oldest first, and takes the invoice of each to its end (billing.md 4.4). */
export async function runBillingCycle(activities: BillingCycleActivities, input: BillingCycleInput): Promise<BillingCycleResult | ContinueAs<BillingCycleInput>> {
  const { tenantId, environmentId } = input;
  for (let invoices = 0; invoices < PERIODS_PER_RUN; invoices += 1) {
    const closed = await activities.closePeriod(input);
    if (closed === null) return { invoices };
    await activities.processInvoice({ tenantId, environmentId, invoiceId: closed.invoiceId });
  }
  return continueAs(input);
}

export const BILLING_CYCLE: Job<BillingCycleActivities, BillingCycleInput, BillingCycleResult> = { name: 'billing-cycle', ...BILLING_STEPS, run: runBillingCycle };

export interface ProcessInvoiceActivities { processInvoice: BillingCycleActivities['processInvoice'] }

/** Takes one draft to its end: those that the run which made them did not finish. */
export const PROCESS_INVOICE: Job<ProcessInvoiceActivities, InvoiceInput, { readonly invoiceStatus: string }> = {
  name: 'process-invoice', ...BILLING_STEPS, run: (activities, input) => activities.processInvoice(input),
};
