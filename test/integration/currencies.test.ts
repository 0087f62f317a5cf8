import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BillingApi, startBillingApi, utc } from '../support/billing-api.ts';
import { cases } from '../support/conformance.ts';

let api: BillingApi;
beforeAll(async () => {
  api = await startBillingApi(utc('2026-03-01'));
});
afterAll(() => api.close());

test.each(cases<string[], string>('currencies.json', '1234.5678 of a fee'))('$id: $given', async ({ given, expected }) => {
  const { id: customer_id } = await api.made('POST', '/v1/customers', { external_id: given.join('-'), name: 'Payer' });
  for (const currency of given) {
    const plan = await api.made('POST', '/v1/plans', { name: currency });
    await api.made('POST', '/v1/prices', {
      entity_type: 'PLAN',
      entity_id: plan.id,
      type: 'FIXED',
      billing_model: 'FLAT_FEE',
      billing_period: 'MONTHLY',
      invoice_cadence: 'ADVANCE',
      currency,
      amount: '1234.5678',
    });
    const made = await api.made('POST', '/v1/subscriptions', { customer_id, plan_id: plan.id, currency, billing_period: 'MONTHLY' });
    expect([currency, made.latest_invoice.total]).toEqual([currency, expected]);
  }
});
