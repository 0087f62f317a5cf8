import { expect, test } from 'vitest';
import { runReconcileCounters } from './reconcile-counters.ts';

test('a run forgets until nothing is left, then reads page after page', async () => {
  const steps: unknown[] = [];
  const rounds = [
    { deleted: 5000, more: true },
    { deleted: 3, more: false },
  ];
  const result = await runReconcileCounters({
    forgetCounters: async () => {
      steps.push('forget');
      return rounds.shift() ?? { deleted: 0, more: false };
    },
    reconcileCounters: async ({ after }) => {
      steps.push(after?.id ?? 'front');
      return after === null
        ? { read: 2, failures: [], next: { time: '2026-03-01T00:00:00Z', id: 'uctr_2' } }
        : { read: 1, failures: [], next: null };
    },
  });
  expect([result, steps]).toEqual([{ read: 3, deleted: 5003 }, ['forget', 'forget', 'front', 'uctr_2']]);
});

test('an environment that fails holds up no other, and fails the run', async () => {
  const pages = [
    { read: 2, failures: ['tenant_1 env_1: no'], next: { time: '2026-03-01T00:00:00Z', id: 'uctr_2' } },
    { read: 1, failures: [], next: null },
  ];
  await expect(
    runReconcileCounters({
      forgetCounters: async () => ({ deleted: 0, more: false }),
      reconcileCounters: async () => pages.shift() as (typeof pages)[number],
    }),
  ).rejects.toMatchObject({ name: 'ActivityFailedError', message: expect.stringContaining('tenant_1 env_1: no') });
  expect(pages).toEqual([]);
});
