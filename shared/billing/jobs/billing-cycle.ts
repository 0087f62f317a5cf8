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
  /** The version that was found to need work: the job is not done while the draft is still that one. */
  readonly version?: number;
}

export interface BillingCycleActivities {
  /**
   * Closes the oldest period that is over: its draft and the step to the next period, in one transaction. Null when none is over.
   * Throws `service_unavailable` when the period that the input names is not over by the clock of this process.
   */
  closePeriod(input: BillingCycleInput): Promise<{ readonly invoiceId: string } | null>;
  /**
   * Computes and finalizes the invoice; nothing when that is done, or not due yet. Throws `service_unavailable` when the input names
   * a version and nothing could be done about it.
   */
  processInvoice(input: InvoiceInput): Promise<{ readonly invoiceStatus: string }>;
}

export interface BillingCycleResult {
  readonly invoices: number;
}

/** Periods that one run closes; the rest of a long catch-up goes on in a fresh one. */
const PERIODS_PER_RUN = 100;
/** Invoices that may fail before a run leaves the rest of its periods to the next sweep: each takes its retries. */
const FAILURES_PER_RUN = 10;

/**
 * Closes all periods of a subscription that are over, oldest first, and takes the invoice of each to its end (billing.md 4.4).
 * An invoice that cannot be computed does not hold up the periods after it: it stays a draft, which the sweep takes up again, and
 * the run fails at its end, so that somebody hears of it.
 */
export async function runBillingCycle(
  activities: BillingCycleActivities,
  input: BillingCycleInput,
): Promise<BillingCycleResult | ContinueAs<BillingCycleInput>> {
  const { tenantId, environmentId } = input;
  const failures: ActivityFailedError[] = [];
  for (let invoices = 0; invoices < PERIODS_PER_RUN; invoices += 1) {
    const closed = await activities.closePeriod(input);
    if (closed === null) return failures.length === 0 ? { invoices } : fail(failures);
    try {
      await activities.processInvoice({ tenantId, environmentId, invoiceId: closed.invoiceId });
    } catch (error) {
      // With an engine away all that follows would fail, too; the next sweep goes on where this run ends.
      if (!(error instanceof ActivityFailedError) || error.code === 'service_unavailable') throw error;
      failures.push(error);
      if (failures.length === FAILURES_PER_RUN) return fail(failures);
    }
  }
  return failures.length === 0 ? continueAs(input) : fail(failures);
}

function fail(failures: readonly ActivityFailedError[]): never {
  const [first] = failures as readonly [ActivityFailedError];
  throw new ActivityFailedError(
    first.activity,
    first.code,
    `${failures.length} of the invoices could not be processed, the first of them: ${first.message}`,
    { cause: first },
  );
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
export const PROCESS_INVOICE: Job<ProcessInvoiceActivities, InvoiceInput, { readonly invoiceStatus: string }> = {
  name: 'process-invoice',
  ...BILLING_STEPS,
  run: (activities, input) => activities.processInvoice(input),
};
