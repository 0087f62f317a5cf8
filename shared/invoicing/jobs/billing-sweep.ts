import type { Job } from '#platform/workflows/job.ts';
import { BILLING_STEPS } from './retry.ts';

/** Where a page ended, in JSON; null begins at the front. */
export interface SweepCursor {
  readonly time: string;
  readonly id: string;
}
export interface SweepPage {
  readonly started: number;
  readonly next: SweepCursor | null;
}

export interface BillingSweepActivities {
  /** Starts a billing cycle for each due subscription of one page, in every tenant. */
  startBillingCycles(input: { readonly after: SweepCursor | null }): Promise<SweepPage>;
  /** Starts the processing of each draft that nobody has taken to its end. */
  startStrandedDrafts(input: { readonly after: SweepCursor | null }): Promise<SweepPage>;
}

export interface BillingSweepResult {
  readonly cycles: number;
  readonly drafts: number;
}

/** Most pages of one sweep; the next sweep goes on, as what was started leaves the set. */
const PAGES_PER_SWEEP = 500;

/**
 * Finds what is due and starts it (billing.md 4.4 and 9). Starting is all it does: each subscription runs on its own, and one that
 * fails holds up no other. Ids are made of what is due, so that a second sweep, or one at the same time, starts nothing twice.
 */
export async function runBillingSweep(activities: BillingSweepActivities): Promise<BillingSweepResult> {
  const cycles = await allPages((after) => activities.startBillingCycles({ after }));
  const drafts = await allPages((after) => activities.startStrandedDrafts({ after }));
  return { cycles, drafts };
}

async function allPages(page: (after: SweepCursor | null) => Promise<SweepPage>): Promise<number> {
  let started = 0;
  let after: SweepCursor | null = null;
  for (let pages = 0; pages < PAGES_PER_SWEEP; pages += 1) {
    const answer: SweepPage = await page(after);
    started += answer.started;
    after = answer.next;
    if (after === null) break;
  }
  return started;
}

export const BILLING_SWEEP: Job<BillingSweepActivities, Record<string, never>, BillingSweepResult> = {
  name: 'billing-sweep',
  ...BILLING_STEPS,
  run: runBillingSweep,
};
