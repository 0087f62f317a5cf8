import { continueAs, type Job } from '#platform/workflows/job.ts';
import { register } from '#platform/workflows/registry.ts';

/** What the sample jobs do, as the test wants it. */
export interface SampleActivities {
  step(input: { readonly run: string; readonly name: string }): Promise<{ readonly done: string }>;
}

const FAST_RETRY = { initialIntervalMs: 10, backoffCoefficient: 2, maximumIntervalMs: 40, maximumAttempts: 3 };

/** Two steps in order. */
const twoSteps: Job<SampleActivities, { readonly run: string }, { readonly steps: readonly string[] }> = {
  name: 'sample-two-steps',
  retry: FAST_RETRY,
  activityTimeoutMs: 10_000,
  async run(activities, { run }) {
    const first = await activities.step({ run, name: 'first' });
    const second = await activities.step({ run, name: 'second' });
    return { steps: [first.done, second.done] };
  },
};

/** Goes on when its step fails for good, and says why it failed. */
const tolerant: Job<SampleActivities, { readonly run: string }, { readonly code: string; readonly message: string }> = {
  name: 'sample-tolerant',
  retry: FAST_RETRY,
  activityTimeoutMs: 10_000,
  async run(activities, { run }) {
    try {
      await activities.step({ run, name: 'first' });
    } catch (error) {
      const { code, message } = error as { code: string; message: string };
      return { code, message };
    }
    return { code: '', message: '' };
  },
};

/** One step per round, in as many rounds as asked. */
const rounds: Job<SampleActivities, { readonly run: string; readonly left: number }, { readonly left: number }> = {
  name: 'sample-rounds',
  retry: FAST_RETRY,
  activityTimeoutMs: 10_000,
  async run(activities, { run, left }) {
    await activities.step({ run, name: `round ${left}` });
    return left > 1 ? continueAs({ run, left: left - 1 }) : { left: 0 };
  },
};

/** Fails by itself, not in an activity. */
const broken: Job<SampleActivities, { readonly run: string }, never> = {
  name: 'sample-broken',
  retry: FAST_RETRY,
  activityTimeoutMs: 10_000,
  async run() {
    throw new Error('the plan has no prices');
  },
};

export const SAMPLE_JOBS = [
  register(twoSteps, (app: SampleActivities) => app),
  register(tolerant, (app: SampleActivities) => app),
  register(rounds, (app: SampleActivities) => app),
  register(broken, (app: SampleActivities) => app),
];
