import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { ZERO } from '#kernel/decimal.ts';
import { amountsOf, type BillingApi, codeAssist, type LlmPlan, makeLlmPlan, startBillingApi, utc } from '../support/billing-api.ts';
import { manyEvents } from '../support/event-list.ts';
import { recomputedAmount, type StoredCalculation } from '../support/recompute.ts';

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

const subscribe = (more: object = {}) =>
  api.made('POST', '/v1/subscriptions', {
    customer_id: plan.customerId,
    plan_id: plan.planId,
    currency: 'usd',
    billing_period: 'MONTHLY',
    start_date: '2026-03-01T00:00:00Z',
    ...more,
  });
const cancel = (id: string, more: object = {}) =>
  api.request('POST', `/v1/subscriptions/${id}/cancel`, { cancellation_type: 'immediate', ...more });
const get = (path: string) => api.made('GET', path);
const newPlan = async (price: object): Promise<{ planId: string; priceId: string }> => {
  const { id } = await api.made('POST', '/v1/plans', { name: 'Edge' });
  return {
    planId: id,
    priceId: (
      await api.made('POST', '/v1/prices', {
        entity_type: 'PLAN',
        entity_id: id,
        type: 'FIXED',
        billing_model: 'FLAT_FEE',
        billing_period: 'MONTHLY',
        invoice_cadence: 'ADVANCE',
        currency: 'usd',
        ...price,
      })
    ).id,
  };
};
// biome-ignore lint/suspicious/noExplicitAny: answers of any shape
const spans = (invoices: any[]) =>
  invoices.map((invoice) => [invoice.billing_reason, invoice.period_start, invoice.period_end, invoice.total]);
const closePeriod = (subscriptionId: string) =>
  api.app.billingActivities.closePeriod({ tenantId: api.ctx.tenantId, environmentId: api.ctx.environmentId, subscriptionId });

describe('at the very boundary', () => {
  test('an immediate cancellation at the first instant of a period bills the closed one, and nothing of the new', async () => {
    const { id } = await subscribe();
    api.events = [...codeAssist(plan.externalId, '2026-03-31T21:00:00Z'), ...codeAssist(plan.externalId, '2026-04-01T00:00:00Z')];
    api.clock.set(utc('2026-04-01T00:00:00'));
    expect((await cancel(id)).body).toMatchObject({ status: 'cancelled', effective_date: '2026-04-01T00:00:00Z' });
    expect(spans(await api.invoicesOf(id))).toEqual([
      ['SUBSCRIPTION_CREATE', '2026-03-01T00:00:00Z', '2026-04-01T00:00:00Z', '49'],
      ['SUBSCRIPTION_CYCLE', '2026-03-01T00:00:00Z', '2026-04-01T00:00:00Z', '59.4'],
    ]);
    api.clock.set(utc('2026-06-01T00:00:00'));
    expect(await api.sweep()).toEqual([]);
  });

  test('a sweep one millisecond before the end closes nothing, one at the end closes the period', async () => {
    const { id } = await subscribe({ end_date: '2026-04-01T00:00:00Z' });
    api.clock.set(utc('2026-03-31T23:59:59.999'));
    await api.sweep();
    expect(await api.invoicesOf(id)).toHaveLength(1);
    api.clock.set(utc('2026-04-01T00:00:00'));
    await api.sweep();
    expect(await get(`/v1/subscriptions/${id}`)).toMatchObject({
      subscription_status: 'cancelled',
      cancelled_at: '2026-04-01T00:00:00Z',
      end_date: '2026-04-01T00:00:00Z',
    });
    // The end of the subscription is the end of the period: there is no fee for a next one, and nothing was used.
    expect((await api.invoicesOf(id)).map((invoice) => [invoice.invoice_status, invoice.total])).toEqual([
      ['FINALIZED', '49'],
      ['SKIPPED', '0'],
    ]);
  });

  test('a cancellation at the end of a period can be made immediate, and happens once', async () => {
    const { id } = await subscribe();
    expect((await cancel(id, { cancellation_type: 'end_of_period' })).status).toBe(200);
    expect((await cancel(id, { cancellation_type: 'scheduled_date', cancel_at: '2026-03-20T00:00:00Z' })).status).toBe(400);
    expect((await cancel(id)).status).toBe(200);
    expect((await cancel(id)).status).toBe(400);
    expect(await get(`/v1/subscriptions/${id}`)).toMatchObject({
      subscription_status: 'cancelled',
      cancel_at_period_end: false,
      end_date: '2026-03-10T12:00:00Z',
    });
  });
});

describe('prices', () => {
  test('a changed price is for new subscriptions, those that run keep theirs, and a subscription from before has both', async () => {
    const { planId, priceId } = await newPlan({ amount: '31', display_name: 'fee', invoice_cadence: 'ARREAR' });
    const running = await subscribe({ plan_id: planId });
    const successor = await api.made('PUT', `/v1/prices/${priceId}`, { amount: '62' });
    api.clock.set(NOW.plus({ seconds: 1 }));
    const fresh = await subscribe({ plan_id: planId, start_date: null });
    expect(fresh.line_items.map((item: { price_id: string }) => item.price_id)).toEqual([successor.id]);
    const earlier = await subscribe({ plan_id: planId });
    api.clock.set(utc('2026-04-01T00:00:00'));
    await api.sweep();
    expect((await api.invoicesOf(running.id))[1]).toMatchObject({ total: '31', line_items: [{ price_id: priceId }] });
    // 9.5 days of 31 at 31, 21.5 days at 62.
    expect(
      (await api.invoicesOf(earlier.id))[1].line_items.map((line: { price_id: string; amount: string }) => [line.price_id, line.amount]),
    ).toEqual([
      [priceId, '9.5'],
      [successor.id, '43'],
    ]);
  });

  test.each([
    ['jpy', '100.5', '3', '302'],
    ['kwd', '0.0015', '1', '0.002'],
    ['usd', '10', '2.5', '25'],
    ['usd', '0.0049', '1', '0'],
  ])('in %s, %s x %s is %s', async (currency, amount, quantity, expected) => {
    const { planId, priceId } = await newPlan({ amount, currency });
    const { latest_invoice } = await subscribe({ plan_id: planId, currency, override_line_items: [{ price_id: priceId, quantity }] });
    expect(latest_invoice).toMatchObject({ currency, total: expected, invoice_status: expected === '0' ? 'SKIPPED' : 'FINALIZED' });
  });

  test('two subscriptions of one customer on one meter each bill what they cover', async () => {
    // A thousand a day: the second one covers 28 days, as the first one's February does.
    api.events = Array.from({ length: 40 }, (_, day) =>
      manyEvents(1000, { name: 'requests', customer: plan.externalId, at: utc('2026-01-30').plus({ days: day }).toISO() ?? '' }),
    ).flat();
    const first = await subscribe({ start_date: '2026-02-01T00:00:00Z' });
    const second = await subscribe({ start_date: '2026-02-08T00:00:00Z' });
    await api.sweep();
    expect(amountsOf((await api.invoicesOf(first.id))[1]).requests).toBe('9.20');
    expect(amountsOf((await api.invoicesOf(second.id))[1]).requests).toBe('9.20');
  });
});

describe('long catch-ups', () => {
  test('the 31st of a customer with clock changes: every month once, without gap or overlap', async () => {
    const { planId, customerId } = await makeLlmPlan(api, { timezone: 'America/New_York' });
    const { id } = await subscribe({ plan_id: planId, customer_id: customerId, start_date: '2024-01-31T05:00:00Z' });
    await api.sweep();
    const closing = (await api.invoicesOf(id)).filter((invoice) => invoice.billing_reason === 'SUBSCRIPTION_CYCLE');
    expect(closing).toHaveLength(25);
    expect(closing.slice(0, 4).map((invoice) => invoice.period_end)).toEqual([
      '2024-02-29T05:00:00Z',
      '2024-03-31T04:00:00Z',
      '2024-04-30T04:00:00Z',
      '2024-05-31T04:00:00Z',
    ]);
    expect(closing.slice(1).map((invoice) => invoice.period_start)).toEqual(closing.slice(0, -1).map((invoice) => invoice.period_end));
    expect(closing.every((invoice) => invoice.total === '49' && invoice.invoice_status === 'FINALIZED')).toBe(true);
  });

  test('every three months: each fee and each closed period once', async () => {
    const { planId } = await newPlan({ amount: '90', billing_period_count: 3 });
    const { id } = await subscribe({ plan_id: planId, billing_period_count: 3, start_date: '2025-08-31T00:00:00Z' });
    await api.sweep();
    expect(spans(await api.invoicesOf(id))).toEqual([
      ['SUBSCRIPTION_CREATE', '2025-08-31T00:00:00Z', '2025-11-30T00:00:00Z', '90'],
      ['SUBSCRIPTION_CYCLE', '2025-08-31T00:00:00Z', '2025-11-30T00:00:00Z', '90'],
      ['SUBSCRIPTION_CYCLE', '2025-11-30T00:00:00Z', '2026-02-28T00:00:00Z', '90'],
    ]);
  });

  test('more days than one run closes: the next run goes on, and each day is billed once', async () => {
    const { planId } = await newPlan({ amount: '1', billing_period: 'DAILY' });
    const { id } = await subscribe({
      plan_id: planId,
      billing_period: 'DAILY',
      start_date: '2025-11-26T12:00:00Z',
      end_date: '2026-03-10T12:00:00Z',
    });
    await api.sweep();
    // The run goes on under its own id; a sweep would only start another when that one is long dead.
    api.clock.set(api.clock.now().plus({ minutes: 6 }));
    await api.sweep();
    const { items, pagination } = await api.made('POST', '/v1/invoices/search', {
      subscription_id: id,
      limit: 500,
      invoice_status: ['FINALIZED'],
      sort: [{ field: 'period_start', direction: 'asc' }],
    });
    // 104 days: the opening invoice and 103 that close a day and open the next; the last one opens none and is skipped.
    expect(pagination.total).toBe(104);
    const days = items.flatMap((invoice: { line_items: { period_start: string }[] }) =>
      invoice.line_items.map((line) => line.period_start),
    );
    expect(new Set(days).size).toBe(104);
    expect(await get(`/v1/subscriptions/${id}`)).toMatchObject({ subscription_status: 'cancelled' });
  });
});

describe('finalize and void', () => {
  const draft = async () => {
    api.events = codeAssist(plan.externalId, '2026-02-14T00:00:00Z');
    const { id } = await subscribe({ start_date: '2026-02-01T00:00:00Z' });
    const invoiceId = (await closePeriod(id))?.invoiceId ?? '';
    await api.app.invoices.compute(api.ctx, invoiceId);
    return invoiceId;
  };
  const numberOf = (number: string) => Number(number.split('-').at(-1));

  test('a finalization that is rolled back gives its number back', async () => {
    const [first, second] = [await draft(), await draft()];
    await expect(
      api.app.database.withTenant(api.ctx, async (tx) => {
        await api.app.invoices.finalize({ ...api.ctx, transaction: tx }, first);
        throw new Error('rolled back');
      }),
    ).rejects.toThrow('rolled back');
    expect(await get(`/v1/invoices/${first}`)).toMatchObject({ invoice_status: 'DRAFT' });
    const numbers = [];
    for (const id of [second, first]) numbers.push(numberOf((await api.app.invoices.finalize(api.ctx, id)).invoiceNumber ?? ''));
    const { items } = await api.made('POST', '/v1/invoices/search', { limit: 1000, invoice_status: ['FINALIZED', 'VOIDED'] });
    const ofMarch = items
      .map((invoice: { invoice_number?: string }) => invoice.invoice_number ?? '')
      .filter((number: string) => number.startsWith('INV-202603-'))
      .map(numberOf)
      .sort((a: number, b: number) => a - b);
    expect(numbers).toEqual([ofMarch.length - 1, ofMarch.length]);
    expect(ofMarch).toEqual(ofMarch.map((_: number, index: number) => index + 1));
  });

  test('a computation whose usage has become old meanwhile does not replace a younger one', async () => {
    const id = await draft();
    const { meterUsages } = api.app.usage;
    const [reading, computed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    vi.mocked(api.app.usage.meterUsages).mockImplementationOnce(async (...asked) => {
      const old = (await meterUsages(...asked)).map((usage) => ({ ...usage, value: ZERO }));
      reading.resolve();
      await computed.promise;
      return old;
    });
    const slow = api.app.invoices.compute(api.ctx, id);
    await reading.promise;
    expect((await api.app.invoices.compute(api.ctx, id)).total.toFixed()).toBe('108.4');
    computed.resolve();
    await slow;
    expect(await get(`/v1/invoices/${id}`)).toMatchObject({ total: '108.4', invoice_status: 'DRAFT' });
  });

  test('finalize and void at once: each invoice ends voided, with a number only when it was final first', async () => {
    const ids = [await draft(), await draft(), await draft()];
    const answers = await Promise.all(
      ids.flatMap((id) => ['finalize', 'void'].map((what) => api.request('POST', `/v1/invoices/${id}/${what}`))),
    );
    for (const [index, id] of ids.entries()) {
      const [finalized, voided] = answers.slice(index * 2);
      const invoice = await get(`/v1/invoices/${id}`);
      expect(voided?.status).toBe(200);
      expect([200, 400]).toContain(finalized?.status);
      expect(invoice.invoice_status).toBe('VOIDED');
      expect('invoice_number' in invoice).toBe(finalized?.status === 200);
    }
  });
});

test('every stored line of all these invoices can be recomputed from its calculation', async () => {
  const lines = await api.app.database.withTenant(api.ctx, (tx) =>
    tx.selectFrom('invoiceLineItems').select(['amount', 'calculation']).execute(),
  );
  expect(lines.length).toBeGreaterThan(200);
  for (const { amount, calculation } of lines) expect(recomputedAmount(calculation as unknown as StoredCalculation)).toBe(amount.toFixed());
});
