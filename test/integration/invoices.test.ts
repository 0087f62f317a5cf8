import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type BillingApi, codeAssist, type LlmPlan, makeLlmPlan, startBillingApi, utc } from '../support/billing-api.ts';
import { manyEvents } from '../support/event-list.ts';

const NOW = utc('2026-03-10T12:00:00');
let api: BillingApi;
let plan: LlmPlan;
beforeAll(async () => {
  api = await startBillingApi(NOW);
  plan = await makeLlmPlan(api);
});
beforeEach(() => {
  api.clock.set(NOW);
  api.events = [];
});
afterAll(() => api.close());

const request = (more: object = {}) => ({
  customer_id: plan.customerId,
  plan_id: plan.planId,
  currency: 'usd',
  billing_period: 'MONTHLY',
  start_date: '2026-03-01T00:00:00Z',
  ...more,
});
const subscribe = (more: object = {}) => api.made('POST', '/v1/subscriptions', request(more));
const post = (path: string, body?: unknown) => api.request('POST', path, body);
const get = (path: string) => api.made('GET', path);

describe('invoices', () => {
  test('void: keeps its number, frees nothing of what the subscription did, and happens once', async () => {
    const { id, latest_invoice } = await subscribe();
    expect(await post(`/v1/invoices/${latest_invoice.id}/void`)).toMatchObject({ status: 200, body: { message: expect.any(String) } });
    expect(await get(`/v1/invoices/${latest_invoice.id}`)).toMatchObject({
      invoice_status: 'VOIDED',
      voided_at: '2026-03-10T12:00:00Z',
      invoice_number: latest_invoice.invoice_number,
    });
    expect((await post(`/v1/invoices/${latest_invoice.id}/void`)).body).toMatchObject({ code: 'invalid_operation', http_status_code: 400 });
    await api.sweep();
    expect(await api.invoicesOf(id)).toHaveLength(1);
  });

  test('finalize: a draft once, with a message; anything else is refused', async () => {
    const { id } = await subscribe({ start_date: '2026-02-01T00:00:00Z' });
    api.events = codeAssist(plan.externalId, '2026-02-27T00:00:00Z');
    const closed = await api.app.billingActivities.closePeriod({
      tenantId: api.ctx.tenantId,
      environmentId: api.ctx.environmentId,
      subscriptionId: id,
    });
    expect(await post(`/v1/invoices/${closed?.invoiceId}/finalize`)).toMatchObject({ status: 200, body: { message: expect.any(String) } });
    const final = await get(`/v1/invoices/${closed?.invoiceId}`);
    expect(final).toMatchObject({
      invoice_status: 'FINALIZED',
      total: '108.4',
      finalized_at: '2026-03-10T12:00:00Z',
      due_date: '2026-03-11T12:00:00Z',
    });
    const again = await post(`/v1/invoices/${closed?.invoiceId}/finalize`);
    expect(again.status).toBe(400);
    // No column that the contract does not name leaves with a refusal.
    expect(again.body.details).toEqual({ id: closed?.invoiceId, invoice_status: 'FINALIZED' });
    expect(await get(`/v1/invoices/${closed?.invoiceId}`)).toEqual(final);
  });

  test('search and list: filters, sorting, expand, and lines on demand', async () => {
    const { planId, customerId, externalId } = await makeLlmPlan(api);
    const { id } = await subscribe({ plan_id: planId, customer_id: customerId, start_date: '2026-02-01T00:00:00Z' });
    api.events = codeAssist(externalId, '2026-02-01T00:00:00Z');
    await api.sweep();
    const search = async (filter: object) =>
      (
        await api.made('POST', '/v1/invoices/search', {
          subscription_id: id,
          sort: [
            { field: 'period_end', direction: 'asc' },
            { field: 'total', direction: 'asc' },
          ],
          ...filter,
        })
      ).items.map((invoice: { total: string }) => invoice.total);
    expect(await search({})).toEqual(['49', '108.4']);
    expect(await search({ billing_reason: 'SUBSCRIPTION_CYCLE' })).toEqual(['108.4']);
    expect(await search({ invoice_status: ['DRAFT', 'VOIDED'] })).toEqual([]);
    expect(await search({ payment_status: ['PENDING'], invoice_type: 'SUBSCRIPTION', currency: 'USD' })).toEqual(['49', '108.4']);
    expect(await search({ amount_due_gt: 49 })).toEqual(['108.4']);
    expect(await search({ customer_id: plan.customerId })).toEqual([]);
    expect(await search({ external_customer_id: externalId })).toEqual(['49', '108.4']);
    expect(await search({ external_customer_id: 'nobody' })).toEqual([]);
    expect(await search({ period_start_gte: '2026-02-02T00:00:00Z' })).toEqual([]);
    expect(await search({ filters: [{ field: 'total', operator: 'gt', data_type: 'number', value: { number: 100 } }] })).toEqual(['108.4']);
    const listed = await get(
      `/v1/invoices?subscription_id=${id}&skip_line_items=true&expand=customer,subscription&invoice_status=FINALIZED%2CDRAFT&limit=1`,
    );
    expect(listed).toMatchObject({
      items: [{ customer: { external_id: externalId }, subscription: { id } }],
      pagination: { total: 2, limit: 1, offset: 1 },
    });
    expect(listed.items[0]).not.toHaveProperty('line_items');
    expect((await api.request('GET', '/v1/invoices?expand=secrets')).status).toBe(400);
  });

  test('what a draft holds is charged: another invoice of the time takes it only when that one is voided', async () => {
    const { id } = await subscribe({ start_date: '2026-02-01T00:00:00Z' });
    api.events = codeAssist(plan.externalId, '2026-02-27T00:00:00Z');
    const { app, ctx } = api;
    const scope = { tenantId: ctx.tenantId, environmentId: ctx.environmentId, subscriptionId: id };
    const first = (await app.billingActivities.closePeriod(scope))?.invoiceId ?? '';
    const usageOf = async (invoiceId: string) => {
      await app.invoices.compute(ctx, invoiceId);
      const { invoice_status, line_items } = await get(`/v1/invoices/${invoiceId}`);
      return [invoice_status, line_items.filter((line: { price_type: string }) => line.price_type === 'USAGE').length];
    };
    expect(await usageOf(first)).toEqual(['DRAFT', 3]);
    const period = { start: utc('2026-02-01'), end: utc('2026-03-01') };
    const second = await app.database.withTenant(ctx, async (tx) =>
      app.invoicing.draft(tx, ctx, await app.subscriptions.get({ ...ctx, transaction: tx }, id), { reason: 'PRORATION', period }),
    );
    expect(await usageOf(second.id)).toEqual(['DRAFT', 0]);
    expect((await post(`/v1/invoices/${first}/void`)).status).toBe(200);
    expect(await usageOf(second.id)).toEqual(['DRAFT', 3]);
  });

  test('preview hides zero lines when asked, and checks its range', async () => {
    const { id } = await subscribe();
    api.events = manyEvents(6000, { name: 'requests', customer: plan.externalId, at: '2026-03-31T00:00:00Z' });
    const lines = async (more: object) =>
      (await api.made('POST', '/v1/invoices/preview', { subscription_id: id, ...more })).line_items.map(
        (line: { display_name: string }) => line.display_name,
      );
    expect(await lines({})).toEqual(['Platform fee', 'input_tokens', 'output_tokens', 'requests']);
    expect(await lines({ hide_zero_charges_line_items: true })).toEqual(['Platform fee', 'requests']);
    expect((await post('/v1/invoices/preview', { subscription_id: id, period_start: '0001-01-01T00:00:00Z' })).status).toBe(400);
    expect((await post('/v1/subscriptions/usage', { subscription_id: id, start_time: '1900-01-01T00:00:00Z' })).status).toBe(400);
    expect(
      (
        await post('/v1/invoices/preview', {
          subscription_id: id,
          period_start: '2026-03-02T00:00:00Z',
          period_end: '2026-03-01T00:00:00Z',
        })
      ).status,
    ).toBe(400);
  });
});
