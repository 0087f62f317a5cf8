import type { App } from '#app/create-app.ts';
import type { EventLogLogger } from '#platform/event-log/log.ts';
import type { TemporalWorkerOptions } from '#platform/workflows/temporal/worker.ts';
import { JOBS } from '#app/jobs.ts';
import { schedulesOf } from '#app/schedules.ts';
import { startEngineProbe } from './engine-probe.ts';
import { startJobEngine } from './job-engine.ts';

export interface RunningWorker {
  /** Rejects when the engine broke for good, so that the process can end and be started anew. */
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

/** The process of FLEXPRICE_DEPLOYMENT_MODE=worker: runs the jobs, and starts those that have a schedule. */
export async function startWorker({ app, logger, workflows }: WorkerProcessOptions): Promise<RunningWorker> {
  const engine = await startJobEngine({ app, jobs: JOBS, schedules: schedulesOf(app.config), workflows, logger });
  const probe = startEngineProbe({ engine, metrics: app.metrics, logger });
  return {
    broken: engine.broken,
    async stop() {
      await probe.stop();
      await engine.stop();
    },
  };
}
