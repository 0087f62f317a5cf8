import type { App } from '#app';
import { startAuditConsumer } from '#audit/consumer.ts';
import { createAuditRepository } from '#audit/repository.ts';
import { startCounterConsumer } from '#metering/service/counter-consumer.ts';
import type { EventLogLogger } from '#platform/event-log/log.ts';
import { createOverflow } from '#platform/event-log/overflow.ts';
import { JOBS } from '../jobs.ts';
import { startFollowUp } from './follow-up.ts';
import { createJobStarter } from './job-starter.ts';
import { listenToOutbox } from './outbox-listener.ts';
import { startOverflowReplay } from './overflow-replay.ts';
import { startRelay } from './relay.ts';

export interface RunningRelay {
  /** Finishes what is in hand. The app stays open. */
  stop(): Promise<void>;
}

/**
 * The process of FLEXPRICE_DEPLOYMENT_MODE=relay: what is committed goes on to where it belongs. Changes to the system stream and from there to
 * the audit log, job starts to the job engine, stored events to the usage counters and to what else follows from them, and back into the log what ingest had to lay aside. It runs no job, so that whatever
 * keeps the engine of the jobs away keeps none of this waiting.
 */
export async function startRelayProcess({ app, logger }: { readonly app: App; readonly logger: EventLogLogger }): Promise<RunningRelay> {
  const { config, clock, database, metrics } = app;
  const eventLog = await app.eventLog;
  const audit = await startAuditConsumer({ eventLog, audit: createAuditRepository(app.clickhouse), clock, logger });
  const counting = await startCounterConsumer({ eventLog, counters: app.counters, clock, logger });
  const following = await startFollowUp({ app, logger });
  const jobs = await createJobStarter(app, JOBS);
  const relay = startRelay({ database, eventLog, jobs, clock, logger, metrics });
  const overflow = await createOverflow(config);
  const replay = startOverflowReplay({ overflow, eventLog, logger });
  const listener = listenToOutbox(config.postgres, () => relay.wake(), logger);

  return {
    async stop() {
      // What the relay would still start, the next process starts.
      await Promise.all([listener.stop(), relay.stop(), replay.stop()]);
      await Promise.all([audit.stop(), counting.stop(), following.stop(), jobs.close(), overflow.close()]);
    },
  };
}
