import type { App } from '#app';
import { startAuditConsumer } from '#audit/consumer.ts';
import { createAuditRepository } from '#audit/repository.ts';
import type { EventLogLogger } from '#platform/event-log/log.ts';
import { createOverflow } from '#platform/event-log/overflow.ts';
import type { TemporalWorkerOptions } from '#platform/workflows/temporal/worker.ts';
import { JOBS } from '../jobs.ts';
import { listenToOutbox } from '../relay/outbox-listener.ts';
import { startOverflowReplay } from '../relay/overflow-replay.ts';
import { startRelay } from '../relay/relay.ts';
import { schedulesOf } from '../schedules.ts';
import { startJobEngine } from './job-engine.ts';

export interface RunningWorker {
  /** Rejects when a part broke for good, so that the process can end and be started anew. */
  readonly broken: Promise<never>;
  /** Finishes what is in hand. The app stays open. */
  stop(): Promise<void>;
}

export interface WorkerProcessOptions {
  readonly app: App;
  readonly logger: EventLogLogger;
  /** Where Temporal finds the workflows. Not used by the driver in process. */
  readonly workflows: TemporalWorkerOptions<App>['workflows'];
}

/** The process of FLEXPRICE_DEPLOYMENT_MODE=worker: the jobs and their schedules, the outbox relay with the overflow's replay, and the audit log's consumer. */
export async function startWorker({ app, logger, workflows }: WorkerProcessOptions): Promise<RunningWorker> {
  const { config, clock, database, metrics } = app;
  const eventLog = await app.eventLog;
  const engine = await startJobEngine({ app, jobs: JOBS, schedules: schedulesOf(config), workflows, logger });
  const audit = await startAuditConsumer({ eventLog, audit: createAuditRepository(app.clickhouse), clock, logger }).catch(async (error: unknown) => {
    await engine.stop();
    throw error;
  });
  const relay = startRelay({ database, eventLog, jobs: engine.driver, clock, logger, metrics });
  const overflow = await createOverflow(config);
  const replay = startOverflowReplay({ overflow, eventLog, logger });
  const listener = listenToOutbox(config.postgres, () => relay.wake(), logger);

  return {
    broken: engine.broken,
    async stop() {
      // The relay first: what it would still start, the next process starts.
      await Promise.all([listener.stop(), relay.stop(), replay.stop()]);
      await Promise.all([audit.stop(), engine.stop(), overflow.close()]);
    },
  };
}
