import type { App } from '#app';
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
  stop(): Promise<void>;
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
  const count = (activity: Activity): Activity => async (input) => {
    try {
      return await activity(input);
    } catch (error) {
      metrics.record('ActivityFailed', 1);
      throw error;
    }
  };
  return jobs.map(({ job, activities }) => ({
    job, activities: (app) => Object.fromEntries(Object.entries(activities(app)).map(([name, activity]) => [name, count(activity)])),
  }));
}

type MeasuredOptions = JobEngineOptions & { readonly onJobFailed: () => void };

const NEVER = new Promise<never>(() => undefined);

/** Temporal where `temporal.address` is set, else the driver of this process. Either runs the same jobs on the same schedules. */
export async function startJobEngine(options: JobEngineOptions): Promise<JobEngine> {
  const { config: { temporal }, metrics } = options.app;
  const measured = { ...options, jobs: counted(options.jobs, metrics), onJobFailed: () => metrics.record('WorkflowFailed', 1) };
  return temporal.address === undefined ? startLocal(measured) : startTemporal(measured, { ...temporal, address: temporal.address });
}

async function startLocal({ app, jobs, schedules, logger, onJobFailed }: MeasuredOptions): Promise<JobEngine> {
  const { createLocalJobDriver } = await import('#platform/workflows/local/driver.ts');
  const driver = createLocalJobDriver({ app, jobs, schedules, logger, onJobFailed, database: app.database, clock: app.clock });
  return { driver, broken: NEVER, stop: () => driver.close() };
}

async function startTemporal({ app, jobs, schedules, workflows, logger, onJobFailed }: MeasuredOptions, config: TemporalConfig): Promise<JobEngine> {
  const [{ startTemporalWorker }, { createTemporalJobDriver }, { createTemporalClient }, { upsertSchedules }] = await Promise.all([
    import('#platform/workflows/temporal/worker.ts'), import('#platform/workflows/temporal/driver.ts'),
    import('#platform/workflows/temporal/client.ts'), import('#platform/workflows/temporal/schedules.ts'),
  ]);
  const worker = await startTemporalWorker({ config, app, jobs, workflows, logger, onJobFailed });
  const client = await createTemporalClient(config);
  try {
    await upsertSchedules(client, schedules, config.task_queue);
  } finally {
    await client.connection.close();
  }
  const driver = createTemporalJobDriver(config, jobs);
  return {
    driver,
    broken: worker.ended.then(() => NEVER),
    stop: async () => {
      await worker.stop();
      await driver.close();
    },
  };
}
