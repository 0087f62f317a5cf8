import { ActivityFailedError, type ContinueAs, continueAs, type Job } from '#platform/workflows/job.ts';
import { BILLING_STEPS } from './retry.ts';

/** A subscription of a tenant's environment, in JSON. */
export interface BillingCycleInput {
  readonly tenantId: string;
  readonly environmentId: string;
  readonly subscriptionId: string;
  /** The end of the period that was found to be over, RFC 3339: the job is not done before that one is closed. */
  readonly periodEnd?: string;
}
export interface InvoiceInput {
  readonly tenantId: string;
  readonly environmentId: string;
  readonly invoiceId: string;
  /** The time at which the draft was to be looked at, RFC 3339: the job is not done while that time stands. */
  readonly dueAt?: string;
}

export interface ProcessedInvoice {
  readonly invoiceStatus: string;
  /** Why this try came to nothing; null when it did not. */
  readonly failure: 'failed' | 'engine_away' | null;
}

export interface BillingCycleActivities {
  /**
   * Closes the oldest period that is over: its draft and the step to the next period, in one transaction. Null when none is over.
   * Throws `service_unavailable` when the period that the input names is not over by the clock of this process.
   */
  closePeriod(input: BillingCycleInput): Promise<{ readonly invoiceId: string } | null>;
  /**
   * Takes a draft a step on: computes it, finalizes it when it is due. What keeps it from that is kept on the draft with the time of the
   * next try, and is no failure of the activity. Throws `service_unavailable` when the input names a time that is not there yet.
   */
  processInvoice(input: InvoiceInput): Promise<ProcessedInvoice>;
}

export interface BillingCycleResult {
  readonly invoices: number;
  /** Those among them that could not be computed yet: the sweep takes them up again. */
  readonly unfinished: number;
}

/** Periods that one run closes; the rest of a long catch-up goes on in a fresh one. */
const PERIODS_PER_RUN = 100;

/**
 * Closes all periods of a subscription that are over, oldest first, and takes the invoice of each to its end (billing.md 4.4).
 * An invoice that cannot be computed does not hold up the periods after it: it stays a draft that says why, which the sweep takes up
 * again. With an engine away the later periods are only closed, as their invoices would fail, too.
 */
export async function runBillingCycle(
  activities: BillingCycleActivities,
  input: BillingCycleInput,
): Promise<BillingCycleResult | ContinueAs<BillingCycleInput>> {
  const { tenantId, environmentId } = input;
  let unfinished = 0;
  let isEngineAway = false;
  for (let invoices = 0; invoices < PERIODS_PER_RUN; invoices += 1) {
    const closed = await activities.closePeriod(input);
    if (closed === null) return { invoices, unfinished };
    const failure: ProcessedInvoice['failure'] = isEngineAway
      ? 'engine_away'
      : await failureOf(activities, { tenantId, environmentId, invoiceId: closed.invoiceId });
    isEngineAway = failure === 'engine_away';
    if (failure !== null) unfinished += 1;
  }
  return continueAs(input);
}

async function failureOf(activities: BillingCycleActivities, input: InvoiceInput): Promise<ProcessedInvoice['failure']> {
  try {
    // Histories of the release before hold answers without it.
    return (await activities.processInvoice(input)).failure ?? null;
  } catch (error) {
    if (!(error instanceof ActivityFailedError) || error.code === 'service_unavailable') throw error;
    return 'failed';
  }
}

export const BILLING_CYCLE: Job<BillingCycleActivities, BillingCycleInput, BillingCycleResult> = {
  name: 'billing-cycle',
  ...BILLING_STEPS,
  run: runBillingCycle,
};

export interface ProcessInvoiceActivities {
  processInvoice: BillingCycleActivities['processInvoice'];
}

/** Takes one draft to its end: those that the run which made them did not finish. */
export const PROCESS_INVOICE: Job<ProcessInvoiceActivities, InvoiceInput, ProcessedInvoice> = {
  name: 'process-invoice',
  ...BILLING_STEPS,
  run: (activities, input) => activities.processInvoice(input),
};
