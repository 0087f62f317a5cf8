import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { priceQuantity } from '#charges/domain/pricing.ts';
import { type Decimal, decimal, sum, ZERO } from '#kernel/decimal.ts';
import { amount, flatPrice, packagePrice, quantity, tieredPrice } from '#test/support/arbitraries.ts';
import { answersOf, basisOf, computedInvoice, entitled, fixed, meterOf, subscriptionOf, usage } from '#test/support/billing.ts';
import { at, expectDecimal } from '#test/support/conformance.ts';
import type { BilledItem, InvoiceBasis } from '#charges/domain/inputs.ts';
import { isEmpty } from './pipeline.ts';
import { usageQuestions } from '#charges/domain/usage-charges.ts';

const compute = (basis: InvoiceBasis, values: Readonly<Record<string, string>> = {}) =>
  computedInvoice({ ...basis, usage: answersOf(usageQuestions(basis), (meter) => decimal(values[meter] ?? 0)) });
const amounts = (invoice: ReturnType<typeof compute>) =>
  Object.fromEntries(invoice.lines.map((line) => [line.priceId, line.amount.toFixed(2)]));

const NOVEMBER = { startDate: at('2023-11-01'), endDate: at('2023-12-01') };
const LLM_PLAN: readonly BilledItem[] = [
  fixed('fee', '49.00', 'ADVANCE'),
  usage('input', { amount: decimal('0.000003') }),
  usage('output', { amount: decimal('0.000015') }),
  usage('requests', { amount: decimal('0.0004') }, entitled('5000')),
];
const CODE_ASSIST = { meter_input: '18059974', meter_output: '245896', meter_requests: '8819' };

describe('the invoices of a month of LLM usage', () => {
  test('the opening invoice holds the fee in advance and no usage', () => {
    const invoice = compute(basisOf(LLM_PLAN, { subscription: subscriptionOf(NOVEMBER), referencePoint: 'period_start' }), CODE_ASSIST);
    expect(amounts(invoice)).toEqual({ fee: '49.00' });
    expectDecimal(invoice.totals.amountDue, '49');
    expect(invoice.lines[0]?.periodStart.toISO()).toBe('2023-11-01T00:00:00.000Z');
    expect(invoice.lines[0]?.periodEnd.toISO()).toBe('2023-12-01T00:00:00.000Z');
  });

  test('the closing invoice holds the usage, and no fee for a month after the end', () => {
    const invoice = compute(basisOf(LLM_PLAN, { subscription: subscriptionOf(NOVEMBER) }), CODE_ASSIST);
    expect(amounts(invoice)).toEqual({ input: '54.18', output: '3.69', requests: '1.53' });
    expectDecimal(invoice.totals.total, '59.40');
  });

  test('without an end, the closing invoice holds the next fee', () => {
    const invoice = compute(basisOf(LLM_PLAN), CODE_ASSIST);
    expect(amounts(invoice)).toEqual({ fee: '49.00', input: '54.18', output: '3.69', requests: '1.53' });
    expect(invoice.lines[0]?.periodStart.toISO()).toBe('2023-12-01T00:00:00.000Z');
  });

  test('each line says what it was made from', () => {
    const line = compute(basisOf(LLM_PLAN), CODE_ASSIST).lines.find(({ priceId }) => priceId === 'requests');
    expect(line?.calculation).toMatchObject({
      price: { id: 'requests', billingPeriod: 'MONTHLY', billingPeriodCount: 1, billingModel: 'FLAT_FEE', sequence: 1 },
      usage: { meter: { id: 'meter_requests' }, externalCustomerId: 'acme' },
      entitlement: {
        sources: ['ent_1'],
        reset: 'MONTHLY',
        rule: 'whole_period',
        pieces: [{ limit: decimal('5000'), until: decimal('8819') }],
      },
      rounding: { currency: 'usd', digits: 2, mode: 'half_away_from_zero' },
    });
    expect(line?.calculation.usage?.readings[0]?.watermark?.toISO()).toBe('2023-12-01T00:05:00.000Z');
    expectDecimal(line?.calculation.quantityBeforeEntitlement ?? ZERO, '8819');
    expectDecimal(line?.quantity ?? ZERO, '3819');
    expectDecimal(line?.adjustedEntitlementQuantity ?? ZERO, '5000');
    expectDecimal(line?.calculation.unroundedAmount ?? ZERO, '1.5276');
    expectDecimal(line?.amount ?? ZERO, '1.53');
  });
});

test('usage of an old price in advance is billed when its period is over', () => {
  const [old] = [usage('input', { amount: decimal('0.5'), invoiceCadence: 'ADVANCE' })];
  expect(amounts(compute(basisOf([old]), { meter_input: '60' }))).toEqual({ input: '30.00' });
  expect(usageQuestions(basisOf([old], { referencePoint: 'period_start' }))).toEqual([]);
});

test('a share of a fee is rounded once: the whole fee never is', () => {
  const fee = fixed('fee', '10.005', 'ARREAR');
  // Half of 10.005 is 5.0025; half of 10.01 would be 5.005, a cent more.
  const cut = { ...fee, item: { ...fee.item, endDate: at('2023-11-16') } };
  expect(amounts(compute(basisOf([cut]), {}))).toEqual({ fee: '5.00' });
});

describe('what an invoice leaves out', () => {
  const charged = (id: string, start: string, end: string, more: object = {}) => ({
    lineItemId: `subs_line_${id}`,
    priceId: id,
    priceType: 'USAGE' as const,
    period: { start: at(start), end: at(end) },
    ...more,
  });

  test('a line item that another invoice has charged for an overlapping time', () => {
    const invoiced = [charged('input', '2023-11-30', '2023-12-02'), charged('output', '2023-12-01', '2024-01-01')];
    expect(Object.keys(amounts(compute(basisOf(LLM_PLAN, { invoiced }), CODE_ASSIST)))).toEqual(['fee', 'output', 'requests']);
    expect(Object.keys(amounts(compute(basisOf(LLM_PLAN, { invoiced, referencePoint: 'preview' }), CODE_ASSIST)))).toEqual([
      'fee',
      'input',
      'output',
      'requests',
    ]);
  });

  test('not another line item of the same price, unless it is charged once', () => {
    const fee = fixed('fee', '10', 'ARREAR');
    const once = {
      ...fee,
      item: { ...fee.item, billingPeriod: 'ONETIME' as const, startDate: at('2023-11-05'), endDate: at('2023-11-05') },
    };
    const invoiced = [charged('another', '2023-11-04', '2023-11-06', { priceId: 'fee', priceType: 'FIXED' })];
    expect(amounts(compute(basisOf([fee], { invoiced }), {}))).toEqual({ fee: '10.00' });
    expect(amounts(compute(basisOf([once]), {}))).toEqual({ fee: '10.00' });
    expect(amounts(compute(basisOf([once], { invoiced }), {}))).toEqual({});
  });

  test('nothing of a line without usage: it stays, at 0; with no amount at all the invoice is skipped', () => {
    const invoice = compute(basisOf(LLM_PLAN, { subscription: subscriptionOf(NOVEMBER) }));
    expect(amounts(invoice)).toEqual({ input: '0.00', output: '0.00', requests: '0.00' });
    expect(isEmpty(invoice)).toBe(true);
  });

  test('time outside of the life of a line', () => {
    const [item] = [usage('input', { amount: decimal(1) })];
    const late = { ...item, item: { ...item.item, startDate: at('2023-11-10'), endDate: at('2023-11-20') } };
    expect(usageQuestions(basisOf([late])).map(({ period }) => [period.start.toISODate(), period.end.toISODate()])).toEqual([
      ['2023-11-10', '2023-11-20'],
    ]);
    const over = { ...item, item: { ...item.item, endDate: at('2023-11-01') } };
    expect(usageQuestions(basisOf([over]))).toEqual([]);
  });

  test('the advance of a cancelled period; its arrear is owed up to the effective date', () => {
    const end = at('2023-11-16');
    const items = [fixed('advance', '49', 'ADVANCE'), fixed('arrear', '30', 'ARREAR'), usage('input', { amount: decimal('0.5') })].map(
      (billed) => ({ ...billed, item: { ...billed.item, endDate: end } }),
    );
    const invoice = compute(
      basisOf(items, {
        subscription: subscriptionOf({ endDate: end }),
        referencePoint: 'cancel',
        period: { start: at('2023-11-01'), end },
      }),
      { meter_input: '3' },
    );
    expect(amounts(invoice)).toEqual({ arrear: '15.00', input: '1.50' });
  });
});

describe('windows and buckets', () => {
  test('a daily allowance asks for every day of the period and adds up what is over', () => {
    const basis = basisOf([usage('input', { amount: decimal('0.02') }, entitled('10', 'DAILY'))]);
    const [question] = usageQuestions(basis);
    expect(question).toMatchObject({ byDay: true });
    expect(question?.windows).toHaveLength(30);
    const invoice = computedInvoice({ ...basis, usage: answersOf(usageQuestions(basis), (_, day) => decimal([15, 3, 12][day] ?? 0)) });
    expectDecimal(invoice.lines[0]?.quantity ?? ZERO, '7');
    expectDecimal(invoice.lines[0]?.amount ?? ZERO, '0.14');
  });

  test('a lifetime allowance is taken from the total, less what earlier periods took', () => {
    const basis = basisOf([usage('input', { amount: decimal(1) }, entitled('100', 'NEVER'))], {
      subscription: subscriptionOf({ startDate: at('2023-10-01') }),
    });
    expect(usageQuestions(basis)[0]?.windows.map(({ start, end }) => [start.toISODate(), end.toISODate()])).toEqual([
      ['2023-10-01', '2023-11-01'],
      ['2023-10-01', '2023-12-01'],
    ]);
    const invoice = computedInvoice({ ...basis, usage: answersOf(usageQuestions(basis), (_, window) => decimal(window === 0 ? 50 : 150)) });
    expectDecimal(invoice.lines[0]?.quantity ?? ZERO, '50');
  });

  test.each([
    [null, '2023-11-01', '40'],
    ['2023-12-01', null, '40'],
    [null, '2023-11-01T00:00:01Z', '30'],
    ['2023-11-30', null, '30'],
    ['2023-11-10', '2023-11-12', '30'],
  ])('an allowance from %s to %s counts in full in the periods that it touches, and in no other', (startDate, endDate, billed) => {
    const dated = entitled('10', 'MONTHLY', { startDate: startDate ? at(startDate) : null, endDate: endDate ? at(endDate) : null });
    const {
      lines: [line],
    } = compute(basisOf([usage('input', { amount: decimal(1) }, dated)]), { meter_input: '40' });
    expectDecimal(line?.quantity ?? ZERO, billed);
    expect(line?.calculation.entitlement?.limit?.toFixed() ?? null).toBe(billed === '30' ? '10' : null);
  });

  test('buckets are priced one by one, and together once an entitlement applies', () => {
    const tiers = [
      { upTo: decimal(10), unitAmount: decimal('0.10'), flatAmount: null },
      { upTo: decimal(20), unitAmount: decimal('0.05'), flatAmount: null },
      { upTo: null, unitAmount: decimal('0.02'), flatAmount: null },
    ];
    const plain: BilledItem = {
      ...usage('peak', { billingModel: 'TIERED', tierMode: 'SLAB', tiers, amount: null }),
      meter: meterOf('meter_peak', { type: 'MAX', bucketSize: 'DAY' }),
    };
    const bucketed = (billed: BilledItem) => {
      const basis = basisOf([billed]);
      const questions = usageQuestions(basis);
      const answers = answersOf(questions, () => decimal(24)).map((answer, index) => ({
        ...answer,
        buckets: questions[index]?.buckets ? [decimal(9), decimal(15)] : null,
      }));
      return computedInvoice({ ...basis, usage: answers }).lines[0];
    };
    expectDecimal(bucketed(plain)?.amount ?? ZERO, '2.15');
    expectDecimal(bucketed(plain)?.quantity ?? ZERO, '24');
    // 24 less 4 included is 20: 10 x 0.10 and 10 x 0.05.
    expectDecimal(bucketed({ ...plain, entitlements: entitled('4') })?.amount ?? ZERO, '1.50');
  });

  test('a quarterly usage line of a monthly subscription is billed where its quarter ends', () => {
    const quarterly = usage('input', { amount: decimal(1), billingPeriod: 'QUARTERLY' });
    const closing = (month: string, next: string) => usageQuestions(basisOf([quarterly], { period: { start: at(month), end: at(next) } }));
    expect(closing('2023-12-01', '2024-01-01')).toEqual([]);
    expect(closing('2024-01-01', '2024-02-01').map(({ period }) => [period.start.toISODate(), period.end.toISODate()])).toEqual([
      ['2023-11-01', '2024-02-01'],
    ]);
  });
});

test('a usage question without an answer fails the invoice instead of dropping the line', () => {
  const basis = basisOf(LLM_PLAN);
  expect(() => computedInvoice({ ...basis, usage: [] })).toThrow(RangeError);
});

const usageItem = fc.tuple(
  fc.oneof(flatPrice(), packagePrice(), tieredPrice('SLAB'), tieredPrice('VOLUME')),
  fc.option(fc.integer({ min: 0, max: 300 })),
  quantity(500),
);
const plan = fc.record({
  fees: fc.array(fc.tuple(amount(), fc.constantFrom('ADVANCE' as const, 'ARREAR' as const)), { maxLength: 4 }),
  meters: fc.array(usageItem, { maxLength: 5 }),
});
type Plan = typeof plan extends fc.Arbitrary<infer P> ? P : never;

function inputsOf({ fees, meters }: Plan) {
  const items = [
    ...fees.map(([fee, cadence], index) => fixed(`fee_${index}`, fee, cadence)),
    ...meters.map(([terms, limit], index) => usage(`usage_${index}`, terms, limit === null ? [] : entitled(String(limit)))),
  ];
  const used = new Map(meters.map(([, , value], index) => [`meter_usage_${index}`, value]));
  const basis = basisOf(items);
  return { ...basis, usage: answersOf(usageQuestions(basis), (meter) => used.get(meter) ?? ZERO) };
}

/** The oracle: every line on its own, in the plainest words, in cents. */
function naiveTotal({ fees, meters }: Plan): Decimal {
  const cents = (value: Decimal) => value.times(100).plus('0.5').floor().div(100);
  const usageAmounts = meters.map(([terms, limit, used]) =>
    cents(priceQuantity(terms, used.minus(limit ?? 0).isNegative() ? ZERO : used.minus(limit ?? 0)).amount),
  );
  return sum([...fees.map(([fee]) => cents(fee)), ...usageAmounts]);
}

test('an invoice adds up to what its lines cost one by one', () => {
  fc.assert(
    fc.property(plan, (generated) => {
      const { lines, totals } = computedInvoice(inputsOf(generated));
      expectDecimal(totals.subtotal, naiveTotal(generated));
      expectDecimal(totals.total, sum(lines.map((line) => line.amount)));
      expectDecimal(totals.amountPaid.plus(totals.amountRemaining), totals.amountDue);
      for (const line of lines) expect(line.amount.decimalPlaces()).toBeLessThanOrEqual(2);
    }),
  );
});

test('the same inputs give the same invoice, byte for byte', () => {
  fc.assert(
    fc.property(plan, (generated) => {
      expect(JSON.stringify(computedInvoice(inputsOf(generated)))).toBe(JSON.stringify(computedInvoice(inputsOf(generated))));
    }),
    { numRuns: 30 },
  );
});
