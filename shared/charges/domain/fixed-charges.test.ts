import fc from 'fast-check';
import type { DateTime } from 'luxon';
import { describe, expect, test } from 'vitest';
import { nextBillingDate } from '#kernel/calendar/billing-dates.ts';
import type { BillingPeriod, Period, RecurringPeriod } from '#kernel/calendar/period.ts';
import { decimal, sum } from '#kernel/decimal.ts';
import { roundToCurrency } from '#kernel/money.ts';
import { instant, timezone } from '#test/support/arbitraries.ts';
import { at, cases, expectDecimal, priceOf } from '#test/support/conformance.ts';
import { type FixedCharge, type FixedChargesSubscription, type FixedItem, fixedChargesFor } from './fixed-charges.ts';
import { coefficient, coverage, dayBasedShare, prorate, secondBasedShare } from './proration.ts';

const FILE = 'billing-fixed-charges.json';
const START = at('2026-01-01');
const JANUARY = { start: START, end: at('2026-02-01') };
const MONTHLY: FixedChargesSubscription = {
  billingPeriod: 'MONTHLY',
  billingPeriodCount: 1,
  billingAnchor: START,
  timezone: 'UTC',
  startDate: START,
  currentPeriodStart: START,
  prorationBehavior: 'none',
  endDate: null,
  cancelAt: null,
};

describe('worked examples', () => {
  test.each(
    cases<{ subscription: RecurringPeriod; invoices: 'advance' | 'closing' | 'service window'; items: string[] }, string[]>(
      FILE,
      'invoices',
    ),
  )('$id', ({ given, expected }) => {
    const subscription = { ...MONTHLY, billingPeriod: given.subscription };
    const items = given.items.map(item);
    const windows = [START];
    while (windows.length <= expected.length)
      windows.push(nextBillingDate(windows.at(-1) as DateTime, START, 1, given.subscription, 'UTC'));
    const totals = expected
      .map((_, index) => {
        const period = { start: windows[index] as DateTime, end: windows[index + 1] as DateTime };
        const closed = (closing: Period) => fixedChargesFor({ items, subscription, period: closing, referencePoint: 'period_end' });
        const opened = () => fixedChargesFor({ items, subscription, period, referencePoint: 'period_start' });
        const before = { start: windows[index - 1] as DateTime, end: period.start };
        switch (given.invoices) {
          // The first invoice opens the subscription, every later one closes a period and charges the next in advance.
          case 'advance':
            return index === 0 ? opened() : closed(before);
          case 'closing':
            return closed(period);
          default:
            return [...opened(), ...fixedChargesFor({ items, subscription, period, referencePoint: 'cancel' })];
        }
      })
      .map((charges) => sum(charges.map((charge) => charge.amount)).toFixed());
    expect(totals).toEqual(expected);
  });

  test.each(cases<{ subscription: RecurringPeriod; period: [string, string]; items: string[] }, string[][]>(FILE, 'lines'))(
    '$id',
    ({ given, expected }) => {
      const period = { start: at(given.period[0]), end: at(given.period[1]) };
      const charges = fixedChargesFor({ items: given.items.map(item), subscription: MONTHLY, period, referencePoint: 'period_end' });
      expect(charges.map((charge) => [charge.period.start.toISODate(), charge.period.end.toISODate(), charge.amount.toFixed()])).toEqual(
        expected,
      );
    },
  );

  test.each(cases<{ start: string; end: string; date: string; amount: string }, { c?: string; amount: string }>(FILE, 'second based'))(
    '$id',
    ({ given, expected }) => {
      const share = secondBasedShare(at(given.date), { start: at(given.start), end: at(given.end) });
      if (expected.c) expectDecimal(coefficient(share).toDecimalPlaces(10), expected.c);
      expectDecimal(roundToCurrency(prorate(decimal(given.amount), share), 'usd'), expected.amount);
    },
  );

  test.each(cases<{ start: string; end: string; date: string; amount: string }, { share: number[]; amount: string }>(FILE, 'day based'))(
    '$id',
    ({ given, expected }) => {
      const share = dayBasedShare(
        at(given.date, 'America/New_York'),
        { start: at(given.start, 'America/New_York'), end: at(given.end, 'America/New_York') },
        'America/New_York',
      );
      expect([share.numerator.toNumber(), share.denominator.toNumber()]).toEqual(expected.share);
      expectDecimal(roundToCurrency(prorate(decimal(given.amount), share), 'usd'), expected.amount);
    },
  );
});

describe('scheduling', () => {
  test.each([
    ['MONTHLY', 6, 'QUARTERLY', 1, [60, 0, 60, 0]],
    ['MONTHLY', 24, 'ANNUAL', 1, [60, 0, 60, 0]],
    ['DAILY', 14, 'WEEKLY', 1, [60, 0, 60, 0]],
    ['MONTHLY', 3, 'QUARTERLY', 1, [60, 60, 60, 60]],
    ['ANNUAL', 1, 'MONTHLY', 6, [60, 0, 60, 0]],
  ] as const)(
    'a price per %s x %i is charged once in that time to a subscription of %s x %i',
    (billingPeriod, billingPeriodCount, subscribed, count, expected) => {
      const subscription = { ...MONTHLY, billingPeriod: subscribed, billingPeriodCount: count };
      const windows = [START];
      while (windows.length <= expected.length) windows.push(nextBillingDate(windows.at(-1) as DateTime, START, count, subscribed, 'UTC'));
      const charged = (invoiceCadence: 'ADVANCE' | 'ARREAR') =>
        expected.map((_, index) => {
          const period = { start: windows[index] as DateTime, end: windows[index + 1] as DateTime };
          const billed = { ...item('ARREAR M 60'), billingPeriod, billingPeriodCount, invoiceCadence };
          return sum(
            fixedChargesFor({
              items: [billed],
              subscription,
              period,
              referencePoint: invoiceCadence === 'ADVANCE' ? 'period_start' : 'period_end',
            }).map((charge) => charge.amount),
          ).toNumber();
        });
      expect(charged('ADVANCE')).toEqual(expected);
      expect(sum(charged('ARREAR').map((amount) => decimal(amount))).toNumber()).toBe(
        expected.reduce<number>((total, amount) => total + amount, 0),
      );
    },
  );

  const charged = (lines: Partial<FixedItem>[], more: Partial<Parameters<typeof fixedChargesFor>[0]> = {}) =>
    fixedChargesFor({
      items: lines.map((line, index) => ({ ...item('ADVANCE MONTHLY 100', index), ...line })),
      subscription: MONTHLY,
      period: JANUARY,
      referencePoint: 'period_start',
      ...more,
    });

  test('each reference point takes its own cadences and windows', () => {
    const lines: Partial<FixedItem>[] = [{ id: 'advance' }, { id: 'arrear', invoiceCadence: 'ARREAR' }];
    const at_ = (referencePoint: Parameters<typeof fixedChargesFor>[0]['referencePoint']) =>
      charged(lines, { referencePoint }).map((line) => [line.lineItemId, line.period.start.month]);
    expect(at_('period_start')).toEqual([['advance', 1]]);
    expect(at_('period_end')).toEqual([
      ['advance', 2],
      ['arrear', 1],
    ]);
    expect(at_('preview')).toEqual(at_('period_end'));
    expect(at_('cancel')).toEqual([['arrear', 1]]);
  });

  test('nothing is charged in advance for time after a known end', () => {
    const advance = (end: Partial<FixedChargesSubscription>) =>
      charged([{}], { referencePoint: 'period_end', subscription: { ...MONTHLY, ...end } });
    expect(advance({ cancelAt: JANUARY.end })).toEqual([]);
    expect(advance({ endDate: JANUARY.end })).toEqual([]);
    expect(advance({ endDate: at('2026-02-15') }).map((line) => [line.period.end.toISODate(), line.amount.toFixed()])).toEqual([
      ['2026-02-15', '100'],
    ]);
    expect(advance({ cancelAt: at('2026-03-01') })).toHaveLength(1);
    expect(charged([{}], { subscription: { ...MONTHLY, endDate: START } })).toEqual([]);
  });

  test('usage prices and lines outside the window are left out', () => {
    const usage = { ...item('ADVANCE MONTHLY 100').price, type: 'USAGE' as const };
    expect(charged([{ price: usage }, { startDate: JANUARY.end }, { endDate: START, startDate: at('2025-12-01') }])).toEqual([]);
  });

  test('a line that covers part of the period costs its share by seconds', () => {
    const [line] = charged([{ startDate: at('2026-01-16'), price: { ...item('ADVANCE MONTHLY 100').price } }]);
    expect([line?.amount.toFixed(2), line?.proration?.numeratorSeconds.toFixed(), line?.proration?.denominatorSeconds.toFixed()]).toEqual([
      '51.61',
      '1382400',
      '2678400',
    ]);
    expect(line?.period.start.toISODate()).toBe('2026-01-16');
  });

  test('one-time charges are due on their date, in full', () => {
    const onetime = (startDate: DateTime, invoiceCadence: 'ADVANCE' | 'ARREAR' = 'ADVANCE') =>
      charged([{ billingPeriod: 'ONETIME', startDate, invoiceCadence }], {
        referencePoint: invoiceCadence === 'ADVANCE' ? 'period_start' : 'period_end',
      }).map((line) => line.amount.toFixed());
    expect(onetime(START)).toEqual(['100']);
    expect(onetime(at('2026-01-31T23:59:59.999'))).toEqual(['100']);
    expect(onetime(JANUARY.end)).toEqual([]);
    expect(onetime(START, 'ARREAR')).toEqual([]);
    expect(onetime(JANUARY.end, 'ARREAR')).toEqual(['100']);
  });

  test('boundaries of longer lines are compared at second precision', () => {
    const quarterly: Partial<FixedItem> = { billingPeriod: 'QUARTERLY', startDate: at('2026-01-01T00:00:00.900') };
    expect(
      charged([quarterly], {
        period: { start: at('2026-01-01T00:00:00.950'), end: at('2026-02-01') },
        subscription: { ...MONTHLY, startDate: at('2026-01-01T00:00:00.950'), currentPeriodStart: at('2026-01-01T00:00:00.950') },
      }),
    ).toHaveLength(1);
  });

  test('a longer count of the same unit is a longer line', () => {
    const everyThree: Partial<FixedItem> = { billingPeriodCount: 3 };
    expect(charged([everyThree])).toHaveLength(1);
    expect(charged([everyThree], { referencePoint: 'period_end' })).toEqual([]);
  });

  test('a long arrear period that is cut short owes its part', () => {
    const annual: Partial<FixedItem> = { billingPeriod: 'ANNUAL', invoiceCadence: 'ARREAR', price: { ...item('ARREAR ANNUAL 365').price } };
    const cut = (line: Partial<FixedItem>, subscription = MONTHLY) =>
      charged([line], { referencePoint: 'cancel', subscription }).map((charge) => [charge.amount.toFixed(), charge.period.end.toISODate()]);
    expect(cut({ ...annual, endDate: at('2026-01-11') })).toEqual([['10', '2026-01-11']]);
    expect(cut(annual, { ...MONTHLY, endDate: at('2026-01-21') })).toEqual([['20', '2026-01-21']]);
    expect(cut(annual)).toEqual([]);
  });

  test('the short first period of a subscription is prorated when asked, in arrear always', () => {
    const start = at('2026-01-16');
    const opening = (line: Partial<FixedItem>, more: Partial<FixedChargesSubscription>, end = JANUARY.end) =>
      charged([{ startDate: start, ...line }], {
        period: { start, end },
        subscription: { ...MONTHLY, billingAnchor: JANUARY.end, startDate: start, currentPeriodStart: start, ...more },
        referencePoint: line.invoiceCadence === 'ARREAR' ? 'period_end' : 'period_start',
      }).map((charge) => charge.amount.toFixed());
    const million = { ...item('ADVANCE MONTHLY 1000000').price };
    expect(opening({}, { prorationBehavior: 'none' })).toEqual(['100']);
    expect(opening({}, { prorationBehavior: 'create_prorations' })).toEqual(['51.61']);
    // The coefficient of the opening counts one second less; a share does not.
    expect(opening({ price: million }, { prorationBehavior: 'create_prorations' })).toEqual(['516128.85']);
    expect(opening({ price: million, invoiceCadence: 'ARREAR' }, { prorationBehavior: 'none' })).toEqual(['516129.03']);
    // Every two months: the whole period is January and February (59 days), of which the line has 44 from January 16.
    const two = { billingPeriodCount: 2, prorationBehavior: 'create_prorations' } as const;
    expect(opening({ billingPeriodCount: 2 }, two, at('2026-03-01'))).toEqual(['74.58']);
  });
});

describe('properties', () => {
  test('the parts of a period sum to the whole', () => {
    fc.assert(
      fc.property(instant(), timezone(), fc.uniqueArray(fc.integer({ min: 1, max: 2_000_000 }), { maxLength: 6 }), (start, zone, cuts) => {
        const period = { start, end: nextBillingDate(start, start, 1, 'MONTHLY', zone) };
        const borders = [start, ...cuts.sort((a, b) => a - b).map((seconds) => start.plus({ seconds })), period.end];
        const shares = borders.slice(1).map((end, index) => coverage({ start: borders[index] as DateTime, end }, period));
        expectDecimal(sum(shares.map((share) => share.numerator)), shares[0]?.denominator ?? decimal(0));
        const seconds = sum(shares.map((share) => prorate(decimal('100'), share)));
        expect(seconds.minus(100).abs().lt('0.000000000000001')).toBe(true);
      }),
    );
  });

  test('a long line is charged once per own period, in advance or in arrears', () => {
    const longer = fc.constantFrom<BillingPeriod>('QUARTERLY', 'HALF_YEARLY', 'ANNUAL');
    fc.assert(
      fc.property(
        instant(),
        timezone(),
        longer,
        fc.constantFrom<'ADVANCE' | 'ARREAR'>('ADVANCE', 'ARREAR'),
        (startDate, zone, billingPeriod, invoiceCadence) => {
          const subscription = { ...MONTHLY, billingAnchor: startDate, startDate, currentPeriodStart: startDate, timezone: zone };
          const line = { ...item('ADVANCE MONTHLY 100'), startDate, billingPeriod, invoiceCadence };
          const charges: FixedCharge[] = [];
          let start = startDate;
          for (let month = 0; month < 24; month += 1) {
            const period = { start, end: nextBillingDate(start, startDate, 1, 'MONTHLY', zone) };
            charges.push(
              ...fixedChargesFor({
                items: [line],
                subscription,
                period,
                referencePoint: invoiceCadence === 'ADVANCE' ? 'period_start' : 'cancel',
              }),
            );
            start = period.end;
          }
          expect(charges).toHaveLength({ QUARTERLY: 8, HALF_YEARLY: 4, ANNUAL: 2 }[billingPeriod as 'QUARTERLY']);
          charges.forEach((charge, index) => {
            expect(+charge.period.start).toBe(+(charges[index - 1]?.period.end ?? startDate));
            expectDecimal(charge.amount, '100');
          });
        },
      ),
      { numRuns: 20 },
    );
  });
});

/** Reads "ADVANCE QUARTERLY 400": one line of quantity 1 that starts with the subscription. */
function item(text: string, index: number = 0): FixedItem {
  const [invoiceCadence, billingPeriod, amount] = text.split(' ') as ['ADVANCE' | 'ARREAR', BillingPeriod, string];
  const price = { ...priceOf({ model: 'FLAT_FEE', amount }), id: `price_${index}`, type: 'FIXED' as const, currency: 'usd' };
  return {
    id: `line_${index}`,
    price,
    quantity: decimal(1),
    startDate: START,
    endDate: null,
    billingPeriod,
    billingPeriodCount: 1,
    invoiceCadence,
  };
}
