import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Decimal, decimal, ZERO } from '#kernel/decimal.ts';
import { roundToCurrency } from '#kernel/money.ts';
import { leftOf, type StageStep, withDeductions, withTaxes } from '#invoicing/domain/pipeline.ts';
import { createInvoiceService, type InvoiceService } from '#invoicing/service/invoice.ts';
import { type AnyStage, createPipeline, stage, type StageSubject } from '#invoicing/service/pipeline.ts';
import type { BillingDependencies } from '#invoicing/service/dependencies.ts';
import { type BillingApi, codeAssist, type LlmPlan, makeLlmPlan, startBillingApi, utc } from '../support/billing-api.ts';

const NOW = utc('2026-03-01T00:00:00');
const DELAY_SECONDS = 900;
let api: BillingApi;
let plan: LlmPlan;
beforeAll(async () => {
  api = await startBillingApi(NOW, { FLEXPRICE_BILLING_FINALIZATION_DELAY_SECONDS: String(DELAY_SECONDS) });
  plan = await makeLlmPlan(api);
});
beforeEach(() => {
  api.clock.set(NOW);
  api.events = codeAssist(plan.externalId, '2026-02-15T00:00:00Z');
  asked.length = 0;
  settled.length = 0;
});
afterAll(() => api.close());

/** The product's invoices, with stages as modules would give them. */
function invoicesWith(...stages: AnyStage[]): InvoiceService {
  const { app } = api;
  const dependencies: BillingDependencies = {
    database: app.database,
    clock: app.clock,
    customers: app.customers,
    subscriptions: app.subscriptions,
    prices: app.prices,
    meters: app.meters,
    featuresOfMeters: (ctx, meterIds) => app.features.ofMeters(ctx, meterIds),
    entitlementsOf: (ctx, subscription) => app.entitlements.forSubscription(ctx, subscription),
    readUsage: (ctx, requests) => app.usage.meterUsages(ctx, requests),
    delivery: app.delivery,
    onWaiting: () => undefined,
    pipeline: createPipeline(stages),
    onFailure: (_, __, error) => {
      throw error;
    },
    finalizationDelaySeconds: DELAY_SECONDS,
  };
  return createInvoiceService(dependencies);
}

const asked: [string, StageSubject][] = [];
const settled: [string, string | null, readonly StageStep[]][] = [];
const step = (id: string, line: number | null, base: Decimal, percentage: string): StageStep => ({
  source: { type: 'test', id },
  line,
  base,
  amount: roundToCurrency(base.times(percentage).div(100), 'usd'),
  terms: { percentage },
});
/** Reads its percentage from a table, as a coupon would, and says so when the invoice is final. */
const percentOf = (name: 'line_discounts' | 'invoice_discounts' | 'credits', percentage: () => string): AnyStage =>
  stage<string>({
    name,
    async gather(tx, _, subject) {
      asked.push([name, subject]);
      expect(
        await tx
          .selectFrom('invoices')
          .select('id')
          .where('id', '=', subject.invoiceId ?? '')
          .execute(),
      ).toHaveLength(subject.invoiceId === null ? 0 : 1);
      return percentage();
    },
    apply: (invoice, inputs) =>
      withDeductions(
        invoice,
        name,
        invoice.lines.map((line, index) => step(`${name}_1`, index, leftOf(line), inputs)).filter(({ amount }) => amount.gt(0)),
      ),
    async settle(_, __, invoice, steps) {
      settled.push([name, invoice.invoiceNumber, steps]);
    },
  });
const taxOf = (percentage: string): AnyStage =>
  stage<string>({
    name: 'taxes',
    gather: async () => percentage,
    apply: (invoice, inputs) =>
      withTaxes(invoice, [
        step(
          'taxrate_1',
          null,
          invoice.lines.reduce(
            (base, { amount, lineItemDiscount, invoiceLevelDiscount }) =>
              base.plus(amount).minus(lineItemDiscount).minus(invoiceLevelDiscount),
            ZERO,
          ),
          inputs,
        ),
      ]),
  });

async function closing(invoices: InvoiceService): Promise<{ id: string; subscriptionId: string }> {
  const { id: subscriptionId } = await api.made('POST', '/v1/subscriptions', {
    customer_id: plan.customerId,
    plan_id: plan.planId,
    currency: 'usd',
    billing_period: 'MONTHLY',
    billing_cycle: 'calendar',
    start_date: '2026-02-01T00:00:00Z',
  });
  const { invoiceId } = (await api.app.subscriptions.closePeriod(api.ctx, subscriptionId)) ?? { invoiceId: '' };
  await invoices.process(api.ctx, invoiceId);
  return { id: invoiceId, subscriptionId };
}
const shown = (id: string) => api.made('GET', `/v1/invoices/${id}`);

test('discounts stand on the draft, credits and taxes come with the final invoice, and each says what it was made from', async () => {
  const invoices = invoicesWith(
    percentOf('credits', () => '50'),
    taxOf('10'),
    percentOf('invoice_discounts', () => '20'),
    percentOf('line_discounts', () => '10'),
  );
  const { id, subscriptionId } = await closing(invoices);
  const draft = await shown(id);
  // 49.00, 54.18, 3.69 and 1.53 less a tenth, and of that a fifth: each line rounded once per step.
  expect(draft).toMatchObject({
    invoice_status: 'DRAFT',
    subtotal: '108.4',
    total_discount: '30.35',
    total_prepaid_credits_applied: '0',
    total_tax: '0',
    total: '78.05',
  });
  expect(draft.stages.map(({ stage: name }: { stage: string }) => name)).toEqual(['line_discounts', 'invoice_discounts']);
  expect(draft.stages[1].steps[0]).toEqual({
    source: { type: 'test', id: 'invoice_discounts_1' },
    line_item_id: draft.line_items[0].id,
    base: '44.1',
    amount: '8.82',
    terms: { percentage: '20' },
  });
  expect(draft.line_items[0]).toMatchObject({ amount: '49', line_item_discount: '4.9', invoice_level_discount: '8.82' });
  expect(settled).toEqual([]);
  expect(asked[0]?.[1]).toMatchObject({
    invoiceId: id,
    subscriptionId,
    customerId: plan.customerId,
    currency: 'usd',
    billingReason: 'SUBSCRIPTION_CYCLE',
  });

  api.clock.set(NOW.plus({ seconds: DELAY_SECONDS }));
  await invoices.process(api.ctx, id);
  const final = await shown(id);
  expect(final).toMatchObject({
    invoice_status: 'FINALIZED',
    subtotal: '108.4',
    total_discount: '30.35',
    total_prepaid_credits_applied: '39.03',
    total_tax: '7.81',
    total: '46.83',
    amount_due: '46.83',
  });
  expect(final.stages.map(({ stage: name }: { stage: string }) => name)).toEqual([
    'line_discounts',
    'invoice_discounts',
    'credits',
    'taxes',
  ]);
  for (const [name, field] of [
    ['line_discounts', 'line_item_discount'],
    ['invoice_discounts', 'invoice_level_discount'],
    ['credits', 'prepaid_credits_applied'],
  ] as const) {
    const { steps } = final.stages.find((record: { stage: string }) => record.stage === name);
    for (const line of final.line_items)
      expect(steps.find((each: { line_item_id: string }) => each.line_item_id === line.id).amount).toBe(line[field]);
  }
  // Once each, with the number that the invoice has: what settles a stage can name it.
  expect(settled.map(([name, number]) => [name, number])).toEqual(
    ['line_discounts', 'invoice_discounts', 'credits'].map((name) => [name, final.invoice_number]),
  );
});

test('a preview has discounts and taxes, and no credits', async () => {
  const invoices = invoicesWith(
    percentOf('credits', () => '50'),
    taxOf('10'),
    percentOf('line_discounts', () => '10'),
  );
  const { subscriptionId } = await closing(invoices);
  const { computed } = await invoices.preview(api.ctx, { subscriptionId, start: utc('2026-02-01'), end: utc('2026-03-01') });
  expect(Object.fromEntries(Object.entries(computed.totals).map(([name, amount]) => [name, amount.toFixed()]))).toMatchObject({
    subtotal: '108.4',
    totalDiscount: '10.84',
    totalPrepaidCreditsApplied: '0',
    totalTax: '9.76',
    total: '107.32',
  });
});

test('computing again takes what applies now, and an invoice that is final keeps what it has', async () => {
  let percentage = '10';
  const invoices = invoicesWith(percentOf('line_discounts', () => percentage));
  const { id } = await closing(invoices);
  const first = await shown(id);
  await invoices.compute(api.ctx, id);
  expect(await shown(id)).toEqual(first);
  percentage = '50';
  await invoices.compute(api.ctx, id);
  expect(await shown(id)).toMatchObject({ total_discount: '54.21', version: first.version + 1 });
  const final = await invoices.finalize(api.ctx, id);
  expect(final.totalDiscount.toFixed()).toBe('54.21');
  percentage = '0';
  await invoices.compute(api.ctx, id);
  expect((await shown(id)).total_discount).toBe('54.21');
});

test('a draft whose lines were edited is final as they stand, with credits and taxes', async () => {
  const invoices = invoicesWith(
    percentOf('line_discounts', () => '10'),
    percentOf('credits', () => '50'),
    taxOf('10'),
  );
  const { id } = await closing(invoices);
  await api.app.database.withTenant(api.ctx, async (tx) => {
    await tx.updateTable('invoices').set({ isManuallyEdited: true }).where('id', '=', id).execute();
    await tx
      .updateTable('invoiceLineItems')
      .set({ amount: decimal('100'), lineItemDiscount: decimal('30') })
      .where('invoiceId', '=', id)
      .execute();
  });
  await invoices.compute(api.ctx, id);
  await invoices.finalize(api.ctx, id);
  // Four lines of 70: half of it credits, a tenth tax on all of it.
  expect(await shown(id)).toMatchObject({
    invoice_status: 'FINALIZED',
    total_discount: '120',
    total_prepaid_credits_applied: '140',
    total_tax: '28',
    total: '168',
  });
  await expect(invoices.finalize(api.ctx, id)).rejects.toMatchObject({ code: 'invalid_operation' });
});

test('two modules cannot give the same stage', () => {
  expect(() => createPipeline([taxOf('1'), taxOf('2')])).toThrow('taxes');
});
