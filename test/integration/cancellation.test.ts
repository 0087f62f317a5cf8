import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { unavailable } from '#kernel/errors.ts';
import { amountsOf, type BillingApi, codeAssist, type LlmPlan, makeLlmPlan, startBillingApi, utc } from '../support/billing-api.ts';

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
  api.usageFailure = () => null;
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
const price = (more: object) =>
  api.made('POST', '/v1/prices', {
    entity_type: 'PLAN',
    type: 'FIXED',
    billing_model: 'FLAT_FEE',
    billing_period: 'MONTHLY',
    invoice_cadence: 'ADVANCE',
    currency: 'usd',
    ...more,
  });

describe('cancel', () => {
  test('immediate: what was used is invoiced up to now, nothing in advance, and it is over', async () => {
    const { id } = await subscribe();
    // What was used before the period, and what is used from now on, is not on the bill.
    api.events = ['02-28T23:59:59Z', '03-09T00:00:00Z', '03-10T12:00:00Z'].flatMap((at) =>
      at.startsWith('02')
        ? [{ name: 'input_tokens', customer: plan.externalId, at: `2026-${at}`, properties: { value: 5e9 } }]
        : codeAssist(plan.externalId, `2026-${at}`),
    );
    const answer = await api.made('POST', `/v1/subscriptions/${id}/cancel`, { cancellation_type: 'immediate', reason: 'moved' });
    expect(answer).toMatchObject({
      subscription_id: id,
      cancellation_type: 'immediate',
      status: 'cancelled',
      effective_date: '2026-03-10T12:00:00Z',
      reason: 'moved',
      proration_details: [],
      total_credit_amount: '0',
    });
    const [, final, ...others] = await api.invoicesOf(id);
    expect(others).toEqual([]);
    expect(final).toMatchObject({
      id: answer.proration_invoice.id,
      billing_reason: 'PRORATION',
      invoice_status: 'FINALIZED',
      period_start: '2026-03-01T00:00:00Z',
      period_end: '2026-03-10T12:00:00Z',
    });
    expect(amountsOf(final)).toEqual({ input_tokens: '54.18', output_tokens: '3.69', requests: '1.53' });
    const after = await get(`/v1/subscriptions/${id}`);
    expect(after).toMatchObject({
      subscription_status: 'cancelled',
      cancelled_at: '2026-03-10T12:00:00Z',
      end_date: '2026-03-10T12:00:00Z',
      version: 2,
    });
    expect(after.line_items.every((item: { end_date: string }) => item.end_date === '2026-03-10T12:00:00Z')).toBe(true);
    expect(await post(`/v1/subscriptions/${id}/cancel`, { cancellation_type: 'immediate' })).toMatchObject({
      status: 400,
      body: { code: 'invalid_operation' },
    });
    api.clock.set(utc('2026-05-01T00:00:00'));
    await api.sweep();
    expect(await api.invoicesOf(id)).toHaveLength(2);
  });

  test('immediate with skip waives it', async () => {
    const { id } = await subscribe();
    api.events = codeAssist(plan.externalId, '2026-03-05T00:00:00Z');
    const answer = await api.made('POST', `/v1/subscriptions/${id}/cancel`, {
      cancellation_type: 'immediate',
      cancel_immediately_inovice_policy: 'skip',
    });
    expect(answer).not.toHaveProperty('proration_invoice');
    expect(await api.invoicesOf(id)).toHaveLength(1);
  });

  test('immediate while the usage store is away: cancelled at once, invoiced by a later sweep', async () => {
    const { id } = await subscribe();
    api.events = codeAssist(plan.externalId, '2026-03-05T00:00:00Z');
    api.usageFailure = () => unavailable('clickhouse', new Error('away'));
    const answer = await api.made('POST', `/v1/subscriptions/${id}/cancel`, { cancellation_type: 'immediate' });
    expect(answer).toMatchObject({
      status: 'cancelled',
      proration_invoice: { invoice_status: 'DRAFT', line_items: [], computation: { state: 'waiting' } },
    });
    api.usageFailure = () => null;
    api.clock.set(NOW.plus({ minutes: 1 }));
    await api.sweep();
    expect((await api.invoicesOf(id))[1]).toMatchObject({ invoice_status: 'FINALIZED', total: '59.4' });
  });

  test('immediate after missed roll-overs: the closed periods are invoiced, too', async () => {
    const { id } = await subscribe({ start_date: '2026-01-01T00:00:00Z' });
    // All of January, half of it in February, and a tenth of it until now.
    api.events = [
      ...codeAssist(plan.externalId, '2026-01-31T21:00:00Z'),
      { name: 'input_tokens', customer: plan.externalId, at: '2026-02-01T00:00:00Z', properties: { value: 9_000_000 } },
      { name: 'input_tokens', customer: plan.externalId, at: '2026-03-10T11:59:59Z', properties: { value: 1_000_000 } },
    ];
    await api.made('POST', `/v1/subscriptions/${id}/cancel`, { cancellation_type: 'immediate' });
    const invoices = async () =>
      (await api.invoicesOf(id)).map((invoice) => [invoice.billing_reason, invoice.period_end, invoice.invoice_status, invoice.total]);
    // The request computes the last one; those of earlier periods are a job's work.
    expect((await invoices()).slice(1)).toEqual([
      ['SUBSCRIPTION_CYCLE', '2026-02-01T00:00:00Z', 'DRAFT', '0'],
      ['SUBSCRIPTION_CYCLE', '2026-03-01T00:00:00Z', 'DRAFT', '0'],
      ['PRORATION', '2026-03-10T12:00:00Z', 'FINALIZED', '3'],
    ]);
    api.clock.set(NOW.plus({ minutes: 5 }));
    await api.sweep();
    expect(await invoices()).toEqual([
      ['SUBSCRIPTION_CREATE', '2026-02-01T00:00:00Z', 'FINALIZED', '49'],
      ['SUBSCRIPTION_CYCLE', '2026-02-01T00:00:00Z', 'FINALIZED', '108.4'],
      ['SUBSCRIPTION_CYCLE', '2026-03-01T00:00:00Z', 'FINALIZED', '76'],
      ['PRORATION', '2026-03-10T12:00:00Z', 'FINALIZED', '3'],
    ]);
  });

  test('more missed periods than a request can close are a job first, and the invoice of a cancellation that cannot be computed is a draft', async () => {
    const made = await api.made('POST', '/v1/plans', { name: 'Daily' });
    await price({ entity_id: made.id, amount: '1', billing_period: 'DAILY' });
    const daily = { plan_id: made.id, billing_period: 'DAILY' };
    const { id } = await subscribe({ ...daily, start_date: '2026-01-10T00:00:00Z' });
    const early = await api.request('POST', `/v1/subscriptions/${id}/cancel`, { cancellation_type: 'immediate' });
    expect([early.status, early.body.code, early.headers['Retry-After']]).toEqual([409, 'version_conflict', '10']);
    expect((await api.made('GET', `/v1/subscriptions/${id}`)).subscription_status).toBe('active');
    expect(await api.invoicesOf(id)).toHaveLength(1);
    await api.sweep();
    expect((await api.request('POST', `/v1/subscriptions/${id}/cancel`, { cancellation_type: 'immediate' })).status).toBe(200);

    const { id: broken } = await subscribe();
    api.usageFailure = () => new Error('nobody has thought of this');
    const cancelled = await api.request('POST', `/v1/subscriptions/${broken}/cancel`, { cancellation_type: 'immediate' });
    expect([cancelled.status, cancelled.body.status, cancelled.body.proration_invoice.invoice_status]).toEqual([200, 'cancelled', 'DRAFT']);
  });

  test('an arrear fee is owed for the part of the period that was lived', async () => {
    const created = await api.made('POST', '/v1/plans', { name: 'Arrear' });
    await price({ entity_id: created.id, amount: '31', invoice_cadence: 'ARREAR', display_name: 'fee' });
    const { id } = await subscribe({ plan_id: created.id });
    await api.made('POST', `/v1/subscriptions/${id}/cancel`, { cancellation_type: 'immediate', cancel_at: '2026-03-08T00:00:00Z' });
    expect((await api.invoicesOf(id)).map((invoice) => [invoice.invoice_status, invoice.total])).toEqual([
      ['SKIPPED', '0'],
      ['FINALIZED', '7'],
    ]);
  });

  test('end of period: goes on until then, no fee for the next period, then over', async () => {
    const { id } = await subscribe();
    api.events = codeAssist(plan.externalId, '2026-03-31T21:00:00Z');
    expect(await api.made('POST', `/v1/subscriptions/${id}/cancel`, { cancellation_type: 'end_of_period' })).toMatchObject({
      status: 'active',
      effective_date: '2026-04-01T00:00:00Z',
    });
    expect(await get(`/v1/subscriptions/${id}`)).toMatchObject({
      subscription_status: 'active',
      cancel_at: '2026-04-01T00:00:00Z',
      cancel_at_period_end: true,
    });
    expect((await post(`/v1/subscriptions/${id}/cancel`, { cancellation_type: 'end_of_period' })).status).toBe(400);
    await api.sweep();
    expect(await api.invoicesOf(id)).toHaveLength(1);
    api.clock.set(utc('2026-04-01T00:01:00'));
    await api.sweep();
    expect(await get(`/v1/subscriptions/${id}`)).toMatchObject({ subscription_status: 'cancelled', cancelled_at: '2026-04-01T00:00:00Z' });
    expect(amountsOf((await api.invoicesOf(id))[1])).toEqual({ input_tokens: '54.18', output_tokens: '3.69', requests: '1.53' });
  });

  test('on a date: it ends there, in whatever period that is', async () => {
    const { id } = await subscribe();
    expect((await post(`/v1/subscriptions/${id}/cancel`, { cancellation_type: 'scheduled_date' })).status).toBe(400);
    expect(
      (await post(`/v1/subscriptions/${id}/cancel`, { cancellation_type: 'scheduled_date', cancel_at: '2026-03-01T00:00:00Z' })).status,
    ).toBe(400);
    await api.made('POST', `/v1/subscriptions/${id}/cancel`, { cancellation_type: 'scheduled_date', cancel_at: '2026-03-20T00:00:00Z' });
    expect(await get(`/v1/subscriptions/${id}`)).toMatchObject({
      subscription_status: 'active',
      end_date: '2026-03-20T00:00:00Z',
      current_period_end: '2026-03-20T00:00:00Z',
    });
    // What is used until then is billed, what is used afterwards is not; the fee was paid in advance.
    api.events = ['2026-03-19T21:00:00Z', '2026-03-20T00:00:00Z'].flatMap((at) => codeAssist(plan.externalId, at));
    api.clock.set(utc('2026-03-20T00:00:00'));
    await api.sweep();
    expect(await get(`/v1/subscriptions/${id}`)).toMatchObject({ subscription_status: 'cancelled' });
    expect((await api.invoicesOf(id)).map((invoice) => [invoice.period_end, invoice.total])).toEqual([
      ['2026-04-01T00:00:00Z', '49'],
      ['2026-03-20T00:00:00Z', '59.4'],
    ]);
  });

  test('two at once: one cancels, the other is told so, and there is one final invoice', async () => {
    const { id } = await subscribe();
    api.events = codeAssist(plan.externalId, '2026-03-05T00:00:00Z');
    const answers = await Promise.all([1, 2].map(() => post(`/v1/subscriptions/${id}/cancel`, { cancellation_type: 'immediate' })));
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, 400]);
    expect(await api.invoicesOf(id)).toHaveLength(2);
  });
});

test('a crash between draft and roll-over leaves neither', async () => {
  const { id } = await subscribe({ start_date: '2026-02-01T00:00:00Z' });
  const input = { tenantId: api.ctx.tenantId, environmentId: api.ctx.environmentId, subscriptionId: id };
  const draft = api.app.invoices.invoicing.draft;
  const crash = vi.spyOn(api.app.invoices.invoicing, 'draft').mockImplementation(async (...work) => {
    await draft(...work);
    throw new Error('the process died');
  });
  await expect(api.app.billingActivities.closePeriod(input)).rejects.toThrow('died');
  crash.mockRestore();
  expect(await api.invoicesOf(id)).toHaveLength(1);
  expect(await get(`/v1/subscriptions/${id}`)).toMatchObject({ current_period_start: '2026-02-01T00:00:00Z', version: 1 });
  await api.sweep();
  expect(await api.invoicesOf(id)).toHaveLength(2);
});

test('a customer is deleted only once its subscriptions have ended', async () => {
  const customer = await api.made('POST', '/v1/customers', { external_id: 'leaving', name: 'Leaving' });
  const { id } = await subscribe({ customer_id: customer.id });
  expect(await api.request('DELETE', `/v1/customers/${customer.id}`)).toMatchObject({ status: 400, body: { code: 'invalid_operation' } });
  await api.made('POST', `/v1/subscriptions/${id}/cancel`, { cancellation_type: 'immediate' });
  expect((await api.request('DELETE', `/v1/customers/${customer.id}`)).status).toBe(204);
});
