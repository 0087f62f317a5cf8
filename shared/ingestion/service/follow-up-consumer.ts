import type { RequestContext } from '#kernel/context.ts';
import type { EventLog, Subscription } from '#platform/event-log/event-log.ts';
import type { EventLogLogger } from '#platform/event-log/log.ts';
import { TOPICS } from '#platform/event-log/topics.ts';
import type { StoredSummary } from '#kernel/stored-summary.ts';
import { apart, byEnvironment } from './per-environment.ts';
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
  return eventLog.subscribe({
    group: FOLLOW_UP_GROUP,
    topics: [TOPICS.eventsPostProcessing],
    handler: async (batch) => {
      // What cannot be read goes to the dead letters by the counters' group, once.
      for (const { summaries, ...environment } of byEnvironment(readSummaries(batch).summaries)) {
        for (const [what, follow] of Object.entries(followers)) {
          await apart(
            { ...environment, name: `follow-up ${what}`, failure: 'what follows from stored events failed', fields: { what } },
            logger,
            (ctx) => follow(ctx, summaries),
          );
        }
        await batch.heartbeat();
      }
    },
  });
}
