import type { Client } from '@temporalio/client';
import type { Schedule } from '../schedules.ts';

/** TaskQueueType of Temporal's API: workflow tasks and activity tasks wait in queues of their own. */
const TASK_QUEUE_TYPES = [1, 2] as const;

/** Tasks of a task queue that wait for a worker. Approximate, as the server says. */
export async function taskQueueBacklog(client: Client, taskQueue: string): Promise<number> {
  const { namespace } = client.options;
  const answers = await Promise.all(
    TASK_QUEUE_TYPES.map((taskQueueType) =>
      client.workflowService.describeTaskQueue({ namespace, taskQueue: { name: taskQueue }, taskQueueType, reportStats: true }),
    ),
  );
  return answers.reduce((sum, { stats }) => sum + Number(stats?.approximateBacklogCount ?? 0), 0);
}

/** Starts of these schedules that did not happen since the schedules were made: the previous run was still going, or the server was away for too long. */
export async function missedStarts(client: Client, schedules: readonly Pick<Schedule, 'id'>[]): Promise<number> {
  const described = await Promise.all(schedules.map(({ id }) => client.schedule.getHandle(id).describe()));
  return described.reduce((sum, { info }) => sum + info.numActionsMissedCatchupWindow + info.numActionsSkippedOverlap, 0);
}
