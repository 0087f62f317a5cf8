import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DateTime } from 'luxon';
import { decimal } from '#kernel/decimal.ts';
import { DomainError } from '#kernel/errors.ts';
import { tiers } from '#test/support/arbitraries.ts';
import { tiersOf } from '#test/support/conformance.ts';
import { displayPrice, type PriceRules, sortedTiers, tiersFromRecords, tiersToRecords, validatePrice, validateTiers } from './price.ts';

const FLAT: PriceRules = {
  type: 'FIXED',
  billingModel: 'FLAT_FEE',
  billingPeriod: 'MONTHLY',
  billingPeriodCount: 1,
  invoiceCadence: 'ADVANCE',
  tierMode: null,
  tiers: null,
  transformQuantity: null,
  amount: decimal('10'),
  currency: 'usd',
  meterId: null,
  minQuantity: null,
  trialPeriodDays: 0,
  startDate: null,
  endDate: null,
  priceUnitType: 'FIAT',
  priceUnit: null,
  priceUnitAmount: null,
  priceUnitTiers: null,
  conversionRate: null,
};
const USAGE: PriceRules = { ...FLAT, type: 'USAGE', meterId: 'meter_1', invoiceCadence: 'ARREAR' };
const PACKAGE: PriceRules = { ...FLAT, billingModel: 'PACKAGE', transformQuantity: { divideBy: 10, round: 'up' } };
const TIERED: PriceRules = { ...USAGE, billingModel: 'TIERED', amount: null, tierMode: 'SLAB', tiers: tiersOf('10:5, inf:4') };
const CUSTOM: PriceRules = {
  ...FLAT,
  priceUnitType: 'CUSTOM',
  priceUnit: 'tok',
  priceUnitAmount: decimal('100'),
  conversionRate: decimal('0.1'),
};

test.each([
  ['flat', FLAT],
  ['usage', USAGE],
  ['package', PACKAGE],
  ['tiered', TIERED],
  ['custom unit', CUSTOM],
  ['free', { ...FLAT, amount: decimal('0') }],
  ['trial', { ...FLAT, trialPeriodDays: 14 }],
  ['seats', { ...FLAT, minQuantity: decimal('3') }],
  ['one-time', { ...FLAT, billingPeriod: 'ONETIME' }],
] satisfies [string, PriceRules][])('accepts: %s', (_name, price) => {
  expect(() => validatePrice(price)).not.toThrow();
});

test.each([
  ['currency', { ...FLAT, currency: 'USD' }],
  ['billing_period_count', { ...FLAT, billingPeriodCount: 0 }],
  ['billing_period_count', { ...FLAT, billingPeriodCount: 1.5 }],
  ['invoice_cadence', { ...FLAT, billingPeriod: 'ONETIME', invoiceCadence: 'ARREAR' }],
  ['end_date', { ...FLAT, startDate: DateTime.utc(2026, 2), endDate: DateTime.utc(2026, 1) }],
  ['meter_id', { ...USAGE, meterId: null }],
  ['min_quantity', { ...USAGE, minQuantity: decimal('1') }],
  ['invoice_cadence', { ...USAGE, invoiceCadence: 'ADVANCE' }],
  ['billing_period', { ...USAGE, billingPeriod: 'ONETIME', invoiceCadence: 'ADVANCE' }],
  ['min_quantity', { ...FLAT, minQuantity: decimal('-1') }],
  ['trial_period_days', { ...USAGE, trialPeriodDays: 7 }],
  ['trial_period_days', { ...FLAT, billingPeriod: 'ONETIME', trialPeriodDays: 7 }],
  ['trial_period_days', { ...FLAT, trialPeriodDays: -1 }],
  ['amount', { ...FLAT, amount: null }],
  ['amount', { ...FLAT, amount: decimal('-0.01') }],
  ['amount', { ...PACKAGE, amount: null }],
  ['transform_quantity', { ...PACKAGE, transformQuantity: null }],
  ['transform_quantity.divide_by', { ...PACKAGE, transformQuantity: { divideBy: 0, round: 'up' } }],
  ['tiers', { ...TIERED, tiers: null }],
  ['tiers', { ...TIERED, tiers: [] }],
  ['tiers', { ...TIERED, tiers: tiersOf('10:5, 20:4') }],
  ['tiers', { ...TIERED, tiers: tiersOf('inf:5, inf:4') }],
  ['tiers', { ...TIERED, tiers: tiersOf('20:5, 10:5, inf:4') }],
  ['tiers', { ...TIERED, tiers: tiersOf('10:5, 10:5, inf:4') }],
  ['tiers', { ...TIERED, tiers: tiersOf('0:5, inf:4') }],
  ['tiers', { ...TIERED, tiers: tiersOf('1.5:5, inf:4') }],
  ['tiers.unit_amount', { ...TIERED, tiers: [{ upTo: null, unitAmount: decimal('-1'), flatAmount: null }] }],
  ['tiers.flat_amount', { ...TIERED, tiers: [{ upTo: null, unitAmount: decimal('1'), flatAmount: decimal('-1') }] }],
  ['tier_mode', { ...TIERED, tierMode: null }],
  ['tier_mode', { ...TIERED, tierMode: 'GRADUATED' as 'SLAB' }],
  ['billing_model', { ...FLAT, billingModel: 'OTHER' as 'FLAT_FEE' }],
  ['price_unit', { ...CUSTOM, priceUnit: null }],
  ['price_unit_amount', { ...CUSTOM, priceUnitAmount: null }],
  ['conversion_rate', { ...CUSTOM, conversionRate: decimal('0') }],
  ['price_unit_tiers', { ...CUSTOM, billingModel: 'TIERED', tierMode: 'SLAB', tiers: tiersOf('inf:1'), priceUnitTiers: tiersOf('5:1') }],
] satisfies [string, PriceRules][])('refuses a bad %s', (field, price) => {
  expect(fieldOf(() => validatePrice(price))).toBe(field);
});

describe('tiers', () => {
  test('whatever is generated as valid is accepted, and loses validity without its open tier', () => {
    fc.assert(
      fc.property(tiers(), (list) => {
        validateTiers(list);
        expect(() => validateTiers(list.slice(0, -1))).toThrow();
      }),
    );
  });

  test('JSON columns keep every digit', () => {
    fc.assert(
      fc.property(tiers(), (list) => {
        expect(tiersToRecords(tiersFromRecords(JSON.parse(JSON.stringify(tiersToRecords(list)))))).toEqual(tiersToRecords(list));
      }),
    );
    expect(tiersToRecords(tiersOf('18446744073709551615:0.00000000000000000001, inf:1+2'))[0]).toEqual({
      upTo: '18446744073709551615',
      unitAmount: '0.00000000000000000001',
      flatAmount: null,
    });
  });

  test('are sorted with the open one last', () => {
    expect(sortedTiers(tiersOf('inf:3, 20:2, 10:1')).map((tier) => tier.unitAmount.toFixed())).toEqual(['1', '2', '3']);
  });
});

test.each([
  ['$10.00', FLAT],
  ['$10.00/10 units', PACKAGE],
  ['Starts at $5.00', TIERED],
  ['Starts at $7.00', { ...TIERED, tiers: tiersOf('10:0+7, inf:4') }],
  ['¥10', { ...FLAT, currency: 'jpy' }],
  ['$0.0025', { ...FLAT, amount: decimal('0.0025') }],
  ['', { ...FLAT, amount: null }],
] satisfies [string, PriceRules][])('is shown as %j', (text, price) => {
  expect(displayPrice(price)).toBe(text);
});

function fieldOf(action: () => void): unknown {
  try {
    action();
  } catch (error) {
    if (error instanceof DomainError && error.code === 'validation_error') return error.details?.field;
    throw error;
  }
  return 'nothing was refused';
}
