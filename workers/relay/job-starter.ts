import type { App } from '#app/create-app.ts';
import type { JobDriver } from '#platform/workflows/job.ts';
import type { RegisteredJob } from '#platform/workflows/registry.ts';

/** Hands jobs to whatever runs them. Starting is idempotent by the id of the job. */
export type JobStarter = Pick<JobDriver, 'start' | 'close'>;

/** Temporal where `temporal.address` is set, which is connected with the first start; else rows that a worker process takes. */
export async function createJobStarter(
  { config: { temporal }, database, clock }: App,
  jobs: readonly RegisteredJob<App>[],
): Promise<JobStarter> {
  if (temporal.address !== undefined) {
    const { createTemporalJobDriver } = await import('#platform/workflows/temporal/driver.ts');
    return createTemporalJobDriver({ ...temporal, address: temporal.address }, jobs);
  }
  const { createLocalJobStarter } = await import('#platform/workflows/local/starter.ts');
  return { ...createLocalJobStarter({ database, clock, jobs }), close: async () => undefined };
}
