import { ActivityFailedError, type ContinueAs, continueAs, type Job } from '#platform/workflows/job.ts';
import type { ReprocessPosition } from '../domain/reprocess.ts';

/** A run and how far it has come, in JSON. What it takes stands in its row. */
export interface ReprocessInput {
  readonly tenantId: string;
  readonly environmentId: string;
  readonly reprocessId: string;
  /** Absent: from the front. */
  readonly after?: ReprocessPosition;
  readonly processed?: number;
}

export interface ReprocessActivities {
  /**
   * Stages the events of the page behind `after` for post-processing and notes the progress; `after` of the answer is null when there are no
   * more. Repeated, it stages the same page again and notes the same progress.
   */
  reprocessPage(input: ReprocessInput): Promise<{ readonly processed: number; readonly after: ReprocessPosition | null }>;
  /** Notes that the run has ended without having come to its end. */
  failReprocess(input: ReprocessInput & { readonly reason: string }): Promise<void>;
}

export interface ReprocessResult {
  readonly processed: number;
}

/**
 * Takes stored events through post-processing again, a page per round, so that a run that was cut off goes on with its last page
 * (metering.md 11). It writes nothing but what consumers of that stream take any number of times: no number depends on it.
 */
export async function runReprocess(
  activities: ReprocessActivities,
  input: ReprocessInput,
): Promise<ReprocessResult | ContinueAs<ReprocessInput>> {
  try {
    const { processed, after } = await activities.reprocessPage(input);
    return after === null ? { processed } : continueAs({ ...input, after, processed });
  } catch (error) {
    // Anything else is the driver's, such as the end of its process: the run goes on.
    if (error instanceof ActivityFailedError) await activities.failReprocess({ ...input, reason: error.message });
    throw error;
  }
}

/** An engine that is away is waited for about half an hour: what is derived again is not urgent. */
const RETRY = { initialIntervalMs: 1_000, backoffCoefficient: 2, maximumIntervalMs: 60_000, maximumAttempts: 35 } as const;

export const REPROCESS_EVENTS: Job<ReprocessActivities, ReprocessInput, ReprocessResult> = {
  name: 'reprocess-events',
  retry: RETRY,
  activityTimeoutMs: 300_000,
  heartbeatTimeoutMs: 120_000,
  run: runReprocess,
};
