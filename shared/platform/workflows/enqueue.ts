import type { Clock } from '#kernel/clock.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import { appendSystemEvent } from '#platform/postgres/outbox.ts';

/** Name of the outbox rows that start jobs; the relay hands them to the job driver and does not publish them. */
export const JOB_START = 'job.start';

export interface JobStart {
  readonly job: string;
  /**
   * Made of what the job is about, such as `billing-cycle-<subscription>-<period end>`: started twice, it runs once.
   * It must name the tenant's own entity, because ids of all tenants share one space.
   */
  readonly workflowId: string;
  readonly input: unknown;
}

/** Starts a job when the running transaction commits, and not when it rolls back. */
export async function enqueueJob(tx: TenantTransaction, clock: Clock, { job, workflowId, input }: JobStart): Promise<void> {
  await appendSystemEvent(tx, clock, {
    eventName: JOB_START,
    entityType: 'job',
    entityId: workflowId,
    payload: { job, workflow_id: workflowId, input },
  });
}
