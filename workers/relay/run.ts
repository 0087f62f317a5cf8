import type { App } from '#app/create-app.ts';
import { startFollowers } from '#app/followers.ts';
import type { EventLogLogger } from '#platform/event-log/log.ts';
import { createOverflow } from '#platform/event-log/create-overflow.ts';
import { JOBS } from '#app/jobs.ts';
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
  // When one of them cannot start, those that did are stopped, last first; afterwards the caller does it.
  const started = new AsyncDisposableStack();
  try {
    const followers = await startFollowers(app, { eventLog, logger });
    started.defer(() => followers.stop());
    const jobs = await createJobStarter(app, JOBS);
    started.defer(() => jobs.close());
    const overflow = await createOverflow(config, logger);
    started.defer(() => overflow.close());
    const relay = startRelay({ database, eventLog, jobs, clock, logger, metrics });
    started.defer(() => relay.stop());
    const replay = startOverflowReplay({ overflow, eventLog, logger });
    started.defer(() => replay.stop());
    const listener = listenToOutbox(config.postgres, () => relay.wake(), logger);
    started.defer(() => listener.stop());
  } catch (error) {
    await started.disposeAsync();
    throw error;
  }
  return { stop: () => started.disposeAsync() };
}
