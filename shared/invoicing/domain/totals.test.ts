import { expect, test } from 'vitest';
import { decimal, ZERO } from '#kernel/decimal.ts';
import { at, expectDecimal } from '#test/support/conformance.ts';
import { dueDate } from './invoice.ts';
import { invoiceTotals, UNSETTLED } from './totals.ts';

const line = (amount: string, discount = '0', credits = '0') => ({
  amount: decimal(amount),
  lineItemDiscount: decimal(discount),
  invoiceLevelDiscount: ZERO,
  prepaidCreditsApplied: decimal(credits),
});

test('credits and discounts come off, tax comes on, adjustments and payments reduce what is due', () => {
  const totals = invoiceTotals([line('100', '10', '20'), line('50')], {
    totalTax: decimal('14'),
    adjustmentAmount: decimal('4'),
    amountPaid: decimal('30'),
  });
  expectDecimal(totals.subtotal, '150');
  expectDecimal(totals.total, '134');
  expectDecimal(totals.amountDue, '130');
  expectDecimal(totals.amountRemaining, '100');
});

test('nothing becomes negative', () => {
  const totals = invoiceTotals([line('10', '30')], UNSETTLED);
  expectDecimal(totals.total, '0');
  expectDecimal(invoiceTotals([line('10')], { ...UNSETTLED, amountPaid: decimal('25') }).amountRemaining, '0');
});

test('an invoice is due after the later of its period and its finalization', () => {
  const finalized = at('2026-03-05T10:00:00');
  expect(dueDate(finalized, at('2026-02-01'), null).toISO()).toBe('2026-03-06T10:00:00.000Z');
  expect(dueDate(finalized, at('2026-04-01'), null).toISO()).toBe('2026-04-02T00:00:00.000Z');
  expect(dueDate(finalized, null, '30 NET').toISO()).toBe('2026-04-04T10:00:00.000Z');
});
