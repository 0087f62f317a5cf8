import type { Clock } from '#kernel/clock.ts';
import type { Database } from '#platform/postgres/database.ts';
import type { JobDriver } from '../job.ts';
import { findJob, type RegisteredJob } from '../registry.ts';
import { asJson } from './activity-runner.ts';
import { jobRuns } from './job-runs.ts';

export interface LocalJobStarterOptions<App> {
  readonly database: Database;
  readonly clock: Clock;
  readonly jobs: readonly RegisteredJob<App>[];
}

/** Starts jobs by writing them down; whichever process has a driver runs them. Throws for a job that is not in the table. */
export function createLocalJobStarter<App>({ database, clock, jobs }: LocalJobStarterOptions<App>): Pick<JobDriver, 'start'> {
  return {
    async start(job, workflowId, input) {
      findJob(jobs, job);
      return {
        started: await database.asSystem('job start', (tx) => jobRuns.add(tx, { workflowId, job, input: asJson(input) }, clock.now())),
      };
    },
  };
}
