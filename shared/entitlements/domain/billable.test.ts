import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { priceQuantity } from '#catalog/domain/pricing.ts';
import { type Decimal, decimal, sum } from '#kernel/decimal.ts';
import { quantity } from '#test/support/arbitraries.ts';
import { at, cases, expectDecimal, type PriceNotation, priceOf } from '#test/support/conformance.ts';
import { billableQuantity, entitlementWindows } from './billable.ts';
import type { ResetPeriod } from './entitlement.ts';
import { type EntitlementTerms, mergeEntitlements } from './merge.ts';

const FILE = 'billing-entitlements.json';
interface Given {
  limit: string;
  reset: ResetPeriod;
  soft?: boolean;
  start?: string;
  end?: string;
  usages: string[];
  price: PriceNotation;
}

const asking = (given: Partial<Parameters<typeof entitlementWindows>[0]>) =>
  entitlementWindows({
    reset: 'MONTHLY',
    period: { start: at('2026-02-01'), end: at('2026-03-01') },
    timezone: 'UTC',
    anchor: at('2026-01-01'),
    billingPeriod: 'MONTHLY',
    billingPeriodCount: 1,
    additive: true,
    subscriptionStart: at('2026-01-01'),
    entitlementStart: null,
    ...given,
  });
const days = (given: Parameters<typeof asking>[0]) =>
  asking(given).windows.map(({ start, end }) => [
    start.toISO({ suppressMilliseconds: true, suppressSeconds: true }),
    end.toISO({ suppressMilliseconds: true, suppressSeconds: true }),
  ]);

test.each(cases<Given, { quantity: string; amount: string }>(FILE, 'billable'))('$id', ({ given, expected }) => {
  const period = { start: at(given.start ?? '2026-02-01'), end: at(given.end ?? '2026-03-01') };
  const asked = asking({ reset: given.reset, period });
  expect(asked.windows).toHaveLength(given.usages.length);
  const entitlement = { isEnabled: true, usageLimit: decimal(given.limit), isSoftLimit: given.soft ?? false };
  const billable = billableQuantity({ entitlement, rule: asked.rule, usages: given.usages.map((usage) => decimal(usage)) });
  expectDecimal(billable, expected.quantity);
  expectDecimal(priceQuantity(priceOf(given.price), billable).amount, expected.amount);
});

test.each(cases<{ sources: ['PLAN' | 'ADDON', string | null][] }, string | null>(FILE, 'merge'))('$id', ({ given, expected }) => {
  const [merged] = mergeEntitlements(
    given.sources.map(([entityType, limit], index) =>
      source({ id: `ent_${index}`, entityType, usageLimit: limit === null ? null : decimal(limit) }),
    ),
  );
  expect(merged?.usageLimit?.toFixed() ?? null).toBe(expected);
});

describe('windows', () => {
  test('the limit of the billing period itself, and longer ones, ask for the whole period', () => {
    for (const reset of ['MONTHLY', 'WEEKLY', 'QUARTERLY', 'HALF_YEARLY', 'ANNUAL', null] as const) {
      expect(asking({ reset })).toEqual({ rule: 'whole_period', windows: [{ start: at('2026-02-01'), end: at('2026-03-01') }] });
    }
    expect(asking({ reset: 'NEVER', additive: false }).rule).toBe('whole_period');
  });

  test('DAILY asks for local days, cut to the period', () => {
    const period = { start: at('2026-03-28T18:30Z'), end: at('2026-03-30T12:00Z') };
    expect(days({ reset: 'DAILY', period, timezone: 'Asia/Kolkata' })).toEqual([
      ['2026-03-28T18:30Z', '2026-03-29T18:30Z'],
      ['2026-03-29T18:30Z', '2026-03-30T12:00Z'],
    ]);
  });

  test('MONTHLY in a longer period asks for months on the anchor day', () => {
    const period = { start: at('2026-01-31'), end: at('2026-04-30') };
    expect(days({ period, anchor: at('2026-01-31'), billingPeriod: 'QUARTERLY' })).toEqual([
      ['2026-01-31T00:00Z', '2026-02-28T00:00Z'],
      ['2026-02-28T00:00Z', '2026-03-31T00:00Z'],
      ['2026-03-31T00:00Z', '2026-04-30T00:00Z'],
    ]);
    expect(asking({ period: { start: at('2026-01-01'), end: at('2026-03-01') }, billingPeriodCount: 2 }).windows).toHaveLength(2);
  });

  test('NEVER asks for the time before the period and for all time to its end', () => {
    expect(days({ reset: 'NEVER' })).toEqual([
      ['2026-01-01T00:00Z', '2026-02-01T00:00Z'],
      ['2026-01-01T00:00Z', '2026-03-01T00:00Z'],
    ]);
    expect(days({ reset: 'NEVER', entitlementStart: at('2026-02-10') })).toEqual([
      ['2026-02-10T00:00Z', '2026-02-10T00:00Z'],
      ['2026-02-10T00:00Z', '2026-03-01T00:00Z'],
    ]);
  });
});

describe('billable quantity', () => {
  test('nothing is allowed without an enabled entitlement, everything without a limit', () => {
    const usages = [decimal('7')];
    expectDecimal(billableQuantity({ entitlement: null, rule: 'whole_period', usages }), '7');
    expectDecimal(billableQuantity({ entitlement: { isEnabled: false, usageLimit: null }, rule: 'whole_period', usages }), '7');
    expectDecimal(billableQuantity({ entitlement: { isEnabled: true, usageLimit: null }, rule: 'whole_period', usages }), '0');
    expectDecimal(billableQuantity({ entitlement: null, rule: 'since_start', usages: [decimal('5'), decimal('12')] }), '7');
    expect(() => billableQuantity({ entitlement: null, rule: 'since_start', usages })).toThrow(RangeError);
  });

  test('a NEVER limit is granted once over all periods, however usage is spread', () => {
    fc.assert(
      fc.property(fc.array(quantity(100), { minLength: 1, maxLength: 8 }), quantity(300), (periods, limit) => {
        const billed = periods.map((usage, index) => {
          const before = sum(periods.slice(0, index));
          return billableQuantity({
            entitlement: { isEnabled: true, usageLimit: limit },
            rule: 'since_start',
            usages: [before, before.plus(usage)],
          });
        });
        expectDecimal(sum(billed), drain(periods, limit));
      }),
    );
  });

  test('windows never bill less than the whole, and never more than the usage', () => {
    fc.assert(
      fc.property(fc.array(quantity(100), { minLength: 1, maxLength: 8 }), quantity(100), (usages, limit) => {
        const entitlement = { isEnabled: true, usageLimit: limit };
        const each = billableQuantity({ entitlement, rule: 'each_window', usages });
        expect(each.lte(sum(usages))).toBe(true);
        expect(
          each.gte(
            billableQuantity({
              entitlement: { ...entitlement, usageLimit: limit.times(usages.length) },
              rule: 'whole_period',
              usages: [sum(usages)],
            }),
          ),
        ).toBe(true);
      }),
    );
  });
});

describe('merging', () => {
  const reset = (...sources: Partial<EntitlementTerms>[]) =>
    mergeEntitlements(sources.map((terms, index) => source({ id: `ent_${index}`, ...terms })))[0]?.usageResetPeriod;

  test('the most frequent reset period wins; ties go to the plan, else to the shortest', () => {
    expect(
      reset(
        { usageResetPeriod: 'ANNUAL' },
        { entityType: 'ADDON', usageResetPeriod: 'DAILY' },
        { entityType: 'ADDON', usageResetPeriod: 'DAILY' },
      ),
    ).toBe('DAILY');
    expect(reset({ entityType: 'ADDON', usageResetPeriod: 'DAILY' }, { usageResetPeriod: 'ANNUAL' })).toBe('ANNUAL');
    expect(reset({ entityType: 'ADDON', usageResetPeriod: 'NEVER' }, { entityType: 'ADDON', usageResetPeriod: 'WEEKLY' })).toBe('WEEKLY');
    expect(reset({ usageResetPeriod: null })).toBeNull();
  });

  test('an override replaces its parent and votes as the plan did', () => {
    const [merged] = mergeEntitlements([
      source({ id: 'ent_plan', usageLimit: null, usageResetPeriod: 'MONTHLY' }),
      source({
        id: 'ent_own',
        entityType: 'SUBSCRIPTION',
        parentEntitlementId: 'ent_plan',
        usageLimit: decimal('10'),
        usageResetPeriod: 'MONTHLY',
      }),
      source({ id: 'ent_addon', entityType: 'ADDON', usageLimit: decimal('5'), usageResetPeriod: 'DAILY', isSoftLimit: true }),
    ]);
    expect(merged?.usageLimit?.toFixed()).toBe('15');
    expect(merged).toMatchObject({ usageResetPeriod: 'MONTHLY', isSoftLimit: true, isEnabled: true });
    expect(merged?.sources.map(({ id }) => id)).toEqual(['ent_own', 'ent_addon']);
  });

  test('a disabled source gives nothing, not even unlimited use', () => {
    const [merged] = mergeEntitlements([
      source({ id: 'a', isEnabled: false, usageLimit: null, isSoftLimit: true }),
      source({ id: 'b', entityType: 'ADDON', usageLimit: decimal('5') }),
    ]);
    expect(merged?.usageLimit?.toFixed()).toBe('5');
    expect(merged?.isSoftLimit).toBe(false);
    const [off] = mergeEntitlements([source({ isEnabled: false, usageLimit: null })]);
    expect([off?.isEnabled, off?.usageLimit?.toFixed()]).toEqual([false, '0']);
  });

  test('features stay apart; booleans are ORed, static values are distinct, configs are listed', () => {
    const merged = mergeEntitlements([
      source({ id: 'a', featureId: 'sso', featureType: 'boolean', isEnabled: false }),
      source({ id: 'b', featureId: 'sso', featureType: 'boolean', entityType: 'ADDON' }),
      source({ id: 'c', featureId: 'tier', featureType: 'static', staticValue: 'gold' }),
      source({ id: 'd', featureId: 'tier', featureType: 'static', staticValue: 'gold' }),
      source({ id: 'e', featureId: 'tier', featureType: 'static', staticValue: 'blue' }),
      source({ id: 'f', featureId: 'cfg', featureType: 'config', configValue: { a: 1 } }),
      source({ id: 'g', featureId: 'cfg', featureType: 'config', configValue: { a: 1 } }),
    ]);
    expect(merged.map((item) => [item.featureId, item.isEnabled, item.staticValues, item.configValues])).toEqual([
      ['sso', true, [], []],
      ['tier', true, ['gold', 'blue'], []],
      ['cfg', true, [], [{ a: 1 }, { a: 1 }]],
    ]);
  });
});

function source(terms: Partial<EntitlementTerms>): EntitlementTerms {
  return {
    id: 'ent',
    entityType: 'PLAN',
    featureId: 'feat',
    featureType: 'metered',
    isEnabled: true,
    usageLimit: null,
    usageResetPeriod: 'MONTHLY',
    isSoftLimit: false,
    staticValue: null,
    configValue: null,
    parentEntitlementId: null,
    ...terms,
  };
}

/** Oracle: a bucket of allowance that is emptied period by period. */
function drain(periods: readonly Decimal[], limit: Decimal): Decimal {
  let left = limit;
  let billed = decimal(0);
  for (const usage of periods) {
    const free = usage.lt(left) ? usage : left;
    left = left.minus(free);
    billed = billed.plus(usage).minus(free);
  }
  return billed;
}
