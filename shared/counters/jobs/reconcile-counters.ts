import { ActivityFailedError, DEFAULT_RETRY, type Job } from '#platform/workflows/job.ts';

/** Where a page ended, in JSON; null begins at the front. */
export interface CounterPageCursor {
  readonly time: string;
  readonly id: string;
}

export interface ReconcileActivities {
  /** Reads one page of old counters anew, in every tenant. `failures` says what went wrong, one line per environment. */
  reconcileCounters(input: {
    readonly after: CounterPageCursor | null;
  }): Promise<{ readonly read: number; readonly failures: readonly string[]; readonly next: CounterPageCursor | null }>;
  /** Deletes counters that are of no use any more, a bounded number. */
  forgetCounters(): Promise<{ readonly deleted: number; readonly more: boolean }>;
}

export interface ReconcileResult {
  readonly read: number;
  readonly deleted: number;
}

/** Most pages and rounds of one run; the next run goes on. */
const PAGES_PER_RUN = 500;

/**
 * Deletes usage counters of closed windows, and reads those anew that nobody has read for a while: whatever made one of them
 * wrong or kept it behind is mended. An environment that fails holds up no other, and the run says so at its end.
 */
export async function runReconcileCounters(activities: ReconcileActivities): Promise<ReconcileResult> {
  let deleted = 0;
  for (let rounds = 0; rounds < PAGES_PER_RUN; rounds += 1) {
    const round = await activities.forgetCounters();
    deleted += round.deleted;
    if (!round.more) break;
  }
  const failures: string[] = [];
  let read = 0;
  let after: CounterPageCursor | null = null;
  for (let pages = 0; pages < PAGES_PER_RUN; pages += 1) {
    const page = await activities.reconcileCounters({ after });
    read += page.read;
    failures.push(...page.failures);
    after = page.next;
    if (after === null) break;
  }
  if (failures.length > 0)
    throw new ActivityFailedError(
      'reconcileCounters',
      'internal_error',
      `the usage counters of ${failures.length} environments could not be read, the first of them: ${failures[0]}`,
    );
  return { read, deleted };
}

export const RECONCILE_COUNTERS: Job<ReconcileActivities, Record<string, never>, ReconcileResult> = {
  name: 'reconcile-counters',
  retry: DEFAULT_RETRY,
  activityTimeoutMs: 300_000,
  run: runReconcileCounters,
};
