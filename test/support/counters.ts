import type { UsageEvent } from '#ingestion/domain/event.ts';
import { packEvents } from '#ingestion/repository/pack.ts';
import { createEventConsumer } from '#ingestion/service/consume.ts';
import { startCounterConsumer } from '#counters/service/counter-consumer.ts';
import type { LogBatch, LogMessage, LogRecord, Subscription } from '#platform/event-log/event-log.ts';
import { silentLogger } from '#platform/event-log/log.ts';
import { TOPICS } from '#platform/event-log/topics.ts';
import type { LimitsApi } from './limits.ts';
import { utc } from './metering.ts';

export const NOW = '2026-03-18T12:00:00Z';

/** An event named `calls`, but for what the test says. */
export const countedEvent = (id: string, customer: string, more: Partial<UsageEvent> = {}): UsageEvent => ({
  id,
  eventName: 'calls',
  externalCustomerId: customer,
  customerId: '',
  source: '',
  timestamp: utc(NOW).toMillis(),
  properties: '{}',
  ...more,
});

let partition = 0;

/** The consumer of events over a log of the test: what it says after storage is kept, to be delivered when the test wants. */
export function storing(api: LimitsApi) {
  const said: LogRecord[] = [];
  let offset = 0n;
  const consumer = createEventConsumer({
    clickhouse: api.app.clickhouse,
    clock: api.clock,
    enrich: async (events) => [...events],
    eventLog: {
      append: async (topic, records) => {
        if (topic === TOPICS.eventsPostProcessing) said.push(...records);
      },
    },
  });
  return {
    said,
    async store(events: readonly UsageEvent[], ingestedAt = utc(NOW)): Promise<LogBatch> {
      const messages = packEvents({ ...api.ctx, ingestedAt }, events, 1).map(
        (record): LogMessage => ({
          offset: offset++,
          key: record.key,
          value: record.value,
          headers: record.headers,
          timestamp: ingestedAt,
        }),
      );
      const batch = { topic: 'events', partition: partition++, messages, heartbeat: async () => {} };
      await consumer.consume(batch);
      return batch;
    },
    redeliver: (batch: LogBatch) => consumer.consume(batch),
  };
}

/** Hands records to the consumer of counters, as the log would. */
export async function deliver(api: LimitsApi, records: readonly LogRecord[]): Promise<void> {
  let handler: ((batch: LogBatch, signal: AbortSignal) => Promise<void>) | undefined;
  await startCounterConsumer({
    counters: api.app.counters,
    clock: api.clock,
    logger: silentLogger,
    roundMs: 0,
    eventLog: {
      append: async () => {},
      subscribe: async (options) => {
        handler = options.handler;
        return { stop: async () => {} } as Subscription;
      },
    },
  });
  const messages = records.map(
    (record, index): LogMessage => ({
      offset: BigInt(index),
      key: record.key,
      value: record.value,
      headers: record.headers,
      timestamp: utc(NOW),
    }),
  );
  await handler?.({ topic: TOPICS.eventsPostProcessing, partition: 0, messages, heartbeat: async () => {} }, new AbortController().signal);
}
