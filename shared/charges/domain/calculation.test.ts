import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Decimal, decimal, sum, ZERO } from '#kernel/decimal.ts';
import { flatPrice, packagePrice, quantity, tieredPrice } from '#test/support/arbitraries.ts';
import { answersOf, basisOf, computedInvoice, entitled, fixed, meterOf, subscriptionOf, usage } from '#test/support/billing.ts';
import { at } from '#test/support/conformance.ts';
import { recomputedAmount, type StoredCalculation } from '#test/support/recompute.ts';
import type { LineCommitment } from '#subscriptions/domain/commitment.ts';
import type { BilledItem } from './inputs.ts';
import { usageQuestions } from './usage-charges.ts';

const anyPrice = () => fc.oneof(flatPrice(), packagePrice(), tieredPrice('SLAB'), tieredPrice('VOLUME'));
const day = () => fc.integer({ min: 0, max: 30 * 86_400 - 1 }).map((seconds) => at('2023-11-01').plus({ seconds }));
const fee = fc.record({
  terms: anyPrice(),
  cadence: fc.constantFrom('ADVANCE' as const, 'ARREAR' as const),
  seats: quantity(50),
  from: fc.option(day()),
  until: fc.option(day()),
});
const reset = fc.constantFrom('DAILY' as const, 'MONTHLY' as const, 'NEVER' as const, 'ANNUAL' as const);
const commitment = fc.record({
  amount: quantity(3000).map((value) => value.plus(1)),
  factor: fc.constantFrom('1', '1.25', '2'),
  trueUp: fc.boolean(),
  byQuantity: fc.boolean(),
});
const metered = fc.record({
  terms: anyPrice(),
  limit: fc.option(fc.record({ limit: fc.option(fc.integer({ min: 0, max: 300 })) }), { freq: 3 }),
  reset,
  isBucketed: fc.boolean(),
  commitment: fc.option(commitment),
  // An adjustment makes a figure negative now and then.
  values: fc.array(
    fc.oneof(
      quantity(400),
      quantity(20).map((value) => value.negated()),
    ),
    { minLength: 1, maxLength: 30 },
  ),
});
const plan = fc.record({
  currency: fc.constantFrom('usd', 'jpy', 'kwd', 'clf'),
  fees: fc.array(fee, { minLength: 1, maxLength: 4 }),
  meters: fc.array(metered, { minLength: 1, maxLength: 4 }),
  opening: fc.constantFrom(false, false, false, true),
});
type Plan = typeof plan extends fc.Arbitrary<infer P> ? P : never;

function committed(promised: Plan['meters'][number]['commitment'], isBucketed: boolean): Partial<LineCommitment> {
  if (promised === null) return {};
  const { amount, factor, trueUp, byQuantity } = promised;
  return {
    commitmentType: byQuantity ? 'quantity' : 'amount',
    commitmentAmount: byQuantity ? null : amount,
    commitmentQuantity: byQuantity ? amount : null,
    commitmentOverageFactor: decimal(factor),
    commitmentTrueUpEnabled: trueUp,
    commitmentWindowed: isBucketed,
  };
}

function invoiceOf({ currency, fees, meters, opening }: Plan) {
  const items = [
    ...fees.map(({ terms, cadence, seats, from, until }, index): BilledItem => {
      const billed = fixed(`fee_${index}`, '0', cadence, { ...terms, currency });
      const startDate = from ?? billed.item.startDate;
      return {
        ...billed,
        item: { ...billed.item, currency, quantity: seats, startDate, endDate: until !== null && until > startDate ? until : null },
      };
    }),
    ...meters.map(({ terms, limit, reset: period, isBucketed, commitment: promised }, index): BilledItem => {
      const billed = usage(
        `usage_${index}`,
        { ...terms, currency },
        limit === null ? [] : entitled(limit.limit === null ? null : String(limit.limit), period),
      );
      return {
        ...billed,
        item: { ...billed.item, currency, ...committed(promised, isBucketed) },
        meter: meterOf(`meter_usage_${index}`, isBucketed ? { bucketSize: 'DAY' } : {}),
      };
    }),
  ];
  const subscription = subscriptionOf({ currency, startDate: at('2023-10-01'), prorationBehavior: 'create_prorations' });
  const basis = basisOf(items, { subscription, referencePoint: opening ? 'period_start' : 'period_end' });
  const valuesOf = (meterId: string): readonly Decimal[] => meters[Number(meterId.split('_').at(-1))]?.values ?? [];
  const questions = usageQuestions(basis);
  const answers = answersOf(questions, (meterId, window) => valuesOf(meterId)[window] ?? ZERO)
    .map((answer, index) => ({ ...answer, buckets: questions[index]?.buckets ? valuesOf(questions[index]?.meterId ?? '') : null }))
    .map((answer, index) => ({
      ...answer,
      windows: questions[index]?.committedWindows
        ? valuesOf(questions[index]?.meterId ?? '').map((value, date) => ({
            start: at('2023-11-01').plus({ days: date }),
            quantities: [value],
          }))
        : null,
    }));
  return computedInvoice({ ...basis, usage: answers });
}

test('the amount of every line follows from its stored calculation alone', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(plan, (generated) => {
      const { lines, totals } = invoiceOf(generated);
      for (const line of lines) {
        const stored: StoredCalculation = JSON.parse(JSON.stringify(line.calculation));
        expect(recomputedAmount(stored)).toBe(line.amount.toFixed());
        if (stored.commitment)
          seen.add(`committed ${stored.commitment.windows ? 'windows' : 'period'} ${kindOf(stored.entitlement) ?? 'plain'}`);
        if (line.calculation.commitment) {
          const {
            computedCommitmentUtilizedAmount: utilized,
            computedOverageAmount: overage,
            computedTrueUpAmount: trueUp,
          } = line.calculation.commitment.info;
          expect(utilized.plus(overage).plus(trueUp).toFixed()).toBe(line.amount.toFixed());
        }
        seen.add(
          `${stored.price.billingModel} ${kindOf(stored.entitlement) ?? (stored.usage?.buckets ? 'buckets' : stored.usage ? 'usage' : stored.proration ? 'prorated' : 'fee')}`,
        );
      }
      expect(totals.subtotal.toFixed()).toBe(
        sum(lines.map((line) => decimal(recomputedAmount(JSON.parse(JSON.stringify(line.calculation)))))).toFixed(),
      );
    }),
    { numRuns: 150, seed: 20_231_101 },
  );
  // Nothing that a line can be made from was left out; the seed makes that certain.
  for (const span of ['windows', 'period'])
    for (const rule of ['plain', 'one window', 'windows']) expect([...seen]).toContain(`committed ${span} ${rule}`);
  for (const model of ['FLAT_FEE', 'PACKAGE', 'TIERED']) {
    for (const kind of ['fee', 'prorated', 'usage', 'buckets', 'one window', 'windows', 'goes on'])
      expect([...seen]).toContain(`${model} ${kind}`);
  }
});

/** Whether an allowance was about one window, several, or one that had begun before. */
function kindOf(entitlement: StoredCalculation['entitlement']): string | null {
  if (entitlement === null) return null;
  if (entitlement.pieces.some(({ before }) => before !== '0')) return 'goes on';
  return entitlement.pieces.length > 1 ? 'windows' : 'one window';
}
