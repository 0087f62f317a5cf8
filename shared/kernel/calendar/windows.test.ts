import fc from 'fast-check';
import type { DateTime } from 'luxon';
import { describe, expect, test } from 'vitest';
import { instant, timezone } from '#test/support/arbitraries.ts';
import { at, cases, expectInstant } from '#test/support/conformance.ts';
import { addMonthsClamped, requireTimezone } from './civil.ts';
import { clampPeriod, secondsOf } from './period.ts';
import { isWindowSize, nextWindowStart, WINDOW_SIZES, type WindowSize, windowStart, windowStartsWithin, windowsWithin } from './windows.ts';

test.each(cases<{ size: WindowSize; zone?: string; anchor?: string; at: string[] }, string>('usage-windows.json', 'window'))(
  '$id',
  ({ given, expected }) => {
    const zone = given.zone ?? 'UTC';
    for (const text of given.at) {
      expectInstant(
        windowStart(at(text, zone), given.size, zone, given.anchor === undefined ? null : at(given.anchor, zone)),
        at(expected, zone),
      );
    }
  },
);

const window = () => fc.record({ time: instant(), size: fc.constantFrom(...WINDOW_SIZES), zone: timezone(), anchor: fc.option(instant()) });

describe('properties', () => {
  test('a window encloses its instant, starts at its own start, and the next begins where it ends', () => {
    fc.assert(
      fc.property(window(), ({ time, size, zone, anchor }) => {
        const start = windowStart(time, size, zone, anchor);
        const next = nextWindowStart(time, size, zone, anchor);
        expect(start <= time && time < next).toBe(true);
        expectInstant(windowStart(start, size, zone, anchor), start);
        expectInstant(windowStart(next, size, zone, anchor), next);
        expectInstant(windowStart(next.minus({ milliseconds: 1 }), size, zone, anchor), start);
        expectInstant(nextWindowStart(start, size, zone, anchor), next);
      }),
      { numRuns: 400 },
    );
  });

  test('starts are what a minute-by-minute search over the wall clock finds', () => {
    fc.assert(
      fc.property(
        instant(),
        fc.constantFrom<WindowSize>('15MIN', '30MIN', 'HOUR', '3HOUR', '6HOUR', '12HOUR', 'DAY'),
        timezone(),
        (time, size, zone) => {
          fc.pre(zone !== 'Australia/Lord_Howe'); // its clocks move by half an hour: hours keep their length, and leave the wall clock for that day
          expectInstant(windowStart(time, size, zone), search(time, size, zone));
        },
      ),
      { numRuns: 60 },
    );
  });

  test('the cut windows of a period partition it', () => {
    fc.assert(
      fc.property(
        instant(),
        fc.integer({ min: 1, max: 40 * 24 }),
        fc.constantFrom<WindowSize>('6HOUR', 'DAY', 'WEEK', 'MONTH'),
        timezone(),
        fc.option(instant()),
        (start, hours, size, zone, anchor) => {
          const period = { start, end: start.plus({ hours }) };
          let end = start;
          let seconds = 0;
          for (const part of windowsWithin(period, size, zone, anchor)) {
            expectInstant(part.start, end);
            end = part.end;
            seconds += Math.round(secondsOf(part) * 1000);
          }
          expectInstant(end, period.end);
          expect(seconds).toBe(hours * 3_600_000);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('the starts of a period are what asking for one window after the other gives', () => {
    fc.assert(
      fc.property(window(), fc.integer({ min: 1, max: 4 * 24 * 60 }), ({ time, size, zone, anchor }, minutes) => {
        const period = { start: time, end: time.plus({ minutes }) };
        const expected: number[] = [];
        for (let start = windowStart(time, size, zone, anchor); start < period.end; start = nextWindowStart(start, size, zone, anchor))
          expected.push(start.toMillis());
        expect([...windowStartsWithin(period, size, zone, anchor)].map((start) => start.toMillis())).toEqual(expected);
      }),
      { numRuns: 150 },
    );
    // A period that a clock change shortens or lengthens.
    for (const date of ['2026-03-08', '2026-11-01']) {
      const period = { start: at(date, 'America/New_York'), end: at(date, 'America/New_York').plus({ hours: 26 }) };
      const starts = [...windowStartsWithin(period, 'HOUR', 'America/New_York')];
      starts.slice(1).forEach((start, index) => {
        expectInstant(nextWindowStart(starts[index] as DateTime, 'HOUR', 'America/New_York'), start);
      });
    }
  });

  test("an anchored month begins on the anchor's day, or on the last day of a shorter month", () => {
    fc.assert(
      fc.property(instant(), instant(), timezone(), (time, anchor, zone) => {
        const start = windowStart(time, 'MONTH', zone, anchor).setZone(zone);
        const day = anchor.setZone(zone).day;
        expect(start.day).toBe(Math.min(day, start.daysInMonth as number));
      }),
    );
  });
});

test('clamping keeps what two spans share', () => {
  const january = { start: at('2026-01-01'), end: at('2026-02-01') };
  expect(clampPeriod({ startDate: at('2025-06-01'), endDate: null }, january)).toEqual(january);
  expect(clampPeriod({ startDate: at('2026-01-10'), endDate: at('2026-01-20') }, january)).toEqual({
    start: at('2026-01-10'),
    end: at('2026-01-20'),
  });
  expect(clampPeriod({ startDate: at('2026-02-01'), endDate: null }, january)).toBeNull();
  expect(clampPeriod({ startDate: at('2025-01-01'), endDate: at('2026-01-01') }, january)).toBeNull();
});

test('months are added on the local calendar', () => {
  expectInstant(addMonthsClamped(at('2024-01-31', 'Asia/Kolkata'), 1, 'Asia/Kolkata'), at('2024-02-29', 'Asia/Kolkata'));
  expectInstant(addMonthsClamped(at('2024-02-29', 'Asia/Kolkata'), 1, 'Asia/Kolkata', 31), at('2024-03-31', 'Asia/Kolkata'));
  expectInstant(addMonthsClamped(at('2024-03-31'), -1, 'UTC'), at('2024-02-29'));
});

test.each([
  ['UTC', true],
  ['Asia/Kolkata', true],
  ['America/Port-au-Prince', true],
  ['Etc/GMT+5', true],
  ['', false],
  ['asia/kolkata', false],
  ['+05:30', false],
  ['Mars/Olympus', false],
  ['local', false],
])('time zone %j: %j', (name, known) => {
  if (known) expect(requireTimezone(name)).toBe(name);
  else expect(() => requireTimezone(name)).toThrow('timezone');
});

test('a day that is not whole hours long ends with a short window', () => {
  const late = at('2018-10-07T23:45', 'Australia/Lord_Howe'); // the clocks went forward by 30 minutes
  expectInstant(windowStart(late, 'HOUR', 'Australia/Lord_Howe'), at('2018-10-07T23:30', 'Australia/Lord_Howe'));
  expectInstant(nextWindowStart(late, 'HOUR', 'Australia/Lord_Howe'), at('2018-10-08', 'Australia/Lord_Howe'));
});

test('unknown sizes are refused', () => {
  expect(isWindowSize('HOUR')).toBe(true);
  expect(isWindowSize('2HOUR')).toBe(false);
  expect(() => windowStart(at('2026-01-01'), '2HOUR' as WindowSize, 'UTC')).toThrow(/window_size/);
});

const LENGTH: Partial<Record<WindowSize, number>> = {
  '15MIN': 15,
  '30MIN': 30,
  HOUR: 60,
  '3HOUR': 180,
  '6HOUR': 360,
  '12HOUR': 720,
  DAY: 1440,
};

/**
 * Oracle: walks back by minutes as long as the wall clock shows the same day and the same multiple of the size. A repeated hour is
 * a window of its own for sizes up to an hour, so there the walk also stops where the clock was set back.
 */
function search(time: DateTime, size: WindowSize, zone: string): DateTime {
  const length = LENGTH[size] as number;
  const label = (moment: DateTime) => {
    const local = moment.setZone(zone);
    return `${local.toISODate()} ${Math.floor((local.hour * 60 + local.minute) / length)} ${length <= 60 ? local.offset : ''}`;
  };
  let start = time.startOf('minute');
  while (label(start.minus({ minutes: 1 })) === label(time)) start = start.minus({ minutes: 1 });
  return start;
}
