import type { App } from '#app/create-app.ts';
import { createEventConsumer } from '#ingestion/service/consume.ts';
import { EVENT_STREAMS } from '#ingestion/service/event-streams.ts';
import type { LogBatch, Subscription } from '#platform/event-log/event-log.ts';
import type { EventLogLogger } from '#platform/event-log/log.ts';
import { startLagProbe } from './lag-probe.ts';
import { createCustomerIds } from './customer-ids.ts';

/** Bounds the memory of a process: a batch is held as bytes, as events and as rows. */
const MAX_BATCH_BYTES = 4 * 1024 * 1024;

export interface RunningConsumer {
  /** Finishes the batches in hand and commits them. The app stays open. */
  stop(): Promise<void>;
}

/**
 * The process of FLEXPRICE_DEPLOYMENT_MODE=consumer: events from both streams into ClickHouse. Each stream has a subscription of
 * its own, so that a tenant who was put aside cannot hold up the others.
 */
export async function startConsumer({ app, logger }: { readonly app: App; readonly logger: EventLogLogger }): Promise<RunningConsumer> {
  const { clickhouse, customers, clock, config, metrics } = app;
  const eventLog = await app.eventLog;
  const consumer = createEventConsumer({ clickhouse, eventLog, clock, enrich: createCustomerIds(customers), metrics });

  const handler = async (batch: LogBatch): Promise<void> => {
    const counts = await consumer.consume(batch);
    const fields = { topic: batch.topic, partition: batch.partition, ...counts };
    if (counts.rejected > 0) logger.warn('events went to the dead letters', fields);
    else logger.debug('events stored', fields);
  };
  const subscribe = ({ topic, group }: (typeof EVENT_STREAMS)[number]): Promise<Subscription> =>
    eventLog.subscribe({
      group,
      topics: [topic],
      minBytes: config.consumer.min_bytes,
      maxBytes: MAX_BATCH_BYTES,
      maxWaitMs: config.consumer.max_wait_ms,
      handler,
    });

  const subscriptions: Subscription[] = [];
  try {
    for (const stream of EVENT_STREAMS) subscriptions.push(await subscribe(stream));
  } catch (error) {
    await Promise.allSettled(subscriptions.map((subscription) => subscription.stop()));
    throw error;
  }
  const probe = startLagProbe({ eventLog, metrics, logger, groups: EVENT_STREAMS });
  return {
    stop: async () => {
      await Promise.all([probe.stop(), ...subscriptions.map((subscription) => subscription.stop())]);
    },
  };
}
