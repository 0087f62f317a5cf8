import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { INVOICE_STATES, PAYMENT_STATES } from '#invoicing/domain/states.ts';
import { SUBSCRIPTION_STATES } from '#subscriptions/domain/states.ts';
import { type BillingApi, type LlmPlan, makeLlmPlan, startBillingApi, utc } from '../support/billing-api.ts';

let api: BillingApi;
let plan: LlmPlan;
beforeAll(async () => {
  api = await startBillingApi(utc('2026-03-10T12:00:00'));
  plan = await makeLlmPlan(api);
});
afterAll(() => api.close());

const subscribe = (customerId = plan.customerId) =>
  api.made('POST', '/v1/subscriptions', {
    customer_id: customerId,
    plan_id: plan.planId,
    currency: 'usd',
    billing_period: 'MONTHLY',
    start_date: '2026-03-01T00:00:00Z',
  });
/** A row as another part of the product would have left it. */
const inState = (table: 'invoices' | 'subscriptions', id: string, row: object) =>
  api.app.database.withTenant(api.ctx, (tx) => tx.updateTable(table).set(row).where('id', '=', id).execute());

const invoiceOperations = ['finalize', 'void'] as const;
const pairs = <S, O>(states: readonly S[], operations: readonly O[]) =>
  states.flatMap((state) => operations.map((operation) => [state, operation] as const));

describe('the table of states says what each operation does', () => {
  test.each(pairs(INVOICE_STATES.states, invoiceOperations))('a %s invoice: %s', async (state, operation) => {
    const { latest_invoice } = await subscribe();
    await inState('invoices', latest_invoice.id, { invoiceStatus: state });
    const answer = await api.request('POST', `/v1/invoices/${latest_invoice.id}/${operation}`);
    const { invoice_status, version } = await api.made('GET', `/v1/invoices/${latest_invoice.id}`);
    if (INVOICE_STATES.allows(state, operation)) {
      expect(answer.status).toBe(200);
      expect(invoice_status).toBe(INVOICE_STATES.next(state, operation, latest_invoice));
    } else {
      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_operation', details: { invoice_status: state } } });
      expect({ invoice_status, version }).toEqual({ invoice_status: state, version: latest_invoice.version });
    }
  });

  test.each(PAYMENT_STATES.states)('an invoice whose payment is %s: void', async (state) => {
    const { latest_invoice } = await subscribe();
    await inState('invoices', latest_invoice.id, { paymentStatus: state });
    const answer = await api.request('POST', `/v1/invoices/${latest_invoice.id}/void`);
    const { invoice_status, payment_status } = await api.made('GET', `/v1/invoices/${latest_invoice.id}`);
    const allowed = PAYMENT_STATES.allows(state, 'void');
    expect(answer.status).toBe(allowed ? 200 : 400);
    if (!allowed) expect(answer.body).toMatchObject({ details: { payment_status: state } });
    expect({ invoice_status, payment_status }).toEqual({ invoice_status: allowed ? 'VOIDED' : 'FINALIZED', payment_status: state });
  });

  test.each(pairs(SUBSCRIPTION_STATES.states, ['cancel', 'inherit'] as const))(
    'a subscription that is %s: %s',
    async (state, operation) => {
      const { id } = await subscribe();
      const heir = await api.made('POST', '/v1/customers', { external_id: `heir-${id}`, name: 'Heir' });
      await inState('subscriptions', id, { subscriptionStatus: state });
      const answer =
        operation === 'cancel'
          ? await api.request('POST', `/v1/subscriptions/${id}/cancel`, { cancellation_type: 'immediate' })
          : await api.request('POST', '/v1/subscriptions', {
              customer_id: heir.id,
              plan_id: plan.planId,
              currency: 'usd',
              billing_period: 'MONTHLY',
              inheritance: { parent_subscription_id: id },
            });
      const { subscription_status } = await api.made('GET', `/v1/subscriptions/${id}`);
      if (SUBSCRIPTION_STATES.allows(state, operation)) {
        expect(answer.status).toBeLessThan(300);
        expect(subscription_status).toBe(SUBSCRIPTION_STATES.next(state, operation, { id }));
      } else {
        expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_operation', details: { subscription_status: state } } });
        expect(subscription_status).toBe(state);
      }
    },
  );

  test.each(SUBSCRIPTION_STATES.states)('a subscription that is %s: its period closes only where the table says so', async (state) => {
    const { id } = await subscribe();
    await inState('subscriptions', id, {
      subscriptionStatus: state,
      currentPeriodStart: utc('2026-02-01'),
      currentPeriodEnd: utc('2026-03-01'),
    });
    const closed = await api.app.subscriptions.closePeriod(api.ctx, id);
    expect(closed !== null).toBe(SUBSCRIPTION_STATES.allows(state, 'close'));
  });
});
