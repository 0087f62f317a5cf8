import { invalid } from '#kernel/errors.ts';
import { recordedActivities } from './recorded-activities.ts';
import { SAMPLE_JOBS } from './sample-jobs.ts';

/** Runs of one set of workflows, to be recorded as histories and replayed. */
export interface Recording {
  /** The module that Temporal bundles, from the root of the repository. */
  readonly workflows: string;
  readonly jobs: readonly unknown[];
  /** What `activities(app)` of the jobs gets. */
  readonly app: unknown;
  readonly runs: readonly { readonly job: string; readonly name: string; readonly input: unknown }[];
}

const sample = recordedActivities();
sample.failNext('retried/first', new Error('once'));
sample.failNext('caught/first', invalid('plan', 'is archived'));

export const RECORDINGS: readonly Recording[] = [
  {
    workflows: 'test/support/jobs/sample-workflows.ts', jobs: SAMPLE_JOBS, app: sample,
    runs: [
      { job: 'sample-two-steps', name: 'retried', input: { run: 'retried' } },
      { job: 'sample-tolerant', name: 'caught', input: { run: 'caught' } },
      { job: 'sample-rounds', name: 'continued', input: { run: 'continued', left: 2 } },
      { job: 'sample-broken', name: 'failed', input: { run: 'failed' } },
    ],
  },
];
