import { AsyncLocalStorage } from 'node:async_hooks';

/** What an activity may know of the engine that runs it. */
export interface ActivityContext {
  readonly workflowId: string;
  /** Counts from 1. */
  readonly attempt: number;
  /** Aborted when the attempt timed out or the process stops. */
  readonly signal: AbortSignal;
  /** Says that the activity is alive; needed between the parts of a long one whose job sets `heartbeatTimeoutMs`. */
  heartbeat(): void;
}

const storage = new AsyncLocalStorage<ActivityContext>();

/** Runs an activity with its context in reach of `currentActivity`. For drivers. */
export function runInActivity<Result>(context: ActivityContext, run: () => Promise<Result>): Promise<Result> {
  return storage.run(context, run);
}

/** The context of the running activity; outside of one (a service called by a request) there is none. */
export function currentActivity(): ActivityContext | undefined {
  return storage.getStore();
}
