import { describe, expect, test } from 'vitest';
import { decimal } from '#kernel/decimal.ts';
import { priceWith, subscriptionOf } from '#test/support/billing.ts';
import { at, expectDecimal } from '#test/support/conformance.ts';
import { isEligible, lineQuantity, lineStart, takenPrices } from './line-item.ts';
import { periodFrom, rollOver } from './periods.ts';

describe('which prices of a plan a subscription takes', () => {
  const monthly = subscriptionOf();
  test.each([
    ['MONTHLY', 1, 'usd', true],
    ['MONTHLY', 1, 'USD', true],
    ['MONTHLY', 1, 'eur', false],
    ['MONTHLY', 2, 'usd', true],
    ['QUARTERLY', 1, 'usd', true],
    ['ANNUAL', 1, 'usd', true],
    ['ONETIME', 1, 'usd', true],
    ['WEEKLY', 1, 'usd', false],
    ['DAILY', 1, 'usd', false],
  ] as const)('%s x %i in %s', (billingPeriod, billingPeriodCount, currency, expected) => {
    expect(isEligible({ currency, billingPeriod, billingPeriodCount }, monthly)).toBe(expected);
  });

  test('periods without a common multiple are refused, months and weeks compare by length', () => {
    const everyTwo = subscriptionOf({ billingPeriodCount: 2 });
    expect(isEligible({ currency: 'usd', billingPeriod: 'QUARTERLY', billingPeriodCount: 1 }, everyTwo)).toBe(false);
    expect(isEligible({ currency: 'usd', billingPeriod: 'HALF_YEARLY', billingPeriodCount: 1 }, everyTwo)).toBe(true);
    expect(
      isEligible({ currency: 'usd', billingPeriod: 'MONTHLY', billingPeriodCount: 1 }, subscriptionOf({ billingPeriod: 'WEEKLY' })),
    ).toBe(true);
  });
});

describe('which versions of a price a subscription takes', () => {
  const subscription = subscriptionOf({ startDate: at('2026-03-01') });
  const version = (id: string, startDate: string | null, endDate: string | null, more: object = {}) =>
    priceWith({
      id,
      startDate: startDate ? at(startDate) : null,
      endDate: endDate ? at(endDate) : null,
      parentPriceId: id === 'root' ? null : 'root',
      ...more,
    });
  const taken = (...prices: ReturnType<typeof priceWith>[]) => takenPrices(prices, subscription).map(({ id }) => id);
  test('of a recurring price all that live after its start: each is charged for its own time', () => {
    expect(
      taken(version('root', null, '2026-02-01'), version('second', '2026-02-01', '2026-03-05'), version('third', '2026-03-05', null)),
    ).toEqual(['second', 'third']);
  });
  test('none that ended before it began', () => {
    expect(taken(version('root', '2026-04-01', '2026-04-01'), version('second', '2026-04-01', null))).toEqual(['second']);
    expect(taken(version('root', '2026-04-01', '2026-04-01', { billingPeriod: 'ONETIME' }))).toEqual([]);
  });
  test('of a one-time price only the first, because it is charged once', () => {
    const once = { billingPeriod: 'ONETIME', invoiceCadence: 'ADVANCE' };
    expect(
      taken(
        version('root', null, '2026-03-05', once),
        version('second', '2026-03-05', null, once),
        priceWith({ id: 'other', billingPeriod: 'ONETIME' }),
      ),
    ).toEqual(['root', 'other']);
  });
});

test('seats: nothing means the minimum, else one; usage has none', () => {
  expectDecimal(lineQuantity(priceWith({ id: 'p' }), null), '1');
  expectDecimal(lineQuantity(priceWith({ id: 'p', minQuantity: decimal(3) }), decimal(0)), '3');
  expectDecimal(lineQuantity(priceWith({ id: 'p', minQuantity: decimal(3) }), decimal(7)), '7');
  expectDecimal(lineQuantity(priceWith({ id: 'p', type: 'USAGE' }), null), '0');
  expect(() => lineQuantity(priceWith({ id: 'p', minQuantity: decimal(3) }), decimal(2))).toThrow('min_quantity');
  expect(() => lineQuantity(priceWith({ id: 'p', type: 'USAGE' }), decimal(2))).toThrow('usage price');
});

test('a line begins with the later of subscription and price', () => {
  expect(lineStart(at('2026-01-01'), null).toISODate()).toBe('2026-01-01');
  expect(lineStart(at('2026-01-01'), at('2026-02-01')).toISODate()).toBe('2026-02-01');
});

describe('roll-over', () => {
  test('goes on to the next period, cut at a later end', () => {
    expect(rollOver(subscriptionOf())).toMatchObject({ kind: 'next' });
    const next = periodFrom(subscriptionOf({ endDate: at('2023-12-15') }), at('2023-12-01'));
    expect(next.end.toISODate()).toBe('2023-12-15');
  });

  test.each([
    [{ endDate: at('2023-12-01') }, '2023-12-01'],
    [{ cancelAt: at('2023-12-01') }, '2023-12-01'],
    [{ endDate: at('2023-12-01'), cancelAt: at('2023-11-20') }, '2023-11-20'],
  ])('ends with the period that reaches the end', (ends, expected) => {
    const outcome = rollOver(subscriptionOf(ends));
    expect(outcome.kind === 'over' && outcome.cancelledAt.toISODate()).toBe(expected);
  });

  test('an end in a later period changes nothing yet', () => {
    expect(rollOver(subscriptionOf({ endDate: at('2024-01-10') }))).toMatchObject({ kind: 'next' });
  });
});
