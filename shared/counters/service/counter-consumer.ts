import { chunksOf } from '#kernel/chunks.ts';
import type { Clock } from '#kernel/clock.ts';
import { deadLetterOf } from '#platform/event-log/dead-letter.ts';
import type { EventLog, Subscription } from '#platform/event-log/event-log.ts';
import type { EventLogLogger } from '#platform/event-log/log.ts';
import { dlqOf, TOPICS } from '#platform/event-log/topics.ts';
import { realSleep, type Sleep } from '#platform/workflows/poll-loop.ts';
import type { StoredSummary, TouchedCustomer } from '#kernel/stored-summary.ts';
import type { CounterService } from './counters.ts';
import { apart, byEnvironment } from '#ingestion/service/per-environment.ts';
import { readSummaries } from '#ingestion/service/summaries.ts';

export const COUNTER_GROUP = 'usage-counters';

export interface CounterConsumerDependencies {
  readonly eventLog: Pick<EventLog, 'append' | 'subscribe'>;
  readonly counters: Pick<CounterService, 'refreshTouched'>;
  readonly clock: Clock;
  readonly logger: EventLogLogger;
  /** Shortest time between the starts of two rounds of a partition. Default 1 s. */
  readonly roundMs?: number;
  readonly sleep?: Sleep;
}

/** Customers between two heartbeats. */
const PER_REFRESH = 500;

/**
 * Keeps usage counters up to date with `events_post_processing`: offsets are committed after the counters that a batch touches were
 * read anew, so that a crash repeats the reading and loses none. An environment's records are in one partition, and its rounds at
 * least `roundMs` apart: a busy customer is counted once per round, however many of its events were stored meanwhile.
 */
export function startCounterConsumer({
  eventLog,
  counters,
  clock,
  logger,
  roundMs = 1_000,
  sleep = realSleep,
}: CounterConsumerDependencies): Promise<Subscription> {
  const begun = new Map<number, number>();
  const nextRound = async (partition: number, signal: AbortSignal): Promise<void> => {
    const wait = (begun.get(partition) ?? Number.NEGATIVE_INFINITY) + roundMs - performance.now();
    if (wait > 0) await sleep(wait, signal);
    begun.set(partition, performance.now());
  };

  return eventLog.subscribe({
    group: COUNTER_GROUP,
    topics: [TOPICS.eventsPostProcessing],
    handler: async (batch, signal) => {
      const { summaries, poison } = readSummaries(batch);
      if (poison.length > 0) {
        logger.error('records that cannot be read went to the dead-letter topic', {
          topic: batch.topic,
          partition: batch.partition,
          count: poison.length,
        });
        await eventLog.append(
          dlqOf(TOPICS.eventsPostProcessing),
          poison.map((record) => deadLetterOf(batch, record, clock)),
        );
      }
      await nextRound(batch.partition, signal);
      for (const { summaries: own, ...environment } of byEnvironment(summaries)) {
        for (const customers of chunksOf(touchedBy(own), PER_REFRESH)) {
          // Where it fails for good the reconcile job tries again, and the watermark tells how old the counters are.
          await apart(
            { ...environment, name: 'usage counters', failure: 'usage counters could not be brought up to date' },
            logger,
            (ctx) => counters.refreshTouched(ctx, customers),
          );
          await batch.heartbeat();
        }
      }
    },
  });
}

/** Each customer and event name once, whatever number of an environment's records names it. */
function touchedBy(summaries: readonly StoredSummary[]): TouchedCustomer[] {
  const names = new Map<string, Set<string>>();
  for (const { externalCustomerId, eventNames } of summaries.flatMap(({ customers }) => customers)) {
    names.set(externalCustomerId, new Set([...(names.get(externalCustomerId) ?? []), ...eventNames]));
  }
  return [...names].map(([externalCustomerId, found]) => ({ externalCustomerId, eventNames: [...found] }));
}
