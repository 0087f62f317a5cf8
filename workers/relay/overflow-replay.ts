import { backoffMs } from '#platform/event-log/backoff.ts';
import type { EventLog } from '#platform/event-log/event-log.ts';
import type { EventLogLogger } from '#platform/event-log/log.ts';
import type { Overflow } from '#platform/event-log/overflow.ts';
import { TOPICS } from '#platform/event-log/topics.ts';
import { type Sleep, startPollLoop } from '#platform/workflows/poll-loop.ts';
import { messageOf } from './dependencies.ts';

export interface OverflowReplayDependencies {
  readonly overflow: Pick<Overflow, 'take'>;
  readonly eventLog: Pick<EventLog, 'append' | 'missingTopics'>;
  readonly logger: EventLogLogger;
}

export interface OverflowReplayOptions {
  /** How soon what is laid aside is noticed, and the shortest wait for a log that is away. Default 2 s. */
  readonly pollMs?: number;
  /** The longest wait for a log that is away. Default 60 s. */
  readonly longestMs?: number;
  readonly sleep?: Sleep;
}

/**
 * Brings back into the log what ingest had to lay aside while the log was away. A record may come twice (a crash between the
 * append and its removal); the consumer drops the second copy of an event.
 */
export function startOverflowReplay(
  { overflow, eventLog, logger }: OverflowReplayDependencies,
  { pollMs = 2_000, longestMs = 60_000, ...loopOptions }: OverflowReplayOptions = {},
): { stop(): Promise<void> } {
  const stopping = new AbortController();
  /** Rounds that failed since the log last took something, or answered. */
  let failures = 0;
  let trusted = false;

  /**
   * A queue counts how often a message is received and gives it up after so many times. So nothing is taken out for a log that is not known
   * to be there. While it takes what comes it need not be asked: each question is a connection.
   */
  async function probe(): Promise<void> {
    const missing = await eventLog.missingTopics([TOPICS.events]);
    if (missing.length > 0) throw new Error(`the log has no topic ${missing.join(', ')}`);
    trusted = true;
  }

  const loop = startPollLoop({
    ...loopOptions,
    intervalMs: () => (failures === 0 ? pollMs : backoffMs(failures, { firstMs: pollMs, capMs: longestMs })),
    onError(error) {
      failures += 1;
      trusted = false;
      logger.warn('the overflow could not be replayed, trying again', { reason: messageOf(error), failures });
    },
    async work() {
      if (!trusted) await probe();
      const replayed = await overflow.take((topic, records) => eventLog.append(topic, records), stopping.signal);
      failures = 0;
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
