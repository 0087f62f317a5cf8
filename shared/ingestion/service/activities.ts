import { systemContext } from '#kernel/context.ts';
import { currentActivity } from '#platform/workflows/activity-context.ts';
import type { ReprocessActivities } from '../jobs/reprocess-events.ts';
import type { ReprocessService } from './reprocess.ts';

/** What the job of a reprocess does, in the tenant that its input names. Each may be repeated. */
export function createIngestionActivities(reprocess: () => ReprocessService): ReprocessActivities {
  const contextOf = ({ tenantId, environmentId }: { tenantId: string; environmentId: string }) =>
    systemContext(tenantId, environmentId, currentActivity()?.workflowId ?? 'reprocess');
  const heartbeat = (): void => currentActivity()?.heartbeat();

  return {
    reprocessPage: (input) =>
      reprocess().page(contextOf(input), input.reprocessId, { after: input.after ?? null, processed: input.processed ?? 0 }, heartbeat),
    failReprocess: (input) => reprocess().fail(contextOf(input), input.reprocessId, input.reason),
  };
}
