import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { unavailable } from '#kernel/errors.ts';
import { amountsOf, type BillingApi, codeAssist, makeLlmPlan, startBillingApi, utc } from '../support/billing-api.ts';
import { manyEvents } from '../support/event-list.ts';

const NOW = utc('2026-03-10T12:00:00');
let api: BillingApi;
beforeAll(async () => {
  api = await startBillingApi(NOW);
});
beforeEach(() => {
  api.clock.set(NOW);
  api.events = [];
  api.usageFailure = () => null;
});
afterAll(() => api.close());

/** Months in which the subscribed customer uses what it used in November 2023. */
const MONTHS = ['2023-11', '2025-12', '2026-01', '2026-02', '2026-03'];
async function subscribe(more: object = {}) {
  const plan = await makeLlmPlan(api);
  api.events = [...api.events, ...MONTHS.flatMap((month) => codeAssist(plan.externalId, `${month}-20T11:00:00Z`))];
  const subscription = await api.made('POST', '/v1/subscriptions', {
    external_customer_id: plan.externalId,
    plan_id: plan.planId,
    currency: 'USD',
    billing_period: 'MONTHLY',
    billing_cycle: 'calendar',
    ...more,
  });
  return { plan, subscription };
}

describe('November 2023 of an LLM service', () => {
  test('the fee is on the opening invoice, the usage on the closing one, and then it is over', async () => {
    const { subscription } = await subscribe({ start_date: '2023-11-01T00:00:00Z', end_date: '2023-12-01T00:00:00Z' });
    expect(subscription).toMatchObject({
      current_period_start: '2023-11-01T00:00:00Z',
      current_period_end: '2023-12-01T00:00:00Z',
      subscription_status: 'active',
      currency: 'usd',
    });

    const [opening] = await api.invoicesOf(subscription.id);
    expect(opening).toMatchObject({
      billing_reason: 'SUBSCRIPTION_CREATE',
      invoice_status: 'FINALIZED',
      payment_status: 'PENDING',
      total: '49',
      amount_due: '49',
      amount_remaining: '49',
    });
    expect(amountsOf(opening)).toEqual({ 'Platform fee': '49.00' });
    expect(opening.line_items[0]).toMatchObject({ period_start: '2023-11-01T00:00:00Z', period_end: '2023-12-01T00:00:00Z' });
    expect(subscription.latest_invoice.id).toBe(opening.id);

    expect(await api.sweep()).toHaveLength(1);
    const [, closing, ...others] = await api.invoicesOf(subscription.id);
    expect(others).toEqual([]);
    expect(closing).toMatchObject({
      billing_reason: 'SUBSCRIPTION_CYCLE',
      invoice_status: 'FINALIZED',
      period_start: '2023-11-01T00:00:00Z',
      period_end: '2023-12-01T00:00:00Z',
      total: '59.4',
      due_date: '2026-03-11T12:00:00Z',
    });
    expect(amountsOf(closing)).toEqual({ input_tokens: '54.18', output_tokens: '3.69', requests: '1.53' });

    const requests = closing.line_items.find((line: { display_name: string }) => line.display_name === 'requests');
    expect(requests).toMatchObject({ quantity: '3819', adjusted_entitlement_quantity: '5000' });
    expect(requests.calculation).toMatchObject({
      quantity_before_entitlement: '8819',
      quantity: '3819',
      unrounded_amount: '1.5276',
      amount: '1.53',
      rounding: { currency: 'usd', digits: 2 },
      usage: { readings: [{ value: '8819', watermark: '2026-03-10T12:00:00Z' }] },
      entitlement: { limit: '5000', reset: 'MONTHLY' },
      price: { billing_model: 'FLAT_FEE', amount: '0.0004' },
    });

    const after = await api.made('GET', `/v1/subscriptions/${subscription.id}`);
    expect(after).toMatchObject({
      subscription_status: 'cancelled',
      cancelled_at: '2023-12-01T00:00:00Z',
      end_date: '2023-12-01T00:00:00Z',
    });
  });

  test('the preview equals the invoice that follows', async () => {
    api.clock.set(utc('2026-03-01T00:00:00'));
    const { subscription } = await subscribe();
    const preview = await api.made('POST', '/v1/invoices/preview', { subscription_id: subscription.id });
    expect(await api.invoicesOf(subscription.id)).toHaveLength(1);
    api.clock.set(utc('2026-04-01T00:00:00'));
    await api.sweep();
    const [, closing] = await api.invoicesOf(subscription.id);
    expect(amountsOf(closing)).toEqual({ 'Platform fee': '49.00', input_tokens: '54.18', output_tokens: '3.69', requests: '1.53' });
    // biome-ignore lint/suspicious/noExplicitAny: answers of any shape
    const shown = ({ total, subtotal, amount_due, currency, line_items, period_start, period_end }: Record<string, any>) => ({
      total,
      subtotal,
      amount_due,
      currency,
      period_start,
      period_end,
      lines: line_items.map((line: Record<string, unknown>) => [
        line.price_id,
        line.amount,
        line.quantity,
        line.period_start,
        line.period_end,
        line.adjusted_entitlement_quantity,
      ]),
    });
    expect(shown(preview)).toEqual(shown(closing));
    expect(preview).not.toHaveProperty('id');
  });
});

describe('the sweep', () => {
  test('catches up over several periods, one invoice each, in order', async () => {
    const { subscription } = await subscribe({ start_date: '2025-12-01T00:00:00Z' });
    await api.sweep();
    const invoices = await api.invoicesOf(subscription.id);
    expect(
      invoices.map((invoice) => [
        invoice.billing_reason,
        invoice.period_start.slice(0, 10),
        invoice.period_end.slice(0, 10),
        invoice.total,
      ]),
    ).toEqual([
      ['SUBSCRIPTION_CREATE', '2025-12-01', '2026-01-01', '49'],
      ['SUBSCRIPTION_CYCLE', '2025-12-01', '2026-01-01', '108.4'],
      ['SUBSCRIPTION_CYCLE', '2026-01-01', '2026-02-01', '108.4'],
      ['SUBSCRIPTION_CYCLE', '2026-02-01', '2026-03-01', '108.4'],
    ]);
    const fees = invoices.flatMap((invoice) =>
      invoice.line_items
        .filter((line: { display_name: string }) => line.display_name === 'Platform fee')
        .map((line: { period_start: string }) => line.period_start.slice(0, 10)),
    );
    expect(fees).toEqual(['2025-12-01', '2026-01-01', '2026-02-01', '2026-03-01']);
    expect(await api.made('GET', `/v1/subscriptions/${subscription.id}`)).toMatchObject({
      current_period_start: '2026-03-01T00:00:00Z',
      current_period_end: '2026-04-01T00:00:00Z',
    });
  });

  test('twice, and twice at once, changes nothing', async () => {
    const { subscription } = await subscribe({ start_date: '2025-12-01T00:00:00Z' });
    const input = { tenantId: api.ctx.tenantId, environmentId: api.ctx.environmentId, subscriptionId: subscription.id };
    const { runBillingCycle } = await import('#invoicing/jobs/billing-cycle.ts');
    const cycle = () => runBillingCycle(api.app.billingActivities, input);
    await Promise.all([cycle(), cycle(), cycle(), api.app.billingActivities.startBillingCycles({ after: null })]);
    const once = await api.invoicesOf(subscription.id);
    expect(once).toHaveLength(4);
    expect(once.every((invoice) => invoice.invoice_status === 'FINALIZED')).toBe(true);
    await api.sweep();
    expect(await api.sweep()).toEqual([]);
    expect(await api.invoicesOf(subscription.id)).toEqual(once);
  });

  test('a sweep that finds a subscription while somebody closes its period waits for nothing that the other holds', async () => {
    const { subscription } = await subscribe({ start_date: '2025-12-01T00:00:00Z' });
    const { app, ctx } = api;
    // The order in which the row and its entry are locked: row first by whoever closes, and by the sweep the entry alone.
    await app.database.withTenant(ctx, async (tx) => {
      await tx.selectFrom('subscriptions').select('id').where('id', '=', subscription.id).forUpdate().execute();
      await app.billingActivities.startBillingCycles({ after: null });
    });
    await api.sweep();
    expect(await api.invoicesOf(subscription.id)).toHaveLength(4);
  });

  test('pages by keyset through all that is due', async () => {
    const made = [];
    for (let count = 0; count < 3; count += 1) made.push((await subscribe({ start_date: '2026-02-01T00:00:00Z' })).subscription.id);
    const seen: string[] = [];
    let after: { time: string; id: string } | null = null;
    do {
      const page: Awaited<ReturnType<BillingApi['app']['subscriptions']['due']>> = await api.app.subscriptions.due(after, 2);
      seen.push(...page.map(({ id }) => id));
      const last = page.at(-1);
      after = page.length === 2 && last ? { time: last.currentPeriodEnd.toISO() ?? '', id: last.id } : null;
    } while (after !== null);
    expect(seen).toEqual(expect.arrayContaining(made));
    expect(new Set(seen).size).toBe(seen.length);
    await api.sweep();
  });

  test('an invoice whose usage cannot be read stays a draft, is never billed as 0, and is finished by a later sweep', async () => {
    const { subscription } = await subscribe({ start_date: '2026-02-01T00:00:00Z' });
    api.usageFailure = () => unavailable('clickhouse', new Error('away'));
    await api.sweep();
    const [, draft] = await api.invoicesOf(subscription.id);
    expect(draft).toMatchObject({
      invoice_status: 'DRAFT',
      version: 1,
      line_items: [],
      computation: { state: 'waiting', reason: expect.stringContaining('clickhouse'), next_attempt_at: expect.any(String) },
    });
    expect(draft).not.toHaveProperty('last_computed_at');
    expect(await api.made('GET', `/v1/subscriptions/${subscription.id}`)).toMatchObject({ current_period_start: '2026-03-01T00:00:00Z' });

    api.usageFailure = () => null;
    expect(await api.sweep()).toEqual([]);
    api.clock.set(utc(draft.computation.next_attempt_at.slice(0, -1)));
    await api.sweep();
    const [, closing, ...others] = await api.invoicesOf(subscription.id);
    expect(closing).toMatchObject({ id: draft.id, invoice_status: 'FINALIZED', total: '108.4', computation: { state: 'computed' } });
    expect(closing.computation).not.toHaveProperty('reason');
    expect(others).toEqual([]);
  });

  test('computing a draft again gives the same lines with the same ids, and tells nobody', async () => {
    const { plan, subscription } = await subscribe({ start_date: '2026-02-01T00:00:00Z' });
    const input = { tenantId: api.ctx.tenantId, environmentId: api.ctx.environmentId, subscriptionId: subscription.id };
    const closed = await api.app.billingActivities.closePeriod(input);
    const compute = async () => {
      await api.app.invoices.compute(api.ctx, closed?.invoiceId ?? '');
      return api.made('GET', `/v1/invoices/${closed?.invoiceId}`);
    };
    const events = async () =>
      (
        await api.app.database.asSystem('test', (tx) =>
          tx
            .selectFrom('outbox')
            .select('eventName')
            .where('entityId', '=', closed?.invoiceId ?? '')
            .execute(),
        )
      ).map(({ eventName }) => eventName);
    const first = await compute();
    expect(first.line_items).toHaveLength(4);
    const told = await events();
    expect(told).toEqual(['invoice.created', 'invoice.update']);
    expect(await compute()).toEqual(first);
    expect(await events()).toEqual(told);

    api.events = [...api.events, ...manyEvents(1000, { name: 'requests', customer: plan.externalId, at: '2026-02-20T00:00:00Z' })];
    const changed = await compute();
    expect(changed).toMatchObject({ version: first.version + 1, total: '108.8' });
    expect(changed.line_items.map((line: { id: string }) => line.id)).toEqual(first.line_items.map((line: { id: string }) => line.id));
    expect(
      changed.line_items.filter((line: object, index: number) => JSON.stringify(line) !== JSON.stringify(first.line_items[index])),
    ).toHaveLength(1);
    expect(await events()).toEqual([...told, 'invoice.update']);
    await api.sweep();
  });

  test('a period without anything to bill is skipped, and its lines say why', async () => {
    const { plan, subscription } = await subscribe({ start_date: '2026-02-01T00:00:00Z', end_date: '2026-03-01T00:00:00Z' });
    api.events = codeAssist(plan.externalId, '2026-03-01T00:00:00Z');
    await api.sweep();
    const [, closing] = await api.invoicesOf(subscription.id);
    expect(closing).toMatchObject({ invoice_status: 'SKIPPED', total: '0' });
    expect(closing).not.toHaveProperty('invoice_number');
    expect(amountsOf(closing)).toEqual({ input_tokens: '0.00', output_tokens: '0.00', requests: '0.00' });
    expect(await api.sweep()).toEqual([]);
  });

  test('a subscription whose end lies in a later period goes on', async () => {
    const { subscription } = await subscribe({ start_date: '2026-01-01T00:00:00Z', end_date: '2026-03-20T00:00:00Z' });
    await api.sweep();
    expect(await api.made('GET', `/v1/subscriptions/${subscription.id}`)).toMatchObject({
      subscription_status: 'active',
      current_period_end: '2026-03-20T00:00:00Z',
    });
    api.clock.set(utc('2026-03-20T00:00:01'));
    await api.sweep();
    expect(await api.made('GET', `/v1/subscriptions/${subscription.id}`)).toMatchObject({ subscription_status: 'cancelled' });
    const invoices = await api.invoicesOf(subscription.id);
    expect(invoices.map((invoice) => invoice.period_end.slice(0, 10))).toEqual(['2026-02-01', '2026-02-01', '2026-03-01', '2026-03-20']);
    expect(Object.keys(amountsOf(invoices.at(-1)))).toEqual(['input_tokens', 'output_tokens', 'requests']);
  });
});

test('numbers are sequential and unique however many invoices are finalized at once', async () => {
  const drafts: string[] = [];
  for (let count = 0; count < 6; count += 1) {
    const { subscription } = await subscribe({ start_date: '2026-02-01T00:00:00Z' });
    const closed = await api.app.billingActivities.closePeriod({
      tenantId: api.ctx.tenantId,
      environmentId: api.ctx.environmentId,
      subscriptionId: subscription.id,
    });
    drafts.push(closed?.invoiceId ?? '');
  }
  await Promise.all(drafts.map((id) => api.made('POST', `/v1/invoices/${id}/finalize`)));
  const { items } = await api.made('POST', '/v1/invoices/search', { limit: 1000, invoice_status: ['FINALIZED'] });
  const numbers: number[] = items
    .map((invoice: { invoice_number: string }) => Number(/^INV-202603-(\d{5})$/.exec(invoice.invoice_number)?.[1]))
    .sort((a: number, b: number) => a - b);
  const march = numbers.filter((value) => !Number.isNaN(value));
  expect(march.length).toBeGreaterThan(6);
  expect(march).toEqual(march.map((_, index) => index + 1));
});

test('every change has its system event, in the tenant', async () => {
  const { subscription } = await subscribe({ start_date: '2026-02-01T00:00:00Z', end_date: '2026-03-01T00:00:00Z' });
  await api.sweep();
  const invoices = await api.invoicesOf(subscription.id);
  const events = await api.app.database.asSystem('test', (tx) =>
    tx
      .selectFrom('outbox')
      .select(['eventName', 'entityId', 'tenantId', 'environmentId'])
      .where('entityId', 'in', [subscription.id, ...invoices.map(({ id }) => id)])
      .orderBy('position')
      .execute(),
  );
  expect(
    events.map(({ eventName, entityId }) => [
      entityId === subscription.id ? 'subscription' : entityId === invoices[0].id ? 'opening' : 'closing',
      eventName,
    ]),
  ).toEqual([
    ['subscription', 'subscription.created'],
    ['opening', 'invoice.created'],
    ['opening', 'invoice.update.finalized'],
    ['closing', 'invoice.created'],
    ['subscription', 'subscription.cancelled'],
    ['closing', 'invoice.update.finalized'],
  ]);
  expect(new Set(events.map(({ tenantId, environmentId }) => `${tenantId} ${environmentId}`))).toEqual(
    new Set([`${api.ctx.tenantId} ${api.ctx.environmentId}`]),
  );
});

test('usage of a subscription: JSON numbers, with the quantity before the entitlement and the cost after it', async () => {
  const { subscription } = await subscribe({ start_date: '2026-03-01T00:00:00Z' });
  const usage = await api.made('POST', '/v1/subscriptions/usage', { subscription_id: subscription.id });
  expect(usage).toMatchObject({
    amount: 59.4,
    currency: 'usd',
    display_amount: '$59.40',
    has_overage: false,
    start_time: '2026-03-01T00:00:00Z',
    end_time: '2026-04-01T00:00:00Z',
  });
  expect(usage.charges.map((charge: Record<string, unknown>) => [charge.meter_display_name, charge.quantity, charge.amount])).toEqual([
    ['input_tokens', 18_059_974, 54.18],
    ['output_tokens', 245_896, 3.69],
    ['requests', 8_819, 1.53],
  ]);
});
