import type { DateTime } from 'luxon';
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
  const cycle = (periodEnd: DateTime | null) => ({ billingReason: 'SUBSCRIPTION_CYCLE' as const, periodEnd });
  const terms = { paymentTerms: null, timezone: 'UTC' };
  expect(dueDate(cycle(at('2026-02-01')), finalized, terms).toISO()).toBe('2026-03-06T10:00:00.000Z');
  expect(dueDate(cycle(at('2026-04-01')), finalized, terms).toISO()).toBe('2026-04-02T00:00:00.000Z');
  expect(dueDate(cycle(null), finalized, { ...terms, paymentTerms: '30 NET' }).toISO()).toBe('2026-04-04T10:00:00.000Z');
});

test('an annual fee in advance is due from its finalization, not after its year', () => {
  const opening = { billingReason: 'SUBSCRIPTION_CREATE' as const, periodEnd: at('2027-03-05') };
  const due = (paymentTerms: string | null) => dueDate(opening, at('2026-03-05T10:00:00'), { paymentTerms, timezone: 'UTC' }).toISO();
  expect(due(null)).toBe('2026-03-06T10:00:00.000Z');
  expect(due('30 NET')).toBe('2026-04-04T10:00:00.000Z');
});

test('payment terms are local days, which keep the time of day when the clocks change', () => {
  const closed = { billingReason: 'SUBSCRIPTION_CYCLE' as const, periodEnd: at('2026-03-01') };
  const terms = { paymentTerms: '15 NET', timezone: 'America/New_York' };
  expect(dueDate(closed, at('2026-03-01T02:00:00'), terms).toISO()).toBe('2026-03-16T01:00:00.000Z');
});
