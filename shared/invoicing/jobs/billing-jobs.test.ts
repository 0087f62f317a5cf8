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
        return { invoiceStatus: 'FINALIZED', failure: null };
      },
    },
  };
}

test('a cycle takes each period to its invoice before it closes the next one', async () => {
  const { activities, steps } = cycleOf(2);
  expect(await runBillingCycle(activities, INPUT)).toEqual({ invoices: 2, unfinished: 0 });
  expect(steps).toEqual(['close 1', 'process tenant_1 inv_1', 'close 2', 'process tenant_1 inv_2']);
  expect(await runBillingCycle(activities, INPUT)).toEqual({ invoices: 0, unfinished: 0 });
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

test('a run goes on after invoices that could not be computed, and says how many', async () => {
  const { activities, steps } = cycleOf(30);
  const failing: BillingCycleActivities = {
    ...activities,
    processInvoice: async (input) => {
      const processed = await activities.processInvoice(input);
      return { ...processed, failure: input.invoiceId === 'inv_2' || input.invoiceId === 'inv_30' ? 'failed' : null };
    },
  };
  expect(await runBillingCycle(failing, INPUT)).toEqual({ invoices: 30, unfinished: 2 });
  expect(steps).toHaveLength(60);
});

test('with an engine away the periods are closed, and the invoices after the first left to the sweep', async () => {
  const { activities, steps } = cycleOf(3);
  const failing: BillingCycleActivities = {
    ...activities,
    processInvoice: async (input) => ({ ...(await activities.processInvoice(input)), failure: 'engine_away' }),
  };
  expect(await runBillingCycle(failing, INPUT)).toEqual({ invoices: 3, unfinished: 3 });
  expect(steps).toEqual(['close 1', 'process tenant_1 inv_1', 'close 2', 'close 3']);
});

test.each([
  ['service_unavailable', 1, 'ends the run, which is started again'],
  ['not_found', 3, 'is one invoice that could not be computed'],
])('an activity that fails with %s', async (code, closed, what) => {
  const { activities, steps } = cycleOf(3);
  const failing = { ...activities, processInvoice: () => Promise.reject(new ActivityFailedError('processInvoice', code, what)) };
  const run = runBillingCycle(failing, INPUT);
  await (code === 'not_found'
    ? expect(run).resolves.toEqual({ invoices: 3, unfinished: 3 })
    : expect(run).rejects.toMatchObject({ name: 'ActivityFailedError', code }));
  expect(steps).toHaveLength(closed);
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
