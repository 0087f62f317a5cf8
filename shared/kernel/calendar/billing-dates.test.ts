import fc from 'fast-check';
import { DateTime } from 'luxon';
import { describe, expect, test } from 'vitest';
import { instant, recurringPeriod, timezone } from '#test/support/arbitraries.ts';
import { at, cases, expectInstant } from '#test/support/conformance.ts';
import {
  billingAnchor,
  calendarAnchor,
  firstPeriod,
  nextBillingDate,
  periodsFrom,
  periodsUntil,
  previousBillingDate,
  wholePeriod,
} from './billing-dates.ts';
import { calendarDaysBetween, fromCivil, toCivil } from './civil.ts';
import { type BillingCycle, contains, type RecurringPeriod } from './period.ts';

const FILE = 'billing-periods.json';
interface Given {
  zone?: string;
  period: RecurringPeriod;
  count?: number;
  start: string;
  anchor?: string;
  cycle?: BillingCycle;
  cap?: string;
}

describe('worked examples', () => {
  test.each(cases<Given, string[]>(FILE, 'next'))('$id', ({ given, expected }) => {
    const { period, count = 1 } = given;
    const zone = given.zone ?? 'UTC';
    const explicit = given.anchor === undefined ? null : at(given.anchor, zone);
    const anchor = billingAnchor({ cycle: given.cycle ?? 'anniversary', explicit, start: at(given.start, zone), period, timezone: zone });
    let date = at(given.start, zone);
    for (const text of expected) {
      date = nextBillingDate(date, anchor, count, period, zone, given.cap === undefined ? null : at(given.cap, zone));
      expectInstant(date, at(text, zone));
    }
  });

  test.each(cases<Given, string>(FILE, 'anchor'))('$id anchor', ({ given, expected }) => {
    const zone = given.zone ?? 'UTC';
    const anchor = calendarAnchor(at(given.start, zone), given.period, zone);
    expectInstant(anchor, at(expected, zone));
    expectInstant(firstPeriod({ start: at(given.start, zone), anchor, count: 1, period: given.period, timezone: zone }).end, anchor);
  });

  test.each(cases<{ zone: string; event: string }, boolean>(FILE, 'inside March'))('$id', ({ given, expected }) => {
    const anchor = calendarAnchor(at('2024-02-10', given.zone), 'MONTHLY', given.zone);
    expect(contains(firstPeriod({ start: anchor, anchor, count: 1, period: 'MONTHLY', timezone: given.zone }), at(given.event))).toBe(
      expected,
    );
  });

  test.each(cases<{ zone: string; from: string; to: string }, number>(FILE, 'days'))('$id', ({ given, expected }) => {
    expect(calendarDaysBetween(at(given.from, given.zone), at(given.to, given.zone), given.zone)).toBe(expected);
  });

  test.each(cases<{ zone: string; period: RecurringPeriod; date: string; anchor: string }, string>(FILE, 'previous'))(
    '$id',
    ({ given, expected }) => {
      expectInstant(
        previousBillingDate(at(given.date, given.zone), at(given.anchor, given.zone), 1, given.period, given.zone),
        at(expected),
      );
    },
  );
});

const chain = () =>
  fc
    .record({
      start: instant(),
      explicit: fc.option(instant()),
      cycle: fc.constantFrom<BillingCycle>('anniversary', 'calendar'),
      count: fc.integer({ min: 1, max: 4 }),
      period: recurringPeriod(),
      timezone: timezone(),
    })
    .map(({ explicit, cycle, ...rest }) => ({ ...rest, anchor: billingAnchor({ ...rest, cycle, explicit }) }));

const onAnchor = () => chain().map((given) => ({ ...given, start: given.anchor }));
/** A reading that the clocks show twice is a boundary the first time. */
const onBoundary = () => onAnchor().filter(({ start, timezone }) => +fromCivil(toCivil(start, timezone), timezone) === +start);

describe('properties', () => {
  test('periods follow each other without gap or overlap, none is empty, none passes the cap', () => {
    fc.assert(
      fc.property(chain(), fc.integer({ min: 1, max: 800 }), (given, days) => {
        const cap = given.start.plus({ days });
        let end = given.start;
        for (const period of periodsFrom({ ...given, cap })) {
          expectInstant(period.start, end);
          expect(period.end > period.start && period.end <= cap).toBe(true);
          end = period.end;
        }
        expectInstant(end, cap);
      }),
      { numRuns: 40 },
    );
  });

  test('completed periods end at or before now, and the next one after it', () => {
    fc.assert(
      fc.property(chain(), fc.integer({ min: 0, max: 400 }), (given, days) => {
        const now = given.start.plus({ days });
        const done = [...periodsUntil({ ...given, now })];
        expect(done.every((period) => period.end <= now)).toBe(true);
        expect(firstPeriod({ ...given, start: done.at(-1)?.end ?? given.start }).end > now).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test('the dates of a chain on its anchor are those of a day-by-day search', () => {
    fc.assert(
      fc.property(onAnchor(), fc.integer({ min: 1, max: 5 }), (given, steps) => {
        let date = given.start;
        for (let step = 0; step < steps; step += 1) date = nextBillingDate(date, given.anchor, given.count, given.period, given.timezone);
        const local = date.setZone(given.timezone);
        expect(local.toISODate()).toBe(walk(given.anchor.setZone(given.timezone), given.period, given.count * steps));
      }),
      { numRuns: 100 },
    );
  });

  test("the time of day is the anchor's, unless the clocks skip it that day", () => {
    fc.assert(
      fc.property(chain(), (given) => {
        const next = nextBillingDate(given.start, given.anchor, given.count, given.period, given.timezone).setZone(given.timezone);
        const anchor = given.anchor.setZone(given.timezone);
        const skipped = next.minus({ hours: 3 }).offset !== next.offset;
        expect(skipped || next.toFormat('HH:mm:ss.SSS') === anchor.toFormat('HH:mm:ss.SSS')).toBe(true);
      }),
    );
  });

  test('previous is the inverse of next on the anchor', () => {
    fc.assert(
      fc.property(onBoundary(), fc.integer({ min: 1, max: 5 }), (given, steps) => {
        let date = given.start;
        for (let step = 0; step < steps; step += 1) {
          const next = nextBillingDate(date, given.anchor, given.count, given.period, given.timezone);
          expectInstant(previousBillingDate(next, given.anchor, given.count, given.period, given.timezone), date);
          date = next;
        }
      }),
    );
  });

  test('a start on its anchor begins a whole period, also in an hour that the clocks show twice', () => {
    const second = { start: at('2026-10-25T01:30:00'), anchor: at('2026-10-25T01:30:00'), count: 1, timezone: 'Europe/Berlin' };
    expectInstant(wholePeriod({ ...second, period: 'MONTHLY' }).start, second.start);
    fc.assert(
      fc.property(onAnchor(), (given) => expectInstant(wholePeriod(given).start, given.start)),
      {
        examples: [[{ ...second, period: 'DAILY' }]],
      },
    );
  });

  test('previous goes back, and not further than its periods and the way to the anchor day', () => {
    fc.assert(
      fc.property(chain(), (given) => {
        const previous = previousBillingDate(given.start, given.anchor, given.count, given.period, given.timezone);
        const days = calendarDaysBetween(previous, given.start, given.timezone);
        expect(days).toBeGreaterThan(0);
        // Quarters and half-years off the anchor go by months first and take the anchor's day after that.
        const detour = given.period === 'QUARTERLY' || given.period === 'HALF_YEARLY' ? 30 : 0;
        expect(days).toBeLessThanOrEqual(LONGEST[given.period] * given.count + detour);
      }),
    );
  });

  test('day 31 recovers after every short month', () => {
    const days = [
      ...take(
        periodsFrom({
          start: at('2026-01-31', 'Europe/London'),
          anchor: at('2026-01-31', 'Europe/London'),
          count: 1,
          period: 'MONTHLY',
          timezone: 'Europe/London',
        }),
        14,
      ),
    ];
    expect(days.map((period) => period.start.setZone('Europe/London').toFormat('MMdd HHmm'))).toEqual(
      ['0131', '0228', '0331', '0430', '0531', '0630', '0731', '0831', '0930', '1031', '1130', '1231', '0131', '0228'].map(
        (day) => `${day} 0000`,
      ),
    );
  });
});

describe('edges', () => {
  test('one-time prices, counts below 1 and unknown zones are refused', () => {
    const day = at('2026-01-01');
    expect(() => nextBillingDate(day, day, 1, 'ONETIME', 'UTC')).toThrow(/billing_period/);
    expect(() => previousBillingDate(day, day, 1, 'ONETIME', 'UTC')).toThrow(/billing_period/);
    expect(() => calendarAnchor(day, 'ONETIME', 'UTC')).toThrow(/billing_period/);
    expect(() => nextBillingDate(day, day, 0, 'MONTHLY', 'UTC')).toThrow(/billing_period_count/);
    expect(() => nextBillingDate(day, day, 1, 'MONTHLY', 'Mars/Olympus')).toThrow(/timezone/);
  });

  test('a time that the clocks skip moves forward for that day only, one that comes twice means the first', () => {
    const zone = 'America/New_York';
    const dates = [
      ...take(
        periodsFrom({
          start: at('2024-03-09T02:30', zone),
          anchor: at('2024-03-09T02:30', zone),
          count: 1,
          period: 'DAILY',
          timezone: zone,
        }),
        3,
      ),
    ];
    expect(dates.map((period) => period.start.toISO())).toEqual([
      '2024-03-09T07:30:00.000Z',
      '2024-03-10T07:30:00.000Z',
      '2024-03-11T06:30:00.000Z',
    ]);
    expectInstant(nextBillingDate(at('2024-11-02T01:30', zone), at('2024-11-02T01:30', zone), 1, 'DAILY', zone), at('2024-11-03T05:30Z'));
  });

  test('a start before a far quarterly anchor has one period up to the anchor', () => {
    expectInstant(nextBillingDate(at('2026-01-10'), at('2026-09-05T08:00'), 2, 'QUARTERLY', 'UTC'), at('2026-09-05T08:00'));
  });

  test('an end in the past yields no period', () => {
    expect([
      ...periodsFrom({
        start: at('2026-02-01'),
        anchor: at('2026-02-01'),
        count: 1,
        period: 'MONTHLY',
        timezone: 'UTC',
        cap: at('2026-01-01'),
      }),
    ]).toEqual([]);
  });
});

const LONGEST: Record<RecurringPeriod, number> = { DAILY: 1, WEEKLY: 7, MONTHLY: 31, QUARTERLY: 92, HALF_YEARLY: 184, ANNUAL: 366 };
const MONTHS: Partial<Record<RecurringPeriod, number>> = { MONTHLY: 1, QUARTERLY: 3, HALF_YEARLY: 6, ANNUAL: 12 };

/** Oracle: walks the calendar one day at a time and counts days, or months whose anchor day (or last day) it meets. */
function walk(anchor: DateTime, period: RecurringPeriod, units: number): string {
  const days = period === 'DAILY' ? units : period === 'WEEKLY' ? 7 * units : null;
  let months = (MONTHS[period] ?? 0) * units;
  let date = DateTime.utc(anchor.year, anchor.month, anchor.day);
  for (let walked = 0; days === null ? months > 0 : walked < days; walked += 1) {
    date = date.plus({ days: 1 });
    const lastOfMonth = date.plus({ days: 1 }).day === 1;
    if (date.day === anchor.day || (lastOfMonth && date.day < anchor.day)) months -= 1;
  }
  return date.toISODate() as string;
}

function* take<T>(items: Iterable<T>, count: number): Generator<T> {
  let left = count;
  for (const item of items) {
    if (left-- <= 0) return;
    yield item;
  }
}
