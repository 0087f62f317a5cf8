import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BillingApi, startBillingApi, utc } from '../support/billing-api.ts';
import { cases } from '../support/conformance.ts';

interface Given {
  /** Cadence, amount and period of a fee. */
  readonly fee: readonly ['ADVANCE' | 'ARREAR', string, string?];
  /** Another amount from a time on. */
  readonly successor?: readonly [string, string];
  readonly timezone?: string;
  readonly subscription: { readonly start_date: string };
  readonly cancel?: readonly ({ readonly now: string } & Readonly<Record<string, string>>)[];
}
/** Reason, end and total of each invoice that asks for money. */
type Expected = readonly (readonly [string, string, string])[];

let api: BillingApi;
beforeAll(async () => {
  api = await startBillingApi(utc('2026-01-01'));
});
afterAll(() => api.close());

let count = 0;
async function subscribed({ fee: [cadence, amount, period = 'MONTHLY'], successor, timezone = 'UTC', subscription }: Given) {
  count += 1;
  const plan = await api.made('POST', '/v1/plans', { name: `Cut ${count}` });
  const price = await api.made('POST', '/v1/prices', {
    entity_type: 'PLAN',
    entity_id: plan.id,
    type: 'FIXED',
    billing_model: 'FLAT_FEE',
    billing_period: period,
    invoice_cadence: cadence,
    currency: 'usd',
    amount,
  });
  if (successor) await api.made('PUT', `/v1/prices/${price.id}`, { amount: successor[0], effective_from: successor[1] });
  const customer = await api.made('POST', '/v1/customers', { external_id: `cut-${count}`, name: 'Cut', timezone });
  const request = { customer_id: customer.id, plan_id: plan.id, currency: 'usd', billing_period: 'MONTHLY', ...subscription };
  return api.request('POST', '/v1/subscriptions', request);
}

test.each(cases<Given, Expected>('cut-periods.json', 'fees'))('$id', async ({ given, expected }) => {
  api.clock.set(utc(given.subscription.start_date));
  const made = await subscribed(given);
  expect([made.status, made.status === 201 ? '' : made.text]).toEqual([201, '']);
  const { id } = made.body;
  for (const { now, ...cancel } of given.cancel ?? []) {
    api.clock.set(utc(now));
    await api.sweep();
    await api.made('POST', `/v1/subscriptions/${id}/cancel`, cancel);
  }
  // What the preview of the last period says is what its invoice will be.
  const last = expected.at(-1) as Expected[number];
  const closing = last[0] === 'SUBSCRIPTION_CYCLE' ? await api.made('POST', '/v1/invoices/preview', { subscription_id: id }) : null;
  const isLastPeriod = closing !== null && closing.period_end === last[1];
  api.clock.set(utc('2027-01-01'));
  await api.sweep();
  const invoices = (await api.invoicesOf(id)).filter((invoice) => invoice.total !== '0');
  expect(invoices.map((invoice) => [invoice.billing_reason, invoice.period_end, invoice.total])).toEqual(expected);
  if (isLastPeriod) expect(closing.total).toBe(last[2]);
});

test.each([
  ['DAILY', '2026-11-11T00:00:00.001Z'],
  ['WEEKLY', '2026-11-18T00:00:00Z'],
  ['MONTHLY', '2026-12-11T00:00:00Z'],
  ['QUARTERLY', '2027-02-11T00:00:00Z'],
  ['HALF_YEARLY', '2027-05-11T00:00:00Z'],
  ['ANNUAL', '2027-11-11T00:00:00Z'],
  ['MONTHLY', '2028-09-05T00:00:00Z'],
  ['QUARTERLY', '2028-09-05T00:00:00Z'],
  // Its time of day would make the first month five hours longer than one.
  ['MONTHLY', '2026-11-10T05:00:00Z'],
])('%s: an anchor at %s would make the first period longer than one, and is refused', async (billing_period, billing_anchor) => {
  const answer = await subscribed({
    fee: ['ADVANCE', '300', billing_period],
    subscription: { start_date: '2026-11-10T00:00:00Z', ...{ billing_period, billing_anchor } },
  });
  expect([answer.status, answer.body.details?.field]).toEqual([400, 'billing_anchor']);
});

test.each([
  ['WEEKLY', '2026-11-17T00:00:00Z'],
  ['MONTHLY', '2026-12-10T00:00:00Z'],
  ['QUARTERLY', '2027-01-01T00:00:00Z'],
  ['HALF_YEARLY', '2027-05-10T00:00:00Z'],
  ['ANNUAL', '2027-11-10T00:00:00Z'],
])('%s: an anchor at %s is within one period, which ends there', async (billing_period, billing_anchor) => {
  const answer = await subscribed({
    fee: ['ADVANCE', '300', billing_period],
    subscription: { start_date: '2026-11-10T00:00:00Z', ...{ billing_period, billing_anchor } },
  });
  expect([answer.status, answer.body.current_period_end]).toEqual([201, billing_anchor]);
});
