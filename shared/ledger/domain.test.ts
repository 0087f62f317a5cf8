import { expect, test } from 'vitest';
import { decimal } from '#kernel/decimal.ts';
import { expectDecimal } from '#test/support/conformance.ts';
import { balanced, credit, debit, type Entry, fingerprintOf, told } from './domain.ts';

const revenue = { customerId: null, name: 'revenue' } as const;
const owed = { customerId: 'cust_2', name: 'receivable' } as const;
const tens = (...entries: Entry[]) => balanced({ currency: 'usd', entries });

test('entries come in the order in which accounts are locked', () => {
  expect(tens(debit(owed, decimal(10)), credit(revenue, decimal(10))).map(({ account }) => account.name)).toEqual([
    'revenue',
    'receivable',
  ]);
});

test.each([
  ['a currency that is none', 'USD', [debit(owed, decimal(1)), credit(revenue, decimal(1))]],
  ['one entry', 'usd', [debit(owed, decimal(1))]],
  ['an account twice', 'usd', [debit(owed, decimal(1)), credit(owed, decimal(1))]],
  ['an entry of nothing', 'usd', [debit(owed, decimal(0)), credit(revenue, decimal(0))]],
  ['a sum that is not zero', 'usd', [debit(owed, decimal('1.00')), credit(revenue, decimal('0.99'))]],
])('%s is no posting', (_, currency, entries) => {
  expect(() => balanced({ currency, entries })).toThrow(RangeError);
});

test('an account tells its balance on its own side', () => {
  expectDecimal(told(owed, decimal(5)), '5');
  expectDecimal(told(revenue, decimal(-5)), '5');
});

test('the fingerprint is of the content, whatever the order and the writing of amounts', () => {
  const posting = (amount: string, ...turned: boolean[]) => {
    const entries = [debit(owed, decimal(amount)), credit(revenue, decimal(amount))];
    return { source: 's', key: 'k', currency: 'usd', description: '', entries: turned.length > 0 ? entries.reverse() : entries };
  };
  const plain = fingerprintOf(posting('10'), null);
  expect(fingerprintOf(posting('10.00', true), null)).toBe(plain);
  expect(fingerprintOf(posting('10.01'), null)).not.toBe(plain);
  expect(fingerprintOf(posting('10'), 'posting_1')).not.toBe(plain);
  expect(fingerprintOf({ ...posting('10'), description: 'other' }, null)).not.toBe(plain);
});
