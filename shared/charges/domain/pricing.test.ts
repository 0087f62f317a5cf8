import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Decimal, decimal, sum, ZERO } from '#kernel/decimal.ts';
import { roundToCurrency } from '#kernel/money.ts';
import { flatPrice, packagePrice, quantity, tieredPrice, tiers, wholeQuantity } from '#test/support/arbitraries.ts';
import { cases, expectDecimal, type PriceNotation, priceOf, tiersOf } from '#test/support/conformance.ts';
import { fiatToUnits, freezePriceUnit } from '#catalog/domain/price-unit.ts';
import { sortedTiers } from '#catalog/domain/price.ts';
import { type PricingTerms, priceBreakup, priceBuckets, priceQuantity } from './pricing.ts';

const FILE = 'billing-pricing.json';

describe('worked examples', () => {
  test.each(cases<{ price: PriceNotation; quantity: string }, string>(FILE, 'quantity'))('$id', ({ given, expected }) => {
    const priced = priceQuantity(priceOf(given.price), decimal(given.quantity));
    expectDecimal(priced.amount, expected);
    expectDecimal(sum(priced.steps.map((step) => step.amount)), expected);
  });

  test.each(cases<{ price: PriceNotation; quantity: string }, Record<string, string | number>>(FILE, 'breakup'))(
    '$id breakup',
    ({ given, expected }) => {
      const breakup = priceBreakup(priceOf(given.price), decimal(given.quantity));
      expect({
        ...breakup,
        effectiveUnitCost: breakup.effectiveUnitCost.toFixed(),
        tierUnitAmount: breakup.tierUnitAmount.toFixed(),
        finalCost: breakup.finalCost.toFixed(),
      }).toEqual(expected);
    },
  );

  test.each(cases<{ price: PriceNotation; buckets: string[] }, { amount: string; quantity: string; each?: string[] }>(FILE, 'buckets'))(
    '$id',
    ({ given, expected }) => {
      const priced = priceBuckets(
        priceOf(given.price),
        given.buckets.map((bucket) => decimal(bucket)),
      );
      expectDecimal(priced.amount, expected.amount);
      expectDecimal(priced.quantity, expected.quantity);
      if (expected.each) expect(priced.buckets.map((bucket) => bucket.amount.toFixed())).toEqual(expected.each);
    },
  );

  test.each(
    cases<{ rate: string; unitAmount: string; lineAmount: string }, { amount: string; priceUnitAmount: string }>(FILE, 'price unit'),
  )('$id', ({ given, expected }) => {
    const unit = { id: 'unit', code: 'tok', baseCurrency: 'usd', conversionRate: decimal(given.rate) };
    const frozen = freezePriceUnit(
      { currency: 'usd', priceUnitAmount: decimal(given.unitAmount), priceUnitTiers: tiersOf('10:3+2, inf:1') },
      unit,
    );
    expectDecimal(frozen.amount as Decimal, expected.amount);
    expect(frozen.tiers?.map((tier) => [tier.unitAmount.toFixed(), tier.flatAmount?.toFixed()])).toEqual([
      ['0.03', '0.02'],
      ['0.01', undefined],
    ]);
    expectDecimal(fiatToUnits(decimal(given.lineAmount), unit), expected.priceUnitAmount);
    expect(() => freezePriceUnit({ currency: 'eur', priceUnitAmount: decimal('1'), priceUnitTiers: null }, unit)).toThrow(/price_unit/);
  });

  test.each(cases<{ currency: string; amount: string }, string>(FILE, 'rounding'))('$id', ({ given, expected }) => {
    expectDecimal(roundToCurrency(decimal(given.amount), given.currency), expected);
    expectDecimal(roundToCurrency(decimal(given.amount).neg(), given.currency), `-${expected}`);
  });
});

describe('properties', () => {
  test('slab pricing equals pricing every unit on its own', () => {
    fc.assert(
      fc.property(tieredPrice('SLAB'), wholeQuantity(300), (price, units) => {
        expectDecimal(priceQuantity(price, units).amount, unitByUnit(price, units.toNumber()));
      }),
    );
  });

  test('volume pricing charges all units at the tier of the last one', () => {
    fc.assert(
      fc.property(tieredPrice('VOLUME'), quantity(300), (price, units) => {
        if (units.isZero()) return;
        const tier = tierOfUnit(price, units.ceil().toNumber());
        expectDecimal(priceQuantity(price, units).amount, units.times(tier.unitAmount).plus(tier.flatAmount ?? 0));
      }),
    );
  });

  test('volume and slab agree while one tier is enough', () => {
    fc.assert(
      fc.property(tiers(), quantity(300), (list, units) => {
        const first = list[0]?.upTo ?? null;
        const inside = first === null ? units : Decimal.min(units, first);
        const cost = (tierMode: 'SLAB' | 'VOLUME') =>
          priceQuantity({ billingModel: 'TIERED', tierMode, tiers: list, amount: null, transformQuantity: null }, inside).amount;
        expectDecimal(cost('SLAB'), cost('VOLUME'));
      }),
    );
  });

  test('the cost never falls when the quantity rises: flat fee, packages, slabs', () => {
    fc.assert(
      fc.property(fc.oneof(flatPrice(), packagePrice(), tieredPrice('SLAB')), quantity(300), quantity(300), (price, a, b) => {
        expect(priceQuantity(price, Decimal.min(a, b)).amount.lte(priceQuantity(price, Decimal.max(a, b)).amount)).toBe(true);
      }),
    );
  });

  // A cheaper next tier reprices everything below it (P07: 10 cost 500, 10.001 cost 400.04), so a volume price rises
  // for sure only inside one tier, and across tiers whose unit and flat amounts do not fall.
  test('the cost never falls when the quantity rises: volume inside one tier', () => {
    fc.assert(
      fc.property(tieredPrice('VOLUME'), quantity(300), quantity(300), (price, a, b) => {
        const [low, high] = [Decimal.min(a, b), Decimal.max(a, b)];
        fc.pre(low.isZero() || tierOfUnit(price, low.ceil().toNumber()) === tierOfUnit(price, high.ceil().toNumber()));
        expect(priceQuantity(price, low).amount.lte(priceQuantity(price, high).amount)).toBe(true);
      }),
    );
  });

  test('the cost never falls when the quantity rises: volume over rising tiers', () => {
    const rising = tiers().map((list) => {
      const units = list.map((tier) => tier.unitAmount).sort((a, b) => a.comparedTo(b));
      return list.map((tier, index) => ({ ...tier, unitAmount: units[index] as Decimal, flatAmount: new Decimal(index) }));
    });
    fc.assert(
      fc.property(tieredPrice('VOLUME', rising), quantity(300), quantity(300), (price, a, b) => {
        expect(priceQuantity(price, Decimal.min(a, b)).amount.lte(priceQuantity(price, Decimal.max(a, b)).amount)).toBe(true);
      }),
    );
  });

  test('packages are counted as a loop would fill them', () => {
    fc.assert(
      fc.property(packagePrice(), quantity(300), (price, units) => {
        const size = price.transformQuantity as { divideBy: number; round: 'up' | 'down' };
        let count = 0;
        let left = units;
        while (left.gte(size.divideBy)) {
          left = left.minus(size.divideBy);
          count += 1;
        }
        if (left.gt(0) && size.round === 'up') count += 1;
        expectDecimal(priceQuantity(price, units).amount, (price.amount as Decimal).times(count));
      }),
    );
  });

  test('the steps explain the amount, cover the quantity and do not depend on the order of the tiers', () => {
    fc.assert(
      fc.property(tieredPrice('SLAB'), quantity(300), (price, units) => {
        const priced = priceQuantity(price, units);
        expectDecimal(sum(priced.steps.map((step) => step.quantity.times(step.unitAmount).plus(step.flatAmount))), priced.amount);
        expectDecimal(sum(priced.steps.map((step) => step.quantity)), units);
        expectDecimal(priceQuantity({ ...price, tiers: [...(price.tiers ?? [])].reverse() }, units).amount, priced.amount);
      }),
    );
  });

  test('zero costs nothing, and one bucket costs what the quantity costs', () => {
    fc.assert(
      fc.property(fc.oneof(flatPrice(), packagePrice(), tieredPrice('SLAB'), tieredPrice('VOLUME')), quantity(300), (price, units) => {
        expectDecimal(priceQuantity(price, ZERO).amount, '0');
        expectDecimal(priceBuckets(price, [units]).amount, priceQuantity(price, units).amount);
      }),
    );
  });
});

describe('edges', () => {
  test('digits beyond double precision survive', () => {
    expectDecimal(
      priceQuantity(priceOf({ model: 'FLAT_FEE', amount: '0.000000000000000001' }), decimal('123456789012345678901234567890')).amount,
      '123456789012.34567890123456789',
    );
    expectDecimal(
      priceQuantity(priceOf({ model: 'PACKAGE', amount: '1', per: 3 }), decimal('9007199254740993000.0000000000000000001')).amount,
      '3002399751580331001',
    );
  });

  test('a negative bucket is an adjustment at a flat fee, and the total stays at 0 or above', () => {
    const flat = priceOf({ model: 'FLAT_FEE', amount: '0.10' });
    expectDecimal(priceBuckets(flat, [decimal('10'), decimal('-4')]).amount, '0.6');
    expectDecimal(priceBuckets(flat, [decimal('1'), decimal('-4')]).amount, '0');
    expectDecimal(priceBuckets(flat, [decimal('1'), decimal('-4')]).quantity, '0');
    expectDecimal(priceQuantity(priceOf({ model: 'SLAB', tiers: 'inf:1+5' }), decimal('-4')).amount, '0');
  });

  test.each([
    ['no amount', { model: 'FLAT_FEE' }],
    ['no transform_quantity', { model: 'PACKAGE', amount: '1' }],
    ['no tiers', { model: 'SLAB' }],
    ['tiers end below', { model: 'SLAB', tiers: '5:1' }],
    ['no tier covers', { model: 'VOLUME', tiers: '5:1' }],
  ] as const)('terms that cannot price fail instead of costing nothing: %s', (reason, notation) => {
    expect(() => priceQuantity(priceOf(notation), decimal('6'))).toThrow(reason);
  });
});

/** Oracle: the tier of the n-th single unit, by search. */
function tierOfUnit(price: PricingTerms, unit: number) {
  for (const tier of sortedTiers(price.tiers ?? [])) if (tier.upTo === null || unit <= tier.upTo.toNumber()) return tier;
  throw new Error('unreachable: tiers are open');
}

/** Oracle: buys one unit after the other and pays a tier's flat amount at its first unit. */
function unitByUnit(price: PricingTerms, units: number): Decimal {
  const entered = new Set<unknown>();
  let cost = ZERO;
  for (let unit = 1; unit <= units; unit += 1) {
    const tier = tierOfUnit(price, unit);
    if (!entered.has(tier)) cost = cost.plus(tier.flatAmount ?? 0);
    entered.add(tier);
    cost = cost.plus(tier.unitAmount);
  }
  return cost;
}
