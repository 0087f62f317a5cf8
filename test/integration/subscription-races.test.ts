import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type BillingApi, makeLlmPlan, startBillingApi, utc } from '../support/billing-api.ts';

let api: BillingApi;
beforeAll(async () => {
  api = await startBillingApi(utc('2026-03-10T12:00:00'));
});
afterAll(() => api.close());

/** Whether some transaction waits for the lock of another one. */
const isSomebodyWaiting = async (): Promise<boolean> =>
  (
    await api.app.database.asSystem('test', (tx) =>
      sql<{ waiting: number }>`select count(*)::int as waiting from pg_locks where not granted`.execute(tx),
    )
  ).rows[0]?.waiting !== 0;

test.each(['plan', 'customer'] as const)('a %s that somebody is subscribing cannot be deleted meanwhile', async (what) => {
  const { planId, customerId } = await makeLlmPlan(api);
  const path = what === 'plan' ? `/v1/plans/${planId}` : `/v1/customers/${customerId}`;
  const [reached, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const { open } = api.app.invoices.invoicing;
  const paused = vi.spyOn(api.app.invoices.invoicing, 'open').mockImplementationOnce(async (...opening) => {
    reached.resolve();
    await released.promise;
    return open(...opening);
  });
  const creating = api.request('POST', '/v1/subscriptions', {
    customer_id: customerId,
    plan_id: planId,
    currency: 'usd',
    billing_period: 'MONTHLY',
  });
  await reached.promise;
  let isDeleted = false;
  const deleting = api.request('DELETE', path).finally(() => {
    isDeleted = true;
  });
  await expect.poll(async () => isDeleted || isSomebodyWaiting(), { timeout: 20_000, interval: 20 }).toBe(true);
  released.resolve();
  expect([(await creating).status, (await deleting).status]).toEqual([201, 400]);
  expect((await api.request('GET', path)).status).toBe(200);
  paused.mockRestore();
});

test('two subscriptions to one plan do not wait for each other to read it', async () => {
  const { planId, customerId } = await makeLlmPlan(api);
  const held = Promise.withResolvers<void>();
  const done = Promise.withResolvers<void>();
  const holding = api.app.database.withTenant(api.ctx, async (tx) => {
    await api.app.plans.getHeld(tx, planId);
    held.resolve();
    await done.promise;
  });
  await held.promise;
  const answer = await api.request('POST', '/v1/subscriptions', {
    customer_id: customerId,
    plan_id: planId,
    currency: 'usd',
    billing_period: 'MONTHLY',
  });
  done.resolve();
  await holding;
  expect(answer.status).toBe(201);
});
