import { expect, test } from 'vitest';
import { ActivityFailedError, isContinueAs } from '#platform/workflows/job.ts';
import { type BillingCycleActivities, runBillingCycle } from './billing-cycle.ts';
import { type BillingSweepActivities, runBillingSweep, type SweepCursor } from './billing-sweep.ts';

const INPUT = { tenantId: 'tenant_1', environmentId: 'env_1', subscriptionId: 'subs_1' };

function cycleOf(periods: number): { activities: BillingCycleActivities; steps: string[] } {
  const steps: string[] = [];
  let closed = 0;
  return {
    steps,
    activities: {
      async closePeriod() {
        if (closed === periods) return null;
        closed += 1;
        steps.push(`close ${closed}`);
        return { invoiceId: `inv_${closed}` };
      },
      async processInvoice({ invoiceId, tenantId }) {
        steps.push(`process ${tenantId} ${invoiceId}`);
        return { invoiceStatus: 'FINALIZED' };
      },
    },
  };
}

test('a cycle takes each period to its invoice before it closes the next one', async () => {
  const { activities, steps } = cycleOf(2);
  expect(await runBillingCycle(activities, INPUT)).toEqual({ invoices: 2 });
  expect(steps).toEqual(['close 1', 'process tenant_1 inv_1', 'close 2', 'process tenant_1 inv_2']);
  expect(await runBillingCycle(activities, INPUT)).toEqual({ invoices: 0 });
});

test('a long catch-up goes on in a fresh run', async () => {
  const { activities, steps } = cycleOf(250);
  const answers = [
    await runBillingCycle(activities, INPUT),
    await runBillingCycle(activities, INPUT),
    await runBillingCycle(activities, INPUT),
  ];
  expect(answers.map(isContinueAs)).toEqual([true, true, false]);
  expect(steps).toHaveLength(500);
});

test.each([
  ['internal_error', 10, 'a run goes on after an invoice that fails, up to a number, and then says so'],
  ['service_unavailable', 1, 'a run ends at once when an engine is away: the next one goes on'],
])('%s after %i periods: %s', async (code, periods) => {
  const { activities, steps } = cycleOf(50);
  const failing = { ...activities, processInvoice: () => Promise.reject(new ActivityFailedError('processInvoice', code, 'no')) };
  await expect(runBillingCycle(failing, INPUT)).rejects.toMatchObject({ name: 'ActivityFailedError', code });
  expect(steps).toHaveLength(periods);
});

test('a run in which one invoice failed closes all its periods, and fails', async () => {
  const { activities, steps } = cycleOf(3);
  const failing: BillingCycleActivities = {
    ...activities,
    processInvoice: (input) =>
      input.invoiceId === 'inv_2'
        ? Promise.reject(new ActivityFailedError('processInvoice', 'internal_error', 'no'))
        : activities.processInvoice(input),
  };
  await expect(runBillingCycle(failing, INPUT)).rejects.toThrow('1 of the invoices');
  expect(steps).toEqual(['close 1', 'process tenant_1 inv_1', 'close 2', 'close 3', 'process tenant_1 inv_3']);
});

test('a sweep reads page after page, first cycles and then drafts', async () => {
  const asked: (string | null)[] = [];
  const pages =
    (ids: readonly string[]) =>
    async ({ after }: { after: SweepCursor | null }) => {
      asked.push(after?.id ?? null);
      const at = after === null ? 0 : ids.indexOf(after.id) + 1;
      return { started: 1, next: at + 1 < ids.length ? { time: '2026-03-01T00:00:00Z', id: ids[at] ?? '' } : null };
    };
  const activities: BillingSweepActivities = { startBillingCycles: pages(['a', 'b', 'c']), startStrandedDrafts: pages(['d']) };
  expect(await runBillingSweep(activities)).toEqual({ cycles: 3, drafts: 1 });
  expect(asked).toEqual([null, 'a', 'b', null]);
});
