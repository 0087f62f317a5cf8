import type { App } from '#app/create-app.ts';
import type { EventLogLogger } from '#platform/event-log/log.ts';
import type { JobDriver } from '#platform/workflows/job.ts';
import type { Metrics } from '#platform/observability/metrics.ts';
import type { Activity, RegisteredJob } from '#platform/workflows/registry.ts';
import type { Schedule } from '#platform/workflows/schedules.ts';
import type { TemporalConfig } from '#platform/workflows/temporal/client.ts';
import type { TemporalWorkerOptions } from '#platform/workflows/temporal/worker.ts';

/** What runs the jobs of a worker process. */
export interface JobEngine {
  readonly driver: JobDriver;
  /** Rejects when the engine broke for good; never resolves otherwise. */
  readonly broken: Promise<never>;
  observe(): Promise<JobEngineState>;
  stop(): Promise<void>;
}

export interface JobEngineState {
  /** Work that nobody has taken yet. */
  readonly backlog: number;
  /** Starts of schedules that did not happen, ever: what counts is by how much it has grown. */
  readonly missedStarts: number;
}

export interface JobEngineOptions {
  readonly app: App;
  readonly jobs: readonly RegisteredJob<App>[];
  readonly schedules: readonly Schedule[];
  readonly workflows: TemporalWorkerOptions<App>['workflows'];
  readonly logger: EventLogLogger;
}

/** The jobs with their activities' failed attempts counted, under whichever driver. */
function counted(jobs: readonly RegisteredJob<App>[], metrics: Metrics): readonly RegisteredJob<App>[] {
  if (!metrics.enabled) return jobs;
  const count =
    (activity: Activity): Activity =>
    async (input) => {
      try {
        return await activity(input);
      } catch (error) {
        metrics.record('ActivityFailed', 1);
        throw error;
      }
    };
  return jobs.map(({ job, activities }) => ({
    job,
    activities: (app) => Object.fromEntries(Object.entries(activities(app)).map(([name, activity]) => [name, count(activity)])),
  }));
}

type MeasuredOptions = JobEngineOptions & { readonly onJobStarted: () => void; readonly onJobFailed: () => void };

const NEVER = new Promise<never>(() => undefined);

/** Temporal where `temporal.address` is set, else the driver of this process. Either runs the same jobs on the same schedules. */
export async function startJobEngine(options: JobEngineOptions): Promise<JobEngine> {
  const {
    config: { temporal },
    metrics,
  } = options.app;
  const measured: MeasuredOptions = {
    ...options,
    jobs: counted(options.jobs, metrics),
    onJobStarted: () => metrics.record('WorkflowStarted', 1),
    onJobFailed: () => metrics.record('WorkflowFailed', 1),
  };
  return temporal.address === undefined ? startLocal(measured) : startTemporal(measured, { ...temporal, address: temporal.address });
}

async function startLocal(options: MeasuredOptions): Promise<JobEngine> {
  const { database, clock } = options.app;
  const [{ createLocalJobDriver }, { jobRuns }] = await Promise.all([
    import('#platform/workflows/local/driver.ts'),
    import('#platform/workflows/local/job-runs.ts'),
  ]);
  let missed = 0;
  const driver = createLocalJobDriver({
    ...options,
    database,
    clock,
    onScheduleMissed: (count) => {
      missed += count;
    },
  });
  return {
    driver,
    broken: NEVER,
    observe: async () => ({ backlog: await database.asSystem('job backlog', (tx) => jobRuns.countPending(tx)), missedStarts: missed }),
    stop: () => driver.close(),
  };
}

async function startTemporal({ schedules, ...options }: MeasuredOptions, config: TemporalConfig): Promise<JobEngine> {
  const [
    { startTemporalWorker },
    { createTemporalJobDriver },
    { createTemporalClient },
    { upsertSchedules },
    { missedStarts, taskQueueBacklog },
  ] = await Promise.all([
    import('#platform/workflows/temporal/worker.ts'),
    import('#platform/workflows/temporal/driver.ts'),
    import('#platform/workflows/temporal/client.ts'),
    import('#platform/workflows/temporal/schedules.ts'),
    import('#platform/workflows/temporal/observe.ts'),
  ]);
  const worker = await startTemporalWorker({ ...options, config });
  const client = await createTemporalClient(config);
  try {
    await upsertSchedules(client, schedules, config.task_queue);
  } catch (error) {
    await client.connection.close();
    throw error;
  }
  const driver = createTemporalJobDriver(config, options.jobs);
  return {
    driver,
    broken: worker.ended.then(() => NEVER),
    async observe() {
      const [backlog, missed] = await Promise.all([taskQueueBacklog(client, config.task_queue), missedStarts(client, schedules)]);
      return { backlog, missedStarts: missed };
    },
    stop: async () => {
      await worker.stop();
      await Promise.all([driver.close(), client.connection.close()]);
    },
  };
}
