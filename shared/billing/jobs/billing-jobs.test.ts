import { expect, test } from 'vitest';
import { isContinueAs } from '#platform/workflows/job.ts';
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
  const answers = [await runBillingCycle(activities, INPUT), await runBillingCycle(activities, INPUT), await runBillingCycle(activities, INPUT)];
  expect(answers.map(isContinueAs)).toEqual([true, true, false]);
  expect(steps).toHaveLength(500);
});

test('a sweep reads page after page, first cycles and then drafts', async () => {
  const asked: (string | null)[] = [];
  const pages = (ids: readonly string[]) => async ({ after }: { after: SweepCursor | null }) => {
    asked.push(after?.id ?? null);
    const at = after === null ? 0 : ids.indexOf(after.id) + 1;
    return { started: 1, next: at + 1 < ids.length ? { time: '2026-03-01T00:00:00Z', id: ids[at] ?? '' } : null };
  };
  const activities: BillingSweepActivities = { startBillingCycles: pages(['a', 'b', 'c']), startStrandedDrafts: pages(['d']) };
  expect(await runBillingSweep(activities)).toEqual({ cycles: 3, drafts: 1 });
  expect(asked).toEqual([null, 'a', 'b', null]);
});
