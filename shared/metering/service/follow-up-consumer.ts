import { type RequestContext, systemContext } from '#kernel/context.ts';
import { DomainError } from '#kernel/errors.ts';
import type { EventLog, Subscription } from '#platform/event-log/event-log.ts';
import type { EventLogLogger } from '#platform/event-log/log.ts';
import { TOPICS } from '#platform/event-log/topics.ts';
import type { StoredSummary } from '../domain/summary.ts';
import { readSummaries } from './summaries.ts';

export const FOLLOW_UP_GROUP = 'event-follow-up';

export interface FollowUpDependencies {
  readonly eventLog: Pick<EventLog, 'subscribe'>;
  /** What follows from stored events of an environment, by its name. Each may be told the same twice. */
  readonly followers: Readonly<Record<string, (ctx: RequestContext, summaries: readonly StoredSummary[]) => Promise<unknown>>>;
  readonly logger: EventLogLogger;
}

/**
 * Does what follows from stored events, behind their storage and beside the counters: an environment for which something fails holds up
 * no other. Offsets are committed afterwards, so that a crash repeats and loses nothing.
 */
export function startFollowUpConsumer({ eventLog, followers, logger }: FollowUpDependencies): Promise<Subscription> {
  const follow = async (name: string, summaries: readonly StoredSummary[]): Promise<void> => {
    const [{ tenantId, environmentId }] = summaries as readonly [StoredSummary];
    try {
      await followers[name]?.(systemContext(tenantId, environmentId, `follow-up ${name}`), summaries);
    } catch (error) {
      // An engine that is away comes back, and so does a row that somebody else held: the batch comes again. Anything else is this environment's own.
      if (error instanceof DomainError && (error.code === 'service_unavailable' || error.code === 'version_conflict')) throw error;
      logger.error('what follows from stored events failed', { what: name, tenant_id: tenantId, environment_id: environmentId, reason: error instanceof Error ? error.message : String(error) });
    }
  };

  return eventLog.subscribe({
    group: FOLLOW_UP_GROUP,
    topics: [TOPICS.eventsPostProcessing],
    handler: async (batch) => {
      // What cannot be read goes to the dead letters by the counters' group, once.
      for (const summaries of Map.groupBy(readSummaries(batch).summaries, ({ tenantId, environmentId }) => JSON.stringify([tenantId, environmentId])).values()) {
        for (const name of Object.keys(followers)) await follow(name, summaries);
        await batch.heartbeat();
      }
    },
  });
}
