import fc from 'fast-check';
import type { DateTime } from 'luxon';
import { describe, expect, test } from 'vitest';
import { priceQuantity } from '#charges/domain/pricing.ts';
import type { Period } from '#kernel/calendar/period.ts';
import { type Decimal, decimal, sum } from '#kernel/decimal.ts';
import { periodAt } from '#subscriptions/domain/periods.ts';
import { quantity } from '#test/support/arbitraries.ts';
import { subscriptionOf } from '#test/support/billing.ts';
import { at, cases, expectDecimal, type PriceNotation, priceOf } from '#test/support/conformance.ts';
import { type AllowancePiece, type AllowanceSource, allowanceAt, allowancePieces, billableQuantity, type PieceUsage } from './allowance.ts';
import type { AllowanceRhythm, WindowTerms } from './allowance-window.ts';
import type { ResetPeriod } from '#catalog/domain/entitlement.ts';
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

const MONTHLY: WindowTerms = subscriptionOf({
  billingCycle: 'anniversary',
  billingAnchor: at('2026-01-01'),
  startDate: at('2026-01-01'),
  currentPeriodStart: at('2026-02-01'),
  currentPeriodEnd: at('2026-03-01'),
});
const FEBRUARY = { start: at('2026-02-01'), end: at('2026-03-01') };
const asking = (
  reset: ResetPeriod | null,
  {
    subscription = MONTHLY,
    line = null,
    period = FEBRUARY,
    terms = {},
  }: Partial<AllowanceRhythm> & { period?: Period; terms?: Partial<AllowanceSource> } = {},
) => allowancePieces([source({ usageResetPeriod: reset, usageLimit: decimal(10), ...terms })], { subscription, line }, period);
const shown = (time: DateTime) => time.toISO({ suppressMilliseconds: true, suppressSeconds: true });
const spans = (pieces: readonly AllowancePiece[]) => pieces.map(({ since, span }) => [shown(since), shown(span.start), shown(span.end)]);

test.each(cases<Given, { quantity: string; amount: string }>(FILE, 'billable'))('$id', ({ given, expected }) => {
  const period = { start: at(given.start ?? '2026-02-01'), end: at(given.end ?? '2026-03-01') };
  const asked = asking(given.reset, { period, terms: { usageLimit: decimal(given.limit), isSoftLimit: given.soft ?? false } });
  // Of a lifetime: the total before the period, and the total at its end.
  const [before = '0', until = '0'] = given.usages;
  const usages = given.reset === 'NEVER' ? [used(before, until)] : given.usages.map((usage) => used('0', usage));
  expect(asked).toHaveLength(usages.length);
  const billable = billableQuantity(
    asked.map((piece, index) => ({ ...piece, usage: usages[index] as PieceUsage })),
    'window_so_far',
  );
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

describe('pieces', () => {
  test('the billing period of the limit itself is one piece; a longer one goes on from where it began', () => {
    for (const reset of ['MONTHLY', null] as const)
      expect(spans(asking(reset))).toEqual([['2026-02-01T00:00Z', '2026-02-01T00:00Z', '2026-03-01T00:00Z']]);
    for (const reset of ['QUARTERLY', 'HALF_YEARLY', 'ANNUAL', 'NEVER'] as const)
      expect(spans(asking(reset))).toEqual([['2026-01-01T00:00Z', '2026-02-01T00:00Z', '2026-03-01T00:00Z']]);
  });

  test('a longer one begins anew where a billing period does, at its time of day, and cuts none in two', () => {
    const subscription = { ...MONTHLY, billingAnchor: at('2026-01-01T10:00'), startDate: at('2026-01-01T10:00') };
    for (const reset of ['QUARTERLY', 'HALF_YEARLY', 'ANNUAL'] as const)
      for (const month of [3, 6, 12]) {
        const start = subscription.startDate.plus({ months: month - 1 });
        expect(asking(reset, { subscription, period: { start, end: start.plus({ months: 1 }) } })).toHaveLength(1);
      }
    const quarter = { start: at('2026-01-01T10:00'), end: at('2026-04-01T10:00') };
    expect(asking('MONTHLY', { subscription: { ...subscription, billingPeriod: 'QUARTERLY' }, period: quarter })).toHaveLength(3);
  });

  test('WEEKLY weeks begin on Monday: the first goes on from January', () => {
    expect(spans(asking('WEEKLY'))).toEqual([
      ['2026-01-26T00:00Z', '2026-02-01T00:00Z', '2026-02-02T00:00Z'],
      ['2026-02-02T00:00Z', '2026-02-02T00:00Z', '2026-02-09T00:00Z'],
      ['2026-02-09T00:00Z', '2026-02-09T00:00Z', '2026-02-16T00:00Z'],
      ['2026-02-16T00:00Z', '2026-02-16T00:00Z', '2026-02-23T00:00Z'],
      ['2026-02-23T00:00Z', '2026-02-23T00:00Z', '2026-03-01T00:00Z'],
    ]);
  });

  test('DAILY days are local ones', () => {
    const period = { start: at('2026-03-28T18:30Z'), end: at('2026-03-30T12:00Z') };
    const subscription = {
      ...MONTHLY,
      timezone: 'Asia/Kolkata',
      currentPeriodStart: at('2026-02-28T18:30Z'),
      currentPeriodEnd: at('2026-03-31T18:30Z'),
    };
    expect(spans(asking('DAILY', { period, subscription }))).toEqual([
      ['2026-03-28T18:30Z', '2026-03-28T18:30Z', '2026-03-29T18:30Z'],
      ['2026-03-29T18:30Z', '2026-03-29T18:30Z', '2026-03-30T12:00Z'],
    ]);
  });

  test('MONTHLY months of a longer billing period begin on the anchor day, and where a line has periods of its own', () => {
    const [start, end] = [at('2026-01-31'), at('2026-04-30')];
    const quarterly = {
      ...MONTHLY,
      billingPeriod: 'QUARTERLY',
      billingAnchor: start,
      startDate: start,
      currentPeriodStart: start,
      currentPeriodEnd: end,
    } as const;
    const months = [
      ['2026-01-31T00:00Z', '2026-01-31T00:00Z', '2026-02-28T00:00Z'],
      ['2026-02-28T00:00Z', '2026-02-28T00:00Z', '2026-03-31T00:00Z'],
      ['2026-03-31T00:00Z', '2026-03-31T00:00Z', '2026-04-30T00:00Z'],
    ];
    expect(spans(asking('MONTHLY', { period: { start, end }, subscription: quarterly }))).toEqual(months);
    const line = { startDate: start, endDate: null, billingPeriod: 'QUARTERLY', billingPeriodCount: 1 } as const;
    const monthly = { ...quarterly, billingPeriod: 'MONTHLY', currentPeriodEnd: at('2026-02-28') } as const;
    expect(spans(asking('MONTHLY', { period: { start, end }, subscription: monthly, line }))).toEqual(months);
    // Its own period is what "the billing period" of an allowance means.
    expect(spans(asking('QUARTERLY', { period: { start, end }, subscription: monthly, line }))).toEqual([
      ['2026-01-31T00:00Z', '2026-01-31T00:00Z', '2026-04-30T00:00Z'],
    ]);
  });

  test('a lifetime allowance counts from when it began; before that nothing is counted', () => {
    const [before, after] = asking('NEVER', { terms: { startDate: at('2026-02-10') } });
    expect([before?.limit, shown(before?.span.end as DateTime)]).toEqual([null, '2026-02-10T00:00Z']);
    expect([after?.limit?.toFixed(), shown(after?.since as DateTime)]).toEqual(['10', '2026-02-10T00:00Z']);
  });

  test('several billing periods at once: each has its limit, and one that a right does not touch has none', () => {
    const period = { start: at('2026-01-01'), end: at('2026-04-01') };
    const pieces = asking('MONTHLY', { period, terms: { endDate: at('2026-02-10') } });
    expect(pieces.map(({ span, limit }) => [shown(span.start), limit?.toFixed()])).toEqual([
      ['2026-01-01T00:00Z', '10'],
      ['2026-02-01T00:00Z', '10'],
      ['2026-03-01T00:00Z', '0'],
    ]);
  });

  test('what a moment is allowed is what the piece that holds it is allowed', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<ResetPeriod | null>('DAILY', 'WEEKLY', 'MONTHLY', 'QUARTERLY', 'HALF_YEARLY', 'ANNUAL', 'NEVER', null),
        fc.constantFrom('UTC', 'America/New_York', 'Pacific/Auckland'),
        fc.integer({ min: 0, max: 59 * 1440 - 1 }),
        (reset, timezone, minute) => {
          const subscription = {
            ...MONTHLY,
            timezone,
            currentPeriodStart: MONTHLY.startDate,
            currentPeriodEnd: periodAt({ ...MONTHLY, timezone }, MONTHLY.startDate).end,
          };
          const now = MONTHLY.startDate.plus({ minutes: minute });
          const piece = asking(reset, { subscription, period: { start: MONTHLY.startDate, end: at('2026-03-01') } }).find(
            ({ span }) => span.start <= now && now < span.end,
          );
          const { window, limit } = allowanceAt(
            [source({ usageResetPeriod: reset, usageLimit: decimal(10) })],
            { subscription, line: null },
            now,
          );
          expect([+window.period.start, limit?.toFixed()]).toEqual([+(piece?.since ?? 0), piece?.limit?.toFixed()]);
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('billable quantity', () => {
  const piece = (limit: Decimal | null, usage: PieceUsage, day = 1) => ({ since: at('2026-02-01').plus({ days: day }), limit, usage });
  test('everything is free without a limit, nothing where nothing is allowed, and credits never make it negative', () => {
    expectDecimal(billableQuantity([piece(null, used('0', '7'))], 'window_so_far'), '0');
    expectDecimal(billableQuantity([piece(decimal(0), used('5', '12'))], 'window_so_far'), '7');
    expectDecimal(billableQuantity([piece(decimal(2), used('12', '5'))], 'window_so_far'), '0');
  });

  test('a window that spans invoices, price versions and limits is one allowance', () => {
    // 8 of 10, then 5 more: 3 over; the limit is raised to 20 and 9 more come: 2 over.
    const parts = [piece(decimal(10), used('0', '8')), piece(decimal(10), used('8', '13')), piece(decimal(20), used('13', '22'))];
    expect(parts.map((part) => billableQuantity([part], 'window_so_far').toFixed())).toEqual(['0', '3', '2']);
    expectDecimal(billableQuantity(parts, 'window_so_far'), '5');
  });

  test('a constant limit in several pieces of one window is one limit: the piece that passes it most says by how much', () => {
    const constant = (...parts: ReturnType<typeof piece>[]) => billableQuantity(parts, 'constant').toFixed();
    expect(constant(piece(decimal(10), used('0', '15')), piece(decimal(20), used('0', '25')))).toBe('5');
    expect(constant(piece(decimal(10), used('0', '15'), 1), piece(decimal(10), used('0', '12'), 2))).toBe('7');
  });

  test('a limit is granted once over all invoices of its window, however usage is spread', () => {
    fc.assert(
      fc.property(fc.array(quantity(100), { minLength: 1, maxLength: 8 }), quantity(300), (periods, limit) => {
        const billed = periods.map((usage, index) => {
          const before = sum(periods.slice(0, index));
          return billableQuantity([piece(limit, { before, until: before.plus(usage) })], 'window_so_far');
        });
        expectDecimal(sum(billed), drain(periods, limit));
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

const used = (before: string, until: string): PieceUsage => ({ before: decimal(before), until: decimal(until) });

function source(terms: Partial<AllowanceSource>): AllowanceSource {
  return {
    startDate: null,
    endDate: null,
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
