import fc from 'fast-check';
import type { DateTime } from 'luxon';
import { describe, expect, test } from 'vitest';
import { billingAnchor, nextBillingDate, periodsFrom } from '#kernel/calendar/billing-dates.ts';
import { fromCivil, startOfLocalDay, toCivil } from '#kernel/calendar/civil.ts';
import { type BillingCycle, earlier, later, RECURRING_PERIODS, type RecurringPeriod } from '#kernel/calendar/period.ts';
import { decimal, ZERO } from '#kernel/decimal.ts';
import { chainOf } from '#subscriptions/domain/periods.ts';
import { instant, recurringPeriod, timezone } from '#test/support/arbitraries.ts';
import { at, cases, expectDecimal, expectInstant } from '#test/support/conformance.ts';
import { allowanceWindow, billingPeriodAt, combinedWindow, type WindowTerms } from './allowance-window.ts';
import type { ResetPeriod } from '#catalog/domain/entitlement.ts';
import type { FeatureType } from '#catalog/domain/feature.ts';
import { checkLimit, usageRatio } from './limit.ts';

const FILE = 'allowance-windows.json';
interface Given {
  reset: ResetPeriod | null;
  zone?: string;
  billing?: RecurringPeriod;
  count?: number;
  cycle?: BillingCycle;
  anchor?: string;
  start: string;
  rightStart?: string;
  now: string[];
}

function subscriptionOf({
  zone = 'UTC',
  billing = 'MONTHLY',
  count = 1,
  cycle = 'anniversary',
  start,
  anchor,
}: {
  zone?: string;
  billing?: RecurringPeriod;
  count?: number;
  cycle?: BillingCycle;
  start: DateTime;
  anchor?: DateTime | null;
}): WindowTerms {
  const boundaries = billingAnchor({ cycle, explicit: anchor ?? null, start, period: billing, timezone: zone });
  return {
    billingCycle: cycle,
    billingAnchor: boundaries,
    billingPeriod: billing,
    billingPeriodCount: count,
    timezone: zone,
    startDate: start,
    endDate: null,
    cancelAt: null,
    currentPeriodStart: start,
    currentPeriodEnd: nextBillingDate(start, boundaries, count, billing, zone),
  };
}

test.each(cases<Given, { start: string; end: string; resets?: boolean }>(FILE, 'window'))('$id', ({ given, expected }) => {
  const zone = given.zone ?? 'UTC';
  const subscription = subscriptionOf({
    ...given,
    start: at(given.start, zone),
    anchor: given.anchor === undefined ? null : at(given.anchor, zone),
  });
  for (const now of given.now) {
    const { period, nextReset } = allowanceWindow(
      { subscription, line: null },
      given.reset,
      at(now, zone),
      given.rightStart === undefined ? null : at(given.rightStart, zone),
    );
    expectInstant(period.start, at(expected.start, zone));
    expectInstant(period.end, at(expected.end, zone));
    expect(nextReset?.toISO() ?? null).toBe(expected.resets === false ? null : period.end.toISO());
  }
});

test.each(cases<{ usage: string; limit: string | null }, string>(FILE, 'ratio'))('$id', ({ given, expected }) => {
  expectDecimal(usageRatio(decimal(given.usage), given.limit === null ? null : decimal(given.limit)), expected);
});

test.each(
  cases<
    { type?: FeatureType; limit: string | null; soft?: boolean; enabled?: boolean; usage: string; quantity: string },
    { allowed: boolean; reason: string; remaining: string | null }
  >(FILE, 'check'),
)('$id', ({ given, expected }) => {
  const { allowed, reason, remaining } = checkLimit(
    {
      featureType: given.type ?? 'metered',
      isEnabled: given.enabled ?? true,
      usageLimit: given.limit === null ? null : decimal(given.limit),
      isSoftLimit: given.soft ?? false,
    },
    decimal(given.usage),
    decimal(given.quantity),
  );
  expect({ allowed, reason, remaining: remaining?.toFixed() ?? null }).toEqual(expected);
});

test('a feature that the customer does not have is not allowed, whatever is asked', () => {
  expect(checkLimit(null, ZERO, ZERO)).toEqual({ allowed: false, reason: 'not_entitled', remaining: null });
});

const SPANS: Readonly<Partial<Record<ResetPeriod, number>>> = { MONTHLY: 1, QUARTERLY: 3, HALF_YEARLY: 6, ANNUAL: 12 };
const situation = () =>
  fc
    .record({
      zone: timezone(),
      billing: recurringPeriod(),
      count: fc.integer({ min: 1, max: 2 }),
      cycle: fc.constantFrom<BillingCycle>('anniversary', 'calendar'),
      start: instant(),
      days: fc.integer({ min: 0, max: 900 }),
      millis: fc.integer({ min: 0, max: 86_399_999 }),
    })
    .map(({ days, millis, ...given }) => ({ subscription: subscriptionOf(given), now: given.start.plus({ days, milliseconds: millis }) }));

describe('properties', () => {
  test('windows are what a walk over the local days finds', () => {
    fc.assert(
      fc.property(
        situation(),
        fc.constantFrom<ResetPeriod>('DAILY', 'WEEKLY', 'MONTHLY', 'QUARTERLY', 'HALF_YEARLY', 'ANNUAL'),
        ({ subscription, now }, reset) => {
          fc.pre(reset !== subscription.billingPeriod || subscription.billingPeriodCount > 1);
          const { period, nextReset } = allowanceWindow({ subscription, line: null }, reset, now);
          const found = walk(subscription, reset, now);
          expectInstant(period.start, later(found.start, subscription.startDate));
          expectInstant(period.end, found.end);
          expectInstant(nextReset ?? now, found.end);
        },
      ),
      { numRuns: 120 },
    );
  });

  test('a window contains now, begins with the one before, and is the same for every moment in it', () => {
    fc.assert(
      fc.property(situation(), fc.constantFrom<ResetPeriod | null>(...RECURRING_PERIODS, null), ({ subscription, now }, reset) => {
        const { period } = allowanceWindow({ subscription, line: null }, reset, now);
        expect(period.start <= now && now < period.end && period.start >= subscription.startDate).toBe(true);
        for (const moment of [period.start, period.end.minus({ milliseconds: 1 })])
          expect(allowanceWindow({ subscription, line: null }, reset, moment).period).toEqual(period);
        expectInstant(allowanceWindow({ subscription, line: null }, reset, period.end).period.start, period.end);
      }),
      { numRuns: 120 },
    );
  });

  test('where a billing period is as long as a window, each window is one, whatever the time of day', () => {
    fc.assert(
      fc.property(situation(), fc.constantFrom<ResetPeriod>('QUARTERLY', 'HALF_YEARLY', 'ANNUAL'), ({ subscription, now }, reset) => {
        const { billingAnchor: anchor, timezone } = subscription;
        const months = SPANS[reset] as number;
        const monthly = { ...subscription, billingPeriod: 'MONTHLY', billingPeriodCount: 1, startDate: anchor } as const;
        fc.pre(now >= anchor);
        const { period } = allowanceWindow({ subscription: monthly, line: null }, reset, now);
        const chain = { start: anchor, anchor, count: 1, period: 'MONTHLY', timezone } as const;
        const [first, ...rest] = periodsFrom(chain)
          .filter(({ end }) => period.start < end)
          .take(months);
        expectInstant(first?.start ?? now, period.start);
        expectInstant(rest.at(-1)?.end ?? now, period.end);
      }),
      { numRuns: 60 },
    );
  });

  test('the billing period follows the clock, whether or not the sweep has closed the ones before', () => {
    fc.assert(
      fc.property(situation(), ({ subscription, now }) => {
        const period = billingPeriodAt(subscription, now);
        const [chained] = periodsFrom(chainOf(subscription, subscription.startDate))
          .filter(({ end }) => now < end)
          .take(1);
        expect(period).toEqual(chained);
        expect(billingPeriodAt({ ...subscription, currentPeriodStart: period.start, currentPeriodEnd: period.end }, now)).toEqual(period);
      }),
      { numRuns: 50 },
    );
  });

  test('a combined window is the shortest that holds every one of them', () => {
    fc.assert(
      fc.property(
        fc.array(situation(), { minLength: 1, maxLength: 4 }),
        fc.constantFrom<ResetPeriod>(...RECURRING_PERIODS, 'NEVER'),
        (all, reset) => {
          const now = all.map((each) => each.now).reduce(later);
          const windows = all.map(({ subscription }) => allowanceWindow({ subscription, line: null }, reset, now));
          const { period, nextReset } = combinedWindow(windows as [(typeof windows)[number]]);
          expectInstant(period.start, windows.map((window) => window.period.start).reduce(earlier));
          expectInstant(period.end, windows.map((window) => window.period.end).reduce(later));
          expect(nextReset?.toMillis() ?? null).toBe(
            reset === 'NEVER' ? null : Math.min(...windows.map((window) => window.period.end.toMillis())),
          );
        },
      ),
      { numRuns: 30 },
    );
  });
});

test('a subscription that is over has its last period for ever', () => {
  const subscription = { ...subscriptionOf({ start: at('2026-01-01') }), endDate: at('2026-02-10') };
  for (const now of ['2026-02-09', '2026-02-10', '2027-01-01'])
    expect(billingPeriodAt(subscription, at(now))).toEqual({ start: at('2026-02-01'), end: at('2026-02-10') });
});

/** Oracle: goes from day to day, back to the last one whose window has begun by now and on to the next one. */
function walk(subscription: WindowTerms, reset: ResetPeriod, now: DateTime): { start: DateTime; end: DateTime } {
  const { timezone: zone } = subscription;
  const anchor = toCivil(subscription.billingAnchor, zone);
  const isStart = (day: DateTime): boolean => {
    const civil = toCivil(day, zone);
    const months = SPANS[reset];
    if (months === undefined) return reset === 'DAILY' || civil.weekday === 1;
    return (
      civil.day === Math.min(anchor.day, civil.daysInMonth ?? 0) &&
      ((civil.year - anchor.year) * 12 + civil.month - anchor.month) % months === 0
    );
  };
  const { hour, minute, second, millisecond } = anchor;
  const begin = (days: number): DateTime => {
    const midnight = startOfLocalDay(now, zone, days);
    return SPANS[reset] === undefined ? midnight : fromCivil(toCivil(midnight, zone).set({ hour, minute, second, millisecond }), zone);
  };
  let back = 0;
  while (!isStart(startOfLocalDay(now, zone, back)) || begin(back) > now) back -= 1;
  let on = back + 1;
  while (!isStart(startOfLocalDay(now, zone, on))) on += 1;
  return { start: begin(back), end: begin(on) };
}
