import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { TestTenant } from '../support/api.ts';
import { amountsOf, type BillingApi, type LlmPlan, makeLlmPlan, startBillingApi, utc } from '../support/billing-api.ts';

const NOW = utc('2026-03-10T12:00:00');
let api: BillingApi;
let other: TestTenant;
let plan: LlmPlan;
beforeAll(async () => {
  api = await startBillingApi(NOW);
  other = await api.tenant('Other tenant');
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

describe('create', () => {
  test('answers the subscription with plan, customer, line items and opening invoice', async () => {
    const subscription = await subscribe({ metadata: { purchaseOrder: 'A-1' }, billing_cadence: 'RECURRING', timezone: 'Asia/Tokyo' });
    expect(subscription).toMatchObject({
      subscription_status: 'active',
      subscription_type: 'standalone',
      billing_cycle: 'anniversary',
      billing_period: 'MONTHLY',
      billing_period_count: 1,
      billing_anchor: '2026-03-01T00:00:00Z',
      current_period_start: '2026-03-01T00:00:00Z',
      current_period_end: '2026-04-01T00:00:00Z',
      timezone: 'UTC',
      version: 1,
      metadata: { purchaseOrder: 'A-1' },
      cancel_at_period_end: false,
      plan: { id: plan.planId, name: 'LLM API' },
      customer: { id: plan.customerId },
      latest_invoice: { billing_reason: 'SUBSCRIPTION_CREATE', total: '49' },
    });
    expect(subscription.line_items.map((item: Record<string, unknown>) => [item.display_name, item.price_type, item.quantity])).toEqual([
      ['Platform fee', 'FIXED', '1'],
      ['input_tokens', 'USAGE', '0'],
      ['output_tokens', 'USAGE', '0'],
      ['requests', 'USAGE', '0'],
    ]);
    expect(subscription.line_items[1].price).toMatchObject({ id: plan.priceIds.input, amount: '0.000003', currency: 'USD' });
    expect(await get(`/v1/subscriptions/${subscription.id}`)).toEqual(subscription);
  });

  test.each([
    ['DAILY', '2026-01-31T10:00:00Z', '2026-02-01T10:00:00Z'],
    ['WEEKLY', '2026-01-31T10:00:00Z', '2026-02-07T10:00:00Z'],
    ['MONTHLY', '2026-01-31T10:00:00Z', '2026-02-28T10:00:00Z'],
    ['QUARTERLY', '2026-01-31T10:00:00Z', '2026-04-30T10:00:00Z'],
    ['HALF_YEARLY', '2026-01-31T10:00:00Z', '2026-07-31T10:00:00Z'],
    ['ANNUAL', '2024-02-29T10:00:00Z', '2025-02-28T10:00:00Z'],
  ])('%s anniversary', async (billing_period, start_date, end) => {
    const { id } = await api.made('POST', '/v1/plans', { name: billing_period });
    await price({ entity_id: id, billing_period, amount: '10' });
    expect(await subscribe({ plan_id: id, billing_period, start_date, end_date: end })).toMatchObject({
      current_period_start: start_date,
      current_period_end: end,
      billing_anchor: start_date,
    });
  });

  test("calendar periods follow the customer's own midnight", async () => {
    const { planId, customerId } = await makeLlmPlan(api, { timezone: 'Asia/Kolkata' });
    const subscription = await subscribe({
      plan_id: planId,
      customer_id: customerId,
      billing_cycle: 'calendar',
      start_date: '2026-03-05T12:00:00Z',
    });
    expect(subscription).toMatchObject({
      timezone: 'Asia/Kolkata',
      billing_anchor: '2026-03-31T18:30:00Z',
      current_period_end: '2026-03-31T18:30:00Z',
    });
    expect(subscription.latest_invoice.total).toBe('49');
    const prorated = await subscribe({
      plan_id: planId,
      customer_id: customerId,
      billing_cycle: 'calendar',
      start_date: '2026-03-16T06:30:00Z',
      proration_behavior: 'create_prorations',
    });
    expect(Number(prorated.latest_invoice.total)).toBeLessThan(25);
    expect(prorated.latest_invoice.line_items[0].calculation.proration).toHaveProperty('numerator_seconds');
  });

  test('an explicit anchor, and an end inside the first period', async () => {
    expect(await subscribe({ billing_anchor: '2026-01-15T00:00:00Z' })).toMatchObject({ current_period_end: '2026-03-15T00:00:00Z' });
    expect(await subscribe({ end_date: '2026-03-20T00:00:00Z' })).toMatchObject({ current_period_end: '2026-03-20T00:00:00Z' });
  });

  test('prices of other currencies and shorter periods are left out, longer ones keep their own period', async () => {
    const { id } = await api.made('POST', '/v1/plans', { name: 'Mixed' });
    await price({ entity_id: id, amount: '300', display_name: 'monthly' });
    await price({ entity_id: id, amount: '400', billing_period: 'QUARTERLY', display_name: 'quarterly' });
    await price({ entity_id: id, amount: '5', billing_period: 'ONETIME', display_name: 'set-up' });
    await price({ entity_id: id, amount: '1', billing_period: 'WEEKLY', display_name: 'weekly' });
    await price({ entity_id: id, amount: '1', currency: 'eur', display_name: 'euros' });
    const subscription = await subscribe({ plan_id: id, start_date: '2025-12-01T00:00:00Z' });
    expect(amountsOf(subscription.latest_invoice)).toEqual({ monthly: '300.00', quarterly: '400.00', 'set-up': '5.00' });
    await api.sweep();
    expect((await api.invoicesOf(subscription.id)).map((invoice) => invoice.total)).toEqual(['705', '300', '300', '700']);
  });

  test('overrides: seats, and a price of its own for what decides the amount', async () => {
    const subscription = await subscribe({
      override_line_items: [
        { price_id: plan.priceIds.fee, quantity: '3', amount: '40' },
        { price_id: plan.priceIds.input, amount: '0.5' },
      ],
    });
    expect(subscription.latest_invoice.total).toBe('120');
    const [fee, input] = subscription.line_items;
    expect(fee).toMatchObject({
      quantity: '3',
      price: { amount: '40', entity_type: 'SUBSCRIPTION', entity_id: subscription.id, parent_price_id: plan.priceIds.fee },
    });
    expect(input.price).toMatchObject({ amount: '0.5', meter_id: subscription.line_items[1].meter_id });
    expect((await get(`/v1/prices/${plan.priceIds.fee}`)).amount).toBe('49');
  });

  test.each([
    [{ customer_id: undefined }, 400, 'customer_id'],
    [{ customer_id: 'cust_unknown' }, 404, 'customer'],
    [{ plan_id: 'plan_unknown' }, 404, 'plan'],
    [{ currency: 'eur' }, 400, 'plan_id'],
    [{ currency: 'dollars' }, 400, 'currency'],
    [{ currency: 'xyz' }, 400, 'currency'],
    [{ billing_period: 'ONETIME' }, 400, 'billing_period'],
    [{ billing_period: 'DECADE' }, 400, 'billing_period'],
    [{ billing_period_count: 0 }, 400, 'billing_period_count'],
    [{ end_date: '2026-02-01T00:00:00Z' }, 400, 'end_date'],
    [{ start_date: 'yesterday' }, 400, 'start_date'],
    [{ start_date: '1970-01-01T00:00:00Z' }, 400, 'start_date'],
    [{ billing_anchor: '0001-01-01T00:00:00+14:00' }, 400, 'billing_anchor'],
    [{ start_date: '9999-12-01T00:00:00Z' }, 400, 'billing_period_count'],
    [{ override_line_items: [{ price_id: 'x', quantity: '1e99' }] }, 400, 'quantity'],
    [{ subscription_status: 'draft' }, 400, 'subscription_status'],
    [{ payment_behavior: 'error_if_incomplete' }, 400, 'payment_behavior'],
    [{ commitment_amount: '100' }, 400, 'commitment_amount'],
    [{ trial_period_days: 14 }, 400, 'trial_period_days'],
    [{ phases: [{ start_date: '2026-04-01T00:00:00Z' }] }, 400, 'phases'],
    [{ coupons: ['coupon_1'] }, 400, 'coupons'],
    [{ override_line_items: [{ price_id: 'price_unknown' }] }, 400, 'price_id'],
    [{ metadata: { a: 1 } }, 400, 'metadata'],
  ])('%o is refused and writes nothing', async (change, status, named) => {
    const before = (await get('/v1/subscriptions?limit=1')).pagination.total;
    const answer = await post('/v1/subscriptions', request(change));
    expect(answer.status).toBe(status);
    expect(JSON.stringify(answer.body)).toContain(named);
    expect(answer.body.http_status_code).toBe(status);
    expect((await get('/v1/subscriptions?limit=1')).pagination.total).toBe(before);
  });

  test('what asks for nothing is accepted, though not supported', async () => {
    await subscribe({
      commitment_amount: '0',
      coupons: [],
      phases: [],
      overage_factor: '1',
      enable_true_up: false,
      trial_period_days: 0,
      line_item_commitments: {},
      override_entitlements: null,
    });
  });

  test('a lookup key is unique, and an Idempotency-Key makes one subscription of two requests', async () => {
    const { id } = await subscribe({ lookup_key: 'main' });
    expect((await post('/v1/subscriptions', request({ lookup_key: 'main' }))).status).toBe(409);
    await api.made('POST', `/v1/subscriptions/${id}/cancel`, { cancellation_type: 'end_of_period' });
    expect((await post('/v1/subscriptions', request({ lookup_key: 'main' }))).status).toBe(409);
    await api.made('POST', `/v1/subscriptions/${id}/cancel`, { cancellation_type: 'immediate' });
    expect(await subscribe({ lookup_key: 'main' })).toMatchObject({ lookup_key: 'main', subscription_status: 'active' });
    const send = () => api.request('POST', '/v1/subscriptions', request(), { 'idempotency-key': 'once' });
    const [first, second] = await Promise.all([send(), send()]);
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.body.id).toBe(first.body.id);
    expect(await api.invoicesOf(first.body.id)).toHaveLength(1);
  });
});

test('lists of subscriptions: filters, and parts on demand', async () => {
  const { planId, customerId, externalId } = await makeLlmPlan(api);
  const { id } = await subscribe({ plan_id: planId, customer_id: customerId });
  const search = async (filter: object) =>
    (await api.made('POST', '/v1/subscriptions/search', { plan_id: planId, ...filter })).items.map((item: { id: string }) => item.id);
  expect(await search({})).toEqual([id]);
  expect(await search({ external_customer_id: externalId, subscription_status: ['active'], billing_period: ['MONTHLY'] })).toEqual([id]);
  expect(await search({ subscription_status: ['cancelled'] })).toEqual([]);
  expect(await search({ active_at: '2026-02-01T00:00:00Z' })).toEqual([]);
  expect(await search({ customer_ids: [customerId], customer_id: 'cust_other' })).toEqual([]);
  const listed = await get(`/v1/subscriptions?plan_id=${planId}&expand=plan,customer,prices`);
  expect(listed.items[0]).toMatchObject({
    plan: { id: planId },
    customer: { id: customerId },
    line_items: [{ price: { amount: '49' } }, {}, {}, {}],
  });
  expect((await get(`/v1/subscriptions?plan_id=${planId}`)).items[0]).not.toHaveProperty('line_items');
});

describe('tenancy', () => {
  test("another tenant's and another environment's ids are not there, and nothing changes", async () => {
    const { id, latest_invoice, version } = await subscribe();
    const production = await api.keyWith(['super_admin'], api.environments.find(({ type }) => type === 'production')?.id);
    const ask = [
      (...call: Parameters<TestTenant['request']>) => other.request(...call),
      (method: string, path: string, body?: unknown) => api.send(method, path, body, { 'x-api-key': production }),
    ];
    for (const request of ask) {
      for (const [method, path, body] of [
        ['GET', `/v1/subscriptions/${id}`],
        ['POST', `/v1/subscriptions/${id}/cancel`, { cancellation_type: 'immediate' }],
        ['POST', '/v1/subscriptions/usage', { subscription_id: id }],
        ['GET', `/v1/invoices/${latest_invoice.id}`],
        ['POST', `/v1/invoices/${latest_invoice.id}/finalize`],
        ['POST', `/v1/invoices/${latest_invoice.id}/void`],
        ['POST', '/v1/invoices/preview', { subscription_id: id }],
        ['POST', '/v1/subscriptions', { customer_id: plan.customerId, plan_id: plan.planId, currency: 'usd', billing_period: 'MONTHLY' }],
      ] as const)
        expect([path, (await request(method, path, body)).status]).toEqual([path, 404]);
      expect((await request('POST', '/v1/invoices/search', { subscription_id: id })).body.items).toEqual([]);
      expect((await request('GET', '/v1/subscriptions')).body.items).toEqual([]);
    }
    expect(await get(`/v1/subscriptions/${id}`)).toMatchObject({ subscription_status: 'active', version });
  });

  test('a reader may look and not change', async () => {
    const { id, latest_invoice } = await subscribe();
    const key = await api.keyWith(['all_reader']);
    const ask = async (method: string, path: string, body?: unknown) => (await api.send(method, path, body, { 'x-api-key': key })).status;
    expect(await ask('GET', `/v1/subscriptions/${id}`)).toBe(200);
    expect(await ask('POST', '/v1/subscriptions', request())).toBe(403);
    expect(await ask('POST', `/v1/subscriptions/${id}/cancel`, { cancellation_type: 'immediate' })).toBe(403);
    expect(await ask('POST', `/v1/invoices/${latest_invoice.id}/void`)).toBe(403);
  });
});
