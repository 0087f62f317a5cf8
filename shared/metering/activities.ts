import { systemContext } from '#kernel/context.ts';
import { currentActivity } from '#platform/workflows/activity-context.ts';
import type { ReconcileActivities } from './jobs/reconcile-counters.ts';
import type { ReprocessActivities } from './jobs/reprocess-events.ts';
import type { CounterService } from './service/counters.ts';
import type { ReprocessService } from './service/reprocess.ts';

export interface MeteringActivityDependencies {
  readonly reprocess: () => ReprocessService;
  readonly counters: () => Pick<CounterService, 'reconcile' | 'forget'>;
}

/** What the jobs of metering do, in the tenant that the input names or over all of them. Each may be repeated. */
export function createMeteringActivities({ reprocess, counters }: MeteringActivityDependencies): ReprocessActivities & ReconcileActivities {
  const contextOf = ({ tenantId, environmentId }: { tenantId: string; environmentId: string }) =>
    systemContext(tenantId, environmentId, currentActivity()?.workflowId ?? 'metering');
  const heartbeat = (): void => currentActivity()?.heartbeat();

  return {
    reprocessPage: (input) =>
      reprocess().page(contextOf(input), input.reprocessId, { after: input.after ?? null, processed: input.processed ?? 0 }, heartbeat),
    failReprocess: (input) => reprocess().fail(contextOf(input), input.reprocessId, input.reason),
    reconcileCounters: ({ after }) => counters().reconcile(after),
    forgetCounters: () => counters().forget(),
  };
}
