import type { Clock } from '#kernel/clock.ts';
import { systemContext } from '#kernel/context.ts';
import { DomainError } from '#kernel/errors.ts';
import { deadLetterOf } from '#platform/event-log/dead-letter.ts';
import type { EventLog, Subscription } from '#platform/event-log/event-log.ts';
import type { EventLogLogger } from '#platform/event-log/log.ts';
import { dlqOf, TOPICS } from '#platform/event-log/topics.ts';
import { realSleep, type Sleep } from '#platform/workflows/poll-loop.ts';
import type { TouchedCustomer } from '../domain/counter.ts';
import type { StoredSummary } from '../domain/summary.ts';
import type { CounterService } from './counters.ts';
import { readSummaries } from './summaries.ts';

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

interface Touched { readonly tenantId: string; readonly environmentId: string; readonly customers: readonly TouchedCustomer[] }

/**
 * Keeps usage counters up to date with `events_post_processing`: offsets are committed after the counters that a batch touches were
 * read anew, so that a crash repeats the reading and loses none. An environment's records are in one partition, and its rounds at
 * least `roundMs` apart: a busy customer is counted once per round, however many of its events were stored meanwhile.
 */
export function startCounterConsumer({ eventLog, counters, clock, logger, roundMs = 1_000, sleep = realSleep }: CounterConsumerDependencies): Promise<Subscription> {
  const begun = new Map<number, number>();
  const nextRound = async (partition: number, signal: AbortSignal): Promise<void> => {
    const wait = (begun.get(partition) ?? Number.NEGATIVE_INFINITY) + roundMs - performance.now();
    if (wait > 0) await sleep(wait, signal);
    begun.set(partition, performance.now());
  };

  const refresh = async ({ tenantId, environmentId, customers }: Touched): Promise<void> => {
    try {
      await counters.refreshTouched(systemContext(tenantId, environmentId, 'usage counters'), customers);
    } catch (error) {
      // An engine that is away comes back, and so does a row that somebody else held: the batch comes again. What one environment alone has wrong must not hold up the
      // others: the reconcile job tries again, and the watermark tells how old its counters are.
      if (error instanceof DomainError && (error.code === 'service_unavailable' || error.code === 'version_conflict')) throw error;
      logger.error('usage counters could not be brought up to date', { tenant_id: tenantId, environment_id: environmentId, reason: error instanceof Error ? error.message : String(error) });
    }
  };

  return eventLog.subscribe({
    group: COUNTER_GROUP,
    topics: [TOPICS.eventsPostProcessing],
    handler: async (batch, signal) => {
      const { summaries, poison } = readSummaries(batch);
      if (poison.length > 0) {
        logger.error('records that cannot be read went to the dead-letter topic', { topic: batch.topic, partition: batch.partition, count: poison.length });
        await eventLog.append(dlqOf(TOPICS.eventsPostProcessing), poison.map((record) => deadLetterOf(batch, record, clock)));
      }
      await nextRound(batch.partition, signal);
      for (const { customers, ...environment } of touchedBy(summaries)) {
        for (let from = 0; from < customers.length; from += PER_REFRESH) {
          await refresh({ ...environment, customers: customers.slice(from, from + PER_REFRESH) });
          await batch.heartbeat();
        }
      }
    },
  });
}

/** Each environment, customer and event name once, whatever number of records names it. */
function touchedBy(summaries: readonly StoredSummary[]): Touched[] {
  return [...Map.groupBy(summaries, ({ tenantId, environmentId }) => JSON.stringify([tenantId, environmentId])).values()].map((own) => {
    const [{ tenantId, environmentId }] = own as [StoredSummary];
    const names = new Map<string, Set<string>>();
    for (const { externalCustomerId, eventNames } of own.flatMap(({ customers }) => customers)) {
      names.set(externalCustomerId, new Set([...(names.get(externalCustomerId) ?? []), ...eventNames]));
    }
    return { tenantId, environmentId, customers: [...names].map(([externalCustomerId, found]) => ({ externalCustomerId, eventNames: [...found] })) };
  });
}
