import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BillingApi, codeAssist, makeLlmPlan, startBillingApi, utc } from '../support/billing-api.ts';

// With a finalization delay, events that arrive late for a closed period still count.
let api: BillingApi;
beforeAll(async () => {
  api = await startBillingApi(utc('2026-02-10T00:00:00'), { FLEXPRICE_BILLING_FINALIZATION_DELAY_SECONDS: '900' });
});
afterAll(() => api.close());

test('a closed period is computed at once, and finalized later with what has arrived meanwhile', async () => {
  const { customerId, planId, externalId } = await makeLlmPlan(api);
  const { id, latest_invoice } = await api.made('POST', '/v1/subscriptions', {
    customer_id: customerId,
    plan_id: planId,
    currency: 'usd',
    billing_period: 'MONTHLY',
    billing_cycle: 'calendar',
    start_date: '2026-02-01T00:00:00Z',
  });
  expect(latest_invoice.invoice_status).toBe('FINALIZED');

  api.clock.set(utc('2026-03-01T00:00:00'));
  await api.sweep();
  const [, draft] = await api.invoicesOf(id);
  expect(draft).toMatchObject({ invoice_status: 'DRAFT', total: '49', last_computed_at: '2026-03-01T00:00:00Z' });
  expect(draft).not.toHaveProperty('invoice_number');

  api.events = codeAssist(externalId, '2026-02-28T21:00:00Z');
  api.clock.set(utc('2026-03-01T00:14:59'));
  expect(await api.sweep()).toEqual([]);
  expect((await api.invoicesOf(id))[1]).toEqual(draft);

  api.clock.set(utc('2026-03-01T00:15:00'));
  await api.sweep();
  expect((await api.invoicesOf(id))[1]).toMatchObject({
    id: draft.id,
    invoice_status: 'FINALIZED',
    total: '108.4',
    finalized_at: '2026-03-01T00:15:00Z',
  });
});
