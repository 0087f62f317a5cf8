import { ApplicationFailure, Context } from '@temporalio/activity';
import { runInActivity } from '../activity-context.ts';
import { failureCode, isRetryable } from '../job.ts';
import type { Activity, RegisteredJob } from '../registry.ts';
import { activityType } from './names.ts';

/** The activities of all jobs as a Temporal worker registers them. */
export function temporalActivities<App>(jobs: readonly RegisteredJob<App>[], app: App): Record<string, Activity> {
  return Object.fromEntries(
    jobs.flatMap(({ job, activities }) =>
      Object.entries(activities(app)).map(([name, activity]) => [activityType(job.name, name), asTemporal(activity)]),
    ),
  );
}

function asTemporal(activity: Activity): Activity {
  return async (input) => {
    const { info, cancellationSignal, heartbeat } = Context.current();
    const workflowId = info.workflowExecution?.workflowId ?? '';
    try {
      return await runInActivity({ workflowId, attempt: info.attempt, signal: cancellationSignal, heartbeat: () => heartbeat() }, () =>
        activity(input),
      );
    } catch (error) {
      if (error instanceof ApplicationFailure || cancellationSignal.aborted) throw error;
      throw ApplicationFailure.create({
        type: failureCode(error),
        message: error instanceof Error ? error.message : String(error),
        nonRetryable: !isRetryable(error),
        ...(error instanceof Error ? { cause: error } : {}),
      });
    }
  };
}
