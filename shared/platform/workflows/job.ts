import { DomainError } from '#kernel/errors.ts';

/** How often and how patiently one activity call is repeated. Times in milliseconds. */
export interface RetryPolicy {
  readonly initialIntervalMs: number;
  readonly backoffCoefficient: number;
  readonly maximumIntervalMs: number;
  /** Calls in all, the first one included. */
  readonly maximumAttempts: number;
}

/** The step policy that holds unless a job says otherwise (billing.md section 9). */
export const DEFAULT_RETRY: RetryPolicy = {
  initialIntervalMs: 10_000,
  backoffCoefficient: 2,
  maximumIntervalMs: 300_000,
  maximumAttempts: 3,
};

/**
 * A job is a plain async function over injected activities, and runs unchanged under every driver.
 *
 * `run` orders activities and decides; it does no I/O, reads no clock and draws no random numbers, because Temporal replays it.
 * Activities take and return JSON (or nothing), are idempotent, and throw a 4xx DomainError for what a retry cannot mend.
 */
export interface Job<Activities, Input, Output> {
  /** Kebab case, e.g. `billing-cycle`; also the name of the Temporal workflow type. Never changes once released. */
  readonly name: string;
  /** Policy of each activity call of this job. */
  readonly retry: RetryPolicy;
  /** Time that one attempt of an activity may take. */
  readonly activityTimeoutMs: number;
  /** Longest silence between two heartbeats of an activity. Absent: its activities do not heartbeat. */
  readonly heartbeatTimeoutMs?: number;
  /** Answers the result, or `continueAs(input)` when there is more to do than one run should hold. */
  run(activities: Activities, input: Input): Promise<Output | ContinueAs<Input>>;
}

/** The answer of a run that goes on with another input: a fresh history in Temporal, the next round in process. */
export interface ContinueAs<Input> {
  readonly continueAs: Input;
}

/** Ends this run and starts the next round of the same job, under the same id, with `input`. */
export function continueAs<Input>(input: Input): ContinueAs<Input> {
  return { continueAs: input };
}

export function isContinueAs(output: unknown): output is ContinueAs<unknown> {
  return typeof output === 'object' && output !== null && Object.keys(output).length === 1 && 'continueAs' in output;
}

/** Runs jobs. Two adapters: in process (`local/`) and Temporal (`temporal/`); both pass one contract test. */
export interface JobDriver {
  /**
   * Starts the job unless one with this id is pending, running or completed. A failed one starts again,
   * so that the next sweep mends what an outage broke. The start is durable when the promise resolves.
   */
  start(job: string, workflowId: string, input: unknown): Promise<{ readonly started: boolean }>;
  /** Waits for the result; throws JobFailedError when the job failed, NotFound when nothing was started under this id. */
  result(workflowId: string): Promise<unknown>;
  /** Stops taking work; waits for activities in hand. */
  close(): Promise<void>;
}

/** A job ended without a result. Message and code are those of the activity or of the job that failed. */
export class JobFailedError extends Error {
  readonly workflowId: string;
  /** Code of the DomainError behind it; `internal_error` for anything else. */
  readonly code: string;

  constructor(workflowId: string, code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'JobFailedError';
    this.workflowId = workflowId;
    this.code = code;
  }
}

/**
 * What `run` sees when an activity has failed for good: its attempts are used up, or no attempt can help.
 * A job may catch it to go on with other work; uncaught, it fails the job. The same under both drivers.
 */
export class ActivityFailedError extends Error {
  readonly activity: string;
  /** Code of the DomainError that the activity threw; `internal_error` for anything else. */
  readonly code: string;

  constructor(activity: string, code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ActivityFailedError';
    this.activity = activity;
    this.code = code;
  }
}

/** The code under which an error is recorded and handed on. */
export function failureCode(error: unknown): string {
  return error instanceof DomainError || error instanceof ActivityFailedError ? error.code : 'internal_error';
}

/**
 * Whether another attempt can help. A 4xx DomainError says no, but for the two that ask for a later or a fresh try:
 * a rate limit, and a row that somebody else changed meanwhile.
 */
export function isRetryable(error: unknown): boolean {
  if (!(error instanceof DomainError)) return true;
  return error.httpStatus >= 500 || error.code === 'too_many_requests' || error.code === 'version_conflict';
}

/** The wait before attempt number `attempt + 1`, after `attempt` (from 1) failed. */
export function retryDelayMs(policy: RetryPolicy, attempt: number): number {
  return Math.min(policy.maximumIntervalMs, policy.initialIntervalMs * policy.backoffCoefficient ** (attempt - 1));
}
