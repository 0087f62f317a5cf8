import { expect, test } from 'vitest';
import { decimal, divide } from './decimal.ts';
import { currencyDigits, displayAmount, isCurrency, minorUnits, roundToCurrency } from './money.ts';

test.each([
  ['usd', '10.275', '10.28'],
  ['USD', '0.005', '0.01'],
  ['usd', '0.014', '0.01'],
  ['usd', '-0.005', '-0.01'],
  ['jpy', '1000.5', '1001'],
  ['kwd', '1.0005', '1.001'],
  ['clf', '1.00005', '1.0001'],
  ['idr', '1.005', '1.01'],
  ['huf', '1.005', '1.01'],
  ['twd', '1.005', '1.01'],
  ['xof', '1234.5678', '1235'],
  ['isk', '1234.5678', '1235'],
  ['iqd', '1234.5678', '1234.568'],
  ['bhd', '1234.5678', '1234.568'],
  ['uyw', '1.00005', '1.0001'],
  ['xyz', '1.005', '1.01'],
])('%s %s rounds to %s', (currency, amount, expected) => {
  expect(roundToCurrency(decimal(amount), currency).toFixed()).toBe(expected);
});

test('amounts for people keep their digits', () => {
  expect([
    displayAmount(decimal('12.5'), 'USD'),
    displayAmount(decimal('0.000003'), 'usd'),
    displayAmount(decimal('1000'), 'jpy'),
    displayAmount(decimal('5'), 'chf'),
  ]).toEqual(['$12.50', '$0.000003', '¥1000', 'CHF 5.00']);
});

test('every currency that the runtime has a name for is known, and no other three letters', () => {
  expect(Intl.supportedValuesOf('currency').filter((code) => !isCurrency(code))).toEqual([]);
  expect(['xyz', 'zzz', 'usd ', 'constructor', ''].filter(isCurrency)).toEqual([]);
});

test('unknown currencies have two digits; quotients have sixteen', () => {
  expect(currencyDigits('zzz')).toBe(2);
  expect(divide(decimal(2), decimal(3)).toFixed()).toBe('0.6666666666666667');
});

test('minor units are cents, whole yen, and thousandths of a dinar', () => {
  expect(
    [minorUnits(decimal('12.5'), 'USD'), minorUnits(decimal('1000'), 'jpy'), minorUnits(decimal('-0.001'), 'kwd')].map(String),
  ).toEqual(['1250', '1000', '-1']);
});
