import { runInActivity } from '../activity-context.ts';
import { ActivityFailedError, failureCode, isRetryable, type Job, retryDelayMs } from '../job.ts';
import type { Sleep } from '../poll-loop.ts';
import type { Activities, Activity } from '../registry.ts';

/** Thrown into a run whose process stops: the run is put back and resumed later, so nothing counts as failed. */
export class RunInterrupted extends Error {
  constructor() {
    super('the process is stopping; the run is resumed by the next one');
    this.name = 'RunInterrupted';
  }
}

export interface ActivityRunnerOptions {
  readonly workflowId: string;
  readonly sleep: Sleep;
  /** Aborts when the driver stops: attempts in hand finish, no new one begins. */
  readonly stopping: AbortSignal;
  /** Called before RunInterrupted is thrown: the job may catch that, and its result must not count then. */
  onInterrupt(): void;
}

type StepPolicy = Pick<Job<never, never, never>, 'retry' | 'activityTimeoutMs' | 'heartbeatTimeoutMs'>;

/** The activities as a job calls them in process: retried by the job's policy, timed out, JSON on both sides as in Temporal. */
export function retryingActivities(activities: Activities, policy: StepPolicy, options: ActivityRunnerOptions): Activities {
  return Object.fromEntries(
    Object.entries(activities).map(([name, activity]) => [name, (input: unknown) => callActivity(name, activity, input, policy, options)]),
  );
}

async function callActivity(
  name: string,
  activity: Activity,
  input: unknown,
  policy: StepPolicy,
  options: ActivityRunnerOptions,
): Promise<unknown> {
  for (let attempt = 1; ; attempt += 1) {
    if (options.stopping.aborted) {
      options.onInterrupt();
      throw new RunInterrupted();
    }
    try {
      return asJson(await attemptActivity(activity, asJson(input), attempt, policy, options));
    } catch (error) {
      if (!isRetryable(error) || attempt >= policy.retry.maximumAttempts) {
        throw new ActivityFailedError(name, failureCode(error), messageOf(error), { cause: error });
      }
    }
    await options.sleep(retryDelayMs(policy.retry, attempt), options.stopping);
  }
}

async function attemptActivity(
  activity: Activity,
  input: unknown,
  attempt: number,
  policy: StepPolicy,
  options: ActivityRunnerOptions,
): Promise<unknown> {
  const controller = new AbortController();
  const timedOut = Promise.withResolvers<never>();
  const expire = (what: string, ms: number) =>
    setTimeout(() => {
      const error = new Error(`${what} of ${ms} ms passed`);
      controller.abort(error);
      timedOut.reject(error);
    }, ms);
  const wholeTimer = expire('the time of one attempt', policy.activityTimeoutMs);
  const silence = policy.heartbeatTimeoutMs;
  let silenceTimer = silence === undefined ? undefined : expire('the heartbeat time-out', silence);
  const heartbeat = () => {
    if (silence === undefined || controller.signal.aborted) return;
    clearTimeout(silenceTimer);
    silenceTimer = expire('the heartbeat time-out', silence);
  };
  const signal = AbortSignal.any([controller.signal, options.stopping]);
  try {
    // An attempt that timed out may still be running: activities are idempotent, and the next attempt repeats the work.
    return await Promise.race([
      runInActivity({ workflowId: options.workflowId, attempt, signal, heartbeat }, () => activity(input)),
      timedOut.promise,
    ]);
  } finally {
    clearTimeout(wholeTimer);
    clearTimeout(silenceTimer);
  }
}

/** What the value looks like after a trip through the history of a workflow; `undefined` stays. */
export function asJson(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
