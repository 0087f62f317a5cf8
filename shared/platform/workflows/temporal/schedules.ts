import type { Client, ScheduleHandle, ScheduleOptions } from '@temporalio/client';
import type { Schedule } from '../schedules.ts';

/** Marks the schedules that belong to this table, so that one taken out of it is found again. */
const OWNER_MEMO = 'flexprice_task_queue';

/**
 * Makes Temporal's schedules equal to the table: creates what is missing, updates what changed, deletes what the table no longer has.
 * Safe to repeat and to run in several workers at once.
 */
export async function upsertSchedules(client: Client, schedules: readonly Schedule[], taskQueue: string): Promise<void> {
  const { ScheduleAlreadyRunning } = await import('@temporalio/client');
  for (const schedule of schedules) {
    const options = scheduleOptions(schedule, taskQueue);
    try {
      const created = await client.schedule.create(options);
      // As in process, a fresh deployment does not wait for the first interval. (The option of `create` would ignore the overlap policy.)
      await created.trigger('SKIP');
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
      await update(client.schedule.getHandle(schedule.id), options);
    }
  }
  const wanted = new Set(schedules.map(({ id }) => id));
  for await (const { scheduleId, memo } of client.schedule.list()) {
    if (memo?.[OWNER_MEMO] === taskQueue && !wanted.has(scheduleId)) await client.schedule.getHandle(scheduleId).delete();
  }
}

function scheduleOptions({ id, job, everySeconds, input }: Schedule, taskQueue: string): ScheduleOptions {
  return {
    scheduleId: id,
    spec: { intervals: [{ every: everySeconds * 1000 }] },
    action: { type: 'startWorkflow', workflowType: job, workflowId: id, taskQueue, args: [input] },
    policies: { overlap: 'SKIP', catchupWindow: '1 minute' },
    memo: { [OWNER_MEMO]: taskQueue },
  };
}

async function update(handle: ScheduleHandle, options: ScheduleOptions): Promise<void> {
  // A paused schedule stays paused: whoever paused it had a reason.
  await handle.update(({ state }) => ({ spec: options.spec, action: options.action, policies: options.policies ?? {}, state }));
}
