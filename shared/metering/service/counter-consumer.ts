import * as z from 'zod';
import type { Clock } from '#kernel/clock.ts';
import { systemContext } from '#kernel/context.ts';
import { DomainError } from '#kernel/errors.ts';
import { deadLetterOf } from '#platform/event-log/dead-letter.ts';
import type { EventLog, LogBatch, LogMessage, LogRecord, Subscription } from '#platform/event-log/event-log.ts';
import type { EventLogLogger } from '#platform/event-log/log.ts';
import { dlqOf, HEADERS, TOPICS } from '#platform/event-log/topics.ts';
import { realSleep, type Sleep } from '#platform/workflows/poll-loop.ts';
import type { TouchedCustomer } from '../domain/counter.ts';
import type { CounterService } from './counters.ts';

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

const Stored = z.object({ customers: z.array(z.object({ external_customer_id: z.string(), event_names: z.array(z.string()) })) });

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
      const { touched, poison } = readBatch(batch, clock);
      if (poison.length > 0) {
        logger.error('records that cannot be read went to the dead-letter topic', { topic: batch.topic, partition: batch.partition, count: poison.length });
        await eventLog.append(dlqOf(TOPICS.eventsPostProcessing), poison);
      }
      await nextRound(batch.partition, signal);
      for (const { customers, ...environment } of touched) {
        for (let from = 0; from < customers.length; from += PER_REFRESH) {
          await refresh({ ...environment, customers: customers.slice(from, from + PER_REFRESH) });
          await batch.heartbeat();
        }
      }
    },
  });
}

/** Each environment, customer and event name once, whatever number of records names it. */
function readBatch(batch: LogBatch, clock: Clock): { touched: Touched[]; poison: LogRecord[] } {
  const environments = new Map<string, { tenantId: string; environmentId: string; customers: Map<string, Set<string>> }>();
  const poison: LogRecord[] = [];
  for (const message of batch.messages) {
    try {
      const { tenantId, environmentId } = environmentOf(message);
      const key = JSON.stringify([tenantId, environmentId]);
      const environment = environments.get(key) ?? { tenantId, environmentId, customers: new Map<string, Set<string>>() };
      for (const { external_customer_id, event_names } of Stored.parse(JSON.parse(message.value.toString())).customers) {
        environment.customers.set(external_customer_id, new Set([...(environment.customers.get(external_customer_id) ?? []), ...event_names]));
      }
      environments.set(key, environment);
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      poison.push(deadLetterOf(batch, { message, line: null, value: message.value, reason: 'unreadable_summary', detail }, clock));
    }
  }
  const touched = [...environments.values()].map(({ customers, ...environment }) => ({
    ...environment, customers: [...customers].map(([externalCustomerId, names]) => ({ externalCustomerId, eventNames: [...names] })),
  }));
  return { touched, poison };
}

function environmentOf({ headers }: LogMessage): { tenantId: string; environmentId: string } {
  const tenantId = headers[HEADERS.tenantId];
  const environmentId = headers[HEADERS.environmentId];
  if (!tenantId || !environmentId) throw new Error('the record names no tenant or environment');
  return { tenantId, environmentId };
}
