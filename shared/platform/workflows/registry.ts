import type { Job } from './job.ts';

/** An activity as the drivers see it: JSON in, JSON out. */
export type Activity = (input: unknown) => Promise<unknown>;
export type Activities = Readonly<Record<string, Activity>>;

/** A job with the way to its activities. `App` is whatever the composition root builds. */
export interface RegisteredJob<App> {
  readonly job: Job<Activities, unknown, unknown>;
  activities(app: App): Activities;
}

/**
 * One line of the job table: the job, and how its activities are taken from the app.
 *
 * The table is also read inside Temporal's workflow sandbox, which allows no I/O: `activitiesOf` must reach the
 * implementation through `app` and not import it.
 */
export function register<App, JobActivities extends object, Input, Output>(
  job: Job<JobActivities, Input, Output>,
  activitiesOf: (app: App) => JobActivities,
): RegisteredJob<App> {
  // The driver passes back what it got from the same pair, so the erased types meet again in `run`.
  return { job: job as unknown as Job<Activities, unknown, unknown>, activities: (app) => activitiesOf(app) as unknown as Activities };
}

/** Finds a job by its name. Throws when the table has none: a row or message from another release. */
export function findJob<App>(jobs: readonly RegisteredJob<App>[], name: string): RegisteredJob<App> {
  const found = jobs.find(({ job }) => job.name === name);
  if (!found) throw new Error(`no job is registered under the name ${name}`);
  return found;
}
