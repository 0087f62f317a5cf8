import { type App, createApp } from '#app/create-app.ts';
import { runChild } from '#workers/child.ts';
import type { ClickHouse } from '#platform/clickhouse/client.ts';
import { loadRuntimeConfig } from '#platform/config/runtime.ts';
import type { EventLog, SubscribeOptions } from '#platform/event-log/event-log.ts';
import { fieldLogger } from '#platform/observability/field-logger.ts';
import { createLogger } from '#platform/observability/logger.ts';
import { startConsumer } from '#workers/consumer/run.ts';

/** What is put in the place of a consumer's engines. */
export interface ConsumerMutation {
  readonly clickhouse?: (real: ClickHouse) => ClickHouse;
  readonly eventLog?: (real: EventLog) => EventLog;
}

/** The consumer process of Local Mode with one thing broken, to see that the harness notices. */
export function runMutantConsumer({ clickhouse = (real) => real, eventLog = (real) => real }: ConsumerMutation): void {
  runChild(async () => {
    const config = await loadRuntimeConfig();
    const logger = fieldLogger(createLogger(config, 'consumer'));
    const app = createApp(config, { logger });
    const mutant = Object.create(app, {
      clickhouse: { value: clickhouse(app.clickhouse) },
      eventLog: { value: app.eventLog.then(eventLog) },
    }) as App;
    const consumer = await startConsumer({ app: mutant, logger });
    return {
      stop: async () => {
        await consumer.stop();
        await app.close();
      },
    };
  });
}

type Handler = SubscribeOptions['handler'];

/** A log whose subscriptions get a changed handler, everything else of it as it is. */
export function withHandler(real: EventLog, change: (handler: Handler) => Handler): EventLog {
  return {
    ...real,
    subscribe: (options) => real.subscribe({ ...options, handler: change((batch, signal) => options.handler(batch, signal)) }),
  };
}
