import { expect, test } from 'vitest';
import { DomainError, notFound, unavailable } from '#kernel/errors.ts';
import { currentActivity } from '../activity-context.ts';
import { DEFAULT_RETRY, retryDelayMs } from '../job.ts';
import type { Activity } from '../registry.ts';
import { retryingActivities, RunInterrupted } from './activity-runner.ts';

interface Setting {
  readonly activityTimeoutMs?: number;
  readonly heartbeatTimeoutMs?: number;
  readonly stopping?: AbortSignal;
}

/** One activity under the default policy, with the waits between its attempts noted instead of spent. */
function runner(activity: Activity, { activityTimeoutMs = 10_000, stopping = new AbortController().signal, ...policy }: Setting = {}) {
  const waits: number[] = [];
  let interrupted = false;
  const { step } = retryingActivities(
    { step: activity },
    { retry: DEFAULT_RETRY, activityTimeoutMs, ...policy },
    {
      workflowId: 'run',
      stopping,
      sleep: async (ms) => {
        waits.push(ms);
      },
      onInterrupt: () => {
        interrupted = true;
      },
    },
  );
  return { step: step as Activity, waits, interrupted: () => interrupted };
}

test('the default policy waits 10 s and 20 s and then gives up with the last error', async () => {
  let calls = 0;
  const { step, waits } = runner(async () => {
    throw new Error(`failure ${++calls}`);
  });
  await expect(step({})).rejects.toMatchObject({
    name: 'ActivityFailedError',
    activity: 'step',
    code: 'internal_error',
    message: 'failure 3',
  });
  expect(waits).toEqual([10_000, 20_000]);
});

test('waits double up to the longest', () => {
  expect([1, 2, 3, 4, 5, 6, 7].map((attempt) => retryDelayMs(DEFAULT_RETRY, attempt))).toEqual([
    10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000,
  ]);
});

test.each([
  [notFound('plan', 'plan_1'), 1],
  [new DomainError('too_many_requests', 'slower'), 3],
  [new DomainError('version_conflict', 'changed'), 3],
  [unavailable('postgres', undefined), 3],
  [new TypeError('a bug'), 3],
])('%s is attempted %i times', async (error, attempts) => {
  let calls = 0;
  const { step } = runner(async () => {
    calls += 1;
    throw error;
  });
  await expect(step({})).rejects.toThrow(error.message);
  expect(calls).toBe(attempts);
});

test('input and output pass as JSON', async () => {
  const { step } = runner(async (input) => ({ input, at: new Date(0), nothing: undefined }));
  expect(await step({ amount: { toJSON: () => '1.50' } })).toStrictEqual({ input: { amount: '1.50' }, at: '1970-01-01T00:00:00.000Z' });
});

test('an attempt that takes too long is aborted and repeated', async () => {
  const reasons: string[] = [];
  const { step } = runner(
    async () => {
      const activity = currentActivity();
      if (activity?.attempt === 2) return 'done';
      return new Promise((_, reject) => {
        activity?.signal.addEventListener('abort', () => {
          reasons.push(String(activity.signal.reason));
          reject(activity.signal.reason);
        });
      });
    },
    { activityTimeoutMs: 20 },
  );
  expect(await step({})).toBe('done');
  expect(reasons).toEqual(['Error: the time of one attempt of 20 ms passed']);
});

test('silence beyond the heartbeat time-out ends an attempt; a heartbeat extends it', async () => {
  const attempts: number[] = [];
  const { step } = runner(
    async () => {
      const activity = currentActivity();
      attempts.push(activity?.attempt ?? 0);
      if (activity?.attempt === 1) return new Promise(() => undefined);
      for (let part = 0; part < 20; part += 1) {
        activity?.heartbeat();
        await new Promise(setImmediate);
      }
      return 'done';
    },
    { heartbeatTimeoutMs: 500 },
  );
  expect(await step({})).toBe('done');
  expect(attempts).toEqual([1, 2]);
});

test('a stop lets the attempt in hand finish and begins no other', async () => {
  const stop = new AbortController();
  const { step, interrupted } = runner(
    async () => {
      stop.abort();
      return 'finished';
    },
    { stopping: stop.signal },
  );
  expect(await step({})).toBe('finished');
  expect(interrupted()).toBe(false);
  await expect(step({})).rejects.toBeInstanceOf(RunInterrupted);
  expect(interrupted()).toBe(true);
});

test('outside of an activity there is no context', () => {
  expect(currentActivity()).toBeUndefined();
});
