import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decimal, sum, ZERO } from '#kernel/decimal.ts';
import { roundToCurrency } from '#kernel/money.ts';
import { answersOf, basisOf, fixed, subscriptionOf, usage } from '#test/support/billing.ts';
import { expectDecimal } from '#test/support/conformance.ts';
import { usageQuestions } from '#charges/domain/usage-charges.ts';
import { chargesStage } from './charge-lines.ts';
import {
  applyStages,
  emptyInvoice,
  leftOf,
  type PreparedStage,
  type StagedInvoice,
  STAGES,
  type StageName,
  type StageStep,
  TOTALS,
  withDeductions,
  withTaxes,
} from './pipeline.ts';

const CHARGES = (() => {
  const basis = basisOf([fixed('fee', '30', 'ARREAR'), usage('input', { amount: decimal('0.7') })], { subscription: subscriptionOf() });
  return chargesStage({ ...basis, usage: answersOf(usageQuestions(basis), () => decimal(100)) });
})();
const step = (amount: string, line: number | null, more: Partial<StageStep> = {}): StageStep => ({
  source: { type: 'test', id: 'test_1' },
  line,
  base: decimal(amount),
  amount: decimal(amount),
  terms: {},
  ...more,
});
/** Takes a share of what each line has left, as a coupon would. */
const percent = (name: 'line_discounts' | 'invoice_discounts' | 'credits', percentage: number): PreparedStage => ({
  name,
  apply: (invoice) =>
    withDeductions(
      invoice,
      name,
      invoice.lines.flatMap((line, index) => {
        const base = leftOf(line);
        const amount = roundToCurrency(base.times(percentage).div(100), invoice.currency);
        return amount.isZero() ? [] : [step('0', index, { base, amount, terms: { percentage: String(percentage) } })];
      }),
    ),
});
const tax = (percentage: number): PreparedStage => ({
  name: 'taxes',
  apply: (invoice) => {
    const base = sum(invoice.lines.map((line) => line.amount.minus(line.lineItemDiscount).minus(line.invoiceLevelDiscount)));
    return withTaxes(invoice, [step('0', null, { base, amount: roundToCurrency(base.times(percentage).div(100), invoice.currency) })]);
  },
});
const made = (...stages: PreparedStage[]): StagedInvoice => applyStages(emptyInvoice('usd'), stages);

describe('an invoice through its stages', () => {
  test('without any that modules give it is its charges', () => {
    const { totals, records, lines } = made(TOTALS, CHARGES);
    expectDecimal(totals.total, '100');
    expect(records).toEqual([]);
    expect(lines.map(leftOf).map(String)).toEqual(['30', '70']);
  });

  test('each stage sees what those before it left, whatever the order in which they are given (worked examples I07 and I13)', () => {
    const stages = [CHARGES, percent('line_discounts', 10), percent('invoice_discounts', 20), percent('credits', 50), tax(10), TOTALS];
    for (const given of [stages, [...stages].reverse()]) {
      const { totals, records } = made(...given);
      // 100 less 10 and 18 is 72; half of it is paid with credits, and they do not lower the base of the tax.
      expectDecimal(totals.totalDiscount, '28');
      expectDecimal(totals.totalPrepaidCreditsApplied, '36');
      expectDecimal(totals.totalTax, '7.2');
      expectDecimal(totals.total, '43.2');
      expect(records.map(({ stage }) => stage)).toEqual(['line_discounts', 'invoice_discounts', 'credits', 'taxes']);
    }
  });

  test('a stage that runs again replaces what it had done', () => {
    const once = made(CHARGES, percent('credits', 50), tax(10), TOTALS);
    const again = applyStages(once, [percent('credits', 50), tax(10), TOTALS]);
    expect(JSON.stringify(again)).toBe(JSON.stringify(once));
    const other = applyStages(once, [percent('credits', 10), TOTALS]);
    expectDecimal(other.totals.totalPrepaidCreditsApplied, '10');
    expect(other.records.map(({ stage, steps }) => [stage, steps.length])).toEqual([
      ['taxes', 1],
      ['credits', 2],
    ]);
  });

  test.each([
    ['more than a line has left', [step('30.01', 0)]],
    ['more than a line has left, in two steps', [step('20', 0), step('20', 0)]],
    ['less than nothing', [step('-1', 0)]],
    ['what is not rounded', [step('0.005', 0)]],
    ['from a line that is not there', [step('1', 2)]],
    ['from no line', [step('1', null)]],
  ])('a stage cannot take %s', (_, steps) => {
    const stage: PreparedStage = { name: 'line_discounts', apply: (invoice) => withDeductions(invoice, 'line_discounts', steps) };
    expect(() => made(CHARGES, stage, TOTALS)).toThrow(RangeError);
  });
});

test('the same inputs make the same invoice, byte for byte, and its parts add up', () => {
  const percentages = fc.record({ line: fc.nat(100), invoice: fc.nat(100), credits: fc.nat(100), tax: fc.nat(30) });
  const charges = fc.record({ fee: fc.nat(100_000), used: fc.nat(1_000_000), currency: fc.constantFrom('usd', 'jpy', 'kwd') });
  fc.assert(
    fc.property(percentages, charges, fc.shuffledSubarray([...STAGES], { minLength: STAGES.length }), (percentage, charge, order) => {
      const stages = (): Record<StageName, PreparedStage> => {
        const basis = basisOf(
          [
            fixed('fee', decimal(charge.fee).div(1000), 'ARREAR', { currency: charge.currency }),
            usage('input', { amount: decimal('0.0007'), currency: charge.currency }),
          ],
          { subscription: subscriptionOf({ currency: charge.currency }) },
        );
        const items = basis.items.map((billed) => ({ ...billed, item: { ...billed.item, currency: charge.currency } }));
        const inputs = { ...basis, items, usage: answersOf(usageQuestions({ ...basis, items }), () => decimal(charge.used)) };
        return {
          charges: chargesStage(inputs),
          line_discounts: percent('line_discounts', percentage.line),
          invoice_discounts: percent('invoice_discounts', percentage.invoice),
          credits: percent('credits', percentage.credits),
          taxes: tax(percentage.tax),
          totals: TOTALS,
        };
      };
      const [first, second] = [stages(), stages()];
      const invoice = applyStages(
        emptyInvoice(charge.currency),
        STAGES.map((name) => first[name]),
      );
      const shuffled = applyStages(
        emptyInvoice(charge.currency),
        order.map((name) => second[name]),
      );
      expect(JSON.stringify(shuffled)).toBe(JSON.stringify(invoice));
      const explained = (stage: StageName) =>
        sum(invoice.records.filter((record) => record.stage === stage).flatMap(({ steps }) => steps.map(({ amount }) => amount)));
      const { totals } = invoice;
      expectDecimal(totals.totalDiscount, explained('line_discounts').plus(explained('invoice_discounts')).toFixed());
      expectDecimal(totals.totalPrepaidCreditsApplied, explained('credits').toFixed());
      expectDecimal(totals.totalTax, explained('taxes').toFixed());
      expect(invoice.lines.every((line) => leftOf(line).gte(ZERO))).toBe(true);
    }),
  );
});
