import type { App } from '#app/create-app.ts';
import { invalid } from '#kernel/errors.ts';
import { JOBS } from '#app/jobs.ts';
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

/** Two periods to close, two pages of due subscriptions and one of drafts: answers as the real activities give them. */
const billing = (): Pick<App, 'billingActivities'> => {
  const open = ['inv_1', 'inv_2'];
  return {
    billingActivities: {
      closePeriod: async () => {
        const invoiceId = open.shift();
        return invoiceId === undefined ? null : { invoiceId };
      },
      processInvoice: async () => ({ invoiceStatus: 'FINALIZED', failure: null }),
      startBillingCycles: async ({ after }) =>
        after === null ? { started: 2, next: { time: '2026-01-01T00:00:00.000Z', id: 'subs_2' } } : { started: 1, next: null },
      startStrandedDrafts: async () => ({ started: 1, next: null }),
    },
  };
};
/** A full round of what is forgotten, two pages of counters, and two of stored events. */
const metering = (): Pick<App, 'ingestionActivities' | 'counterActivities'> => {
  const rounds = [
    { deleted: 5000, more: true },
    { deleted: 3, more: false },
  ];
  return {
    ingestionActivities: {
      reprocessPage: async ({ after }) =>
        after === undefined
          ? { processed: 1000, after: { externalCustomerId: 'c1', eventName: 'call', timestamp: 1, id: 'e1' } }
          : { processed: 1003, after: null },
      failReprocess: async () => undefined,
    },
    counterActivities: {
      forgetCounters: async () => rounds.shift() ?? { deleted: 0, more: false },
      reconcileCounters: async ({ after }) =>
        after === null
          ? { read: 1000, failures: [], next: { time: '2026-01-01T00:00:00.000Z', id: 'uctr_2' } }
          : { read: 1, failures: [], next: null },
    },
  };
};
/** A customer that is made, and a subscription. */
const onboarding = (): Pick<App, 'onboardingActivities'> => {
  const left = [1, 0];
  return { onboardingActivities: { takeOnboardingStep: async () => ({ left: left.shift() ?? 0 }), failOnboarding: async () => undefined } };
};
const environment = { tenantId: 'tenant_1', environmentId: 'env_1' };

export const RECORDINGS: readonly Recording[] = [
  {
    workflows: 'test/support/jobs/sample-workflows.ts',
    jobs: SAMPLE_JOBS,
    app: sample,
    runs: [
      { job: 'sample-two-steps', name: 'retried', input: { run: 'retried' } },
      { job: 'sample-tolerant', name: 'caught', input: { run: 'caught' } },
      { job: 'sample-rounds', name: 'continued', input: { run: 'continued', left: 2 } },
      { job: 'sample-broken', name: 'failed', input: { run: 'failed' } },
    ],
  },
  {
    workflows: 'workers/temporal/workflows.ts',
    jobs: JOBS,
    app: { ...billing(), ...metering(), ...onboarding() },
    runs: [
      { job: 'billing-sweep', name: 'paged', input: {} },
      { job: 'billing-cycle', name: 'two-periods', input: { ...environment, subscriptionId: 'subs_1' } },
      { job: 'reconcile-counters', name: 'paged', input: {} },
      { job: 'reprocess-events', name: 'paged', input: { ...environment, reprocessId: 'job_1' } },
      { job: 'customer-onboarding', name: 'two-actions', input: { ...environment, onboardingId: 'onboarding_1' } },
      { job: 'process-invoice', name: 'one', input: { ...environment, invoiceId: 'inv_1' } },
    ],
  },
];
