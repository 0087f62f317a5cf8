import type { EventLog } from '#platform/event-log/event-log.ts';
import type { EventLogLogger } from '#platform/event-log/log.ts';
import type { Overflow } from '#platform/event-log/overflow.ts';
import { startPollLoop } from '#platform/workflows/poll-loop.ts';
import { messageOf } from './dependencies.ts';

export interface OverflowReplayDependencies {
  readonly overflow: Pick<Overflow, 'take'>;
  readonly eventLog: Pick<EventLog, 'append'>;
  readonly logger: EventLogLogger;
}

/**
 * Brings back into the log what ingest had to lay aside while the log was away. A record may come twice (a crash between the
 * append and its removal); the consumer drops the second copy of an event.
 */
export function startOverflowReplay(
  { overflow, eventLog, logger }: OverflowReplayDependencies,
  { pollMs = 2_000 }: { readonly pollMs?: number } = {},
): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const loop = startPollLoop({
    intervalMs: pollMs,
    onError: (error) => logger.warn('the overflow could not be replayed, trying again', { reason: messageOf(error) }),
    async work() {
      const replayed = await overflow.take((topic, records) => eventLog.append(topic, records), stopping.signal);
      if (replayed > 0) logger.info('records replayed from the overflow', { count: replayed });
      return false;
    },
  });
  return {
    stop: () => {
      stopping.abort();
      return loop.stop();
    },
  };
}
