import {
  ActivityFailure,
  ApplicationFailure,
  ContinueAsNew,
  continueAsNew,
  isCancellation,
  proxyActivities,
  proxySinks,
  type Sinks,
  TemporalFailure,
  workflowInfo,
} from '@temporalio/workflow';
import { ActivityFailedError, failureCode, isContinueAs, type Job } from '../job.ts';
import { type Activities, type Activity, findJob, type RegisteredJob } from '../registry.ts';
import { activityType } from './names.ts';

/** What the workflows tell the process that runs them; the sandbox has no other way out. */
export interface JobSinks extends Sinks {
  readonly jobs: { started(): void; failed(): void };
}

const { jobs: told } = proxySinks<JobSinks>();

/**
 * The one workflow function behind all job types: it finds the job by the type under which it was started and runs it over
 * Temporal's activities. It is evaluated in the workflow sandbox and must import nothing that does I/O.
 */
export function jobWorkflow<App>(jobs: readonly RegisteredJob<App>[]): (input: unknown) => Promise<unknown> {
  return async (input) => {
    const { job } = findJob(jobs, workflowInfo().workflowType);
    told.started();
    try {
      const output = await job.run(remoteActivities(job), input);
      return isContinueAs(output) ? await continueAsNew(output.continueAs) : output;
    } catch (error) {
      if (!(error instanceof ContinueAsNew || isCancellation(error))) told.failed();
      // Anything but a Temporal failure would be retried as a broken task for ever; a job that failed is to say so, as it does in process.
      if (error instanceof TemporalFailure || error instanceof ContinueAsNew) throw error;
      throw ApplicationFailure.create({
        type: failureCode(error),
        message: error instanceof Error ? error.message : String(error),
        nonRetryable: true,
      });
    }
  };
}

function remoteActivities(job: Job<Activities, unknown, unknown>): Activities {
  const { retry, activityTimeoutMs, heartbeatTimeoutMs } = job;
  const remote = proxyActivities<Record<string, Activity>>({
    startToCloseTimeout: activityTimeoutMs,
    ...(heartbeatTimeoutMs === undefined ? {} : { heartbeatTimeout: heartbeatTimeoutMs }),
    retry: {
      initialInterval: retry.initialIntervalMs,
      backoffCoefficient: retry.backoffCoefficient,
      maximumInterval: retry.maximumIntervalMs,
      maximumAttempts: retry.maximumAttempts,
    },
  });
  return new Proxy({} as Activities, {
    get: (_, name) => (typeof name === 'string' ? (input: unknown) => callActivity(remote, job.name, name, input) : undefined),
  });
}

async function callActivity(remote: Record<string, Activity>, job: string, name: string, input: unknown): Promise<unknown> {
  try {
    return await remote[activityType(job, name)]?.(input);
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    const { cause } = error;
    const code = cause instanceof ApplicationFailure ? (cause.type ?? 'internal_error') : 'internal_error';
    throw new ActivityFailedError(name, code, cause?.message ?? error.message, { cause: error });
  }
}
