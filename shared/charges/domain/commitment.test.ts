import fc from 'fast-check';
import type { DateTime } from 'luxon';
import { describe, expect, test } from 'vitest';
import type { WindowSize } from '#kernel/calendar/windows.ts';
import { decimal, ONE, sum, ZERO } from '#kernel/decimal.ts';
import { roundToCurrency } from '#kernel/money.ts';
import { isWithin, type TimeOfDay } from '#subscriptions/domain/commitment.ts';
import { at, cases, expectDecimal, type PriceNotation, priceOf } from '../../../test/support/conformance.ts';
import { ZONES } from '../../../test/support/arbitraries.ts';
import { type Commitment, committedAmount, splitCommitment } from './commitment.ts';
import { afterAllowance, splitWindows, type WindowedTerms, type WindowTerms, type WindowUsage } from './windowed-commitment.ts';

const FILE = 'commitments.json';

interface PlainGiven {
  readonly base: string;
  readonly commitment: string;
  readonly factor: string;
  readonly true_up: boolean;
}
interface Parts {
  readonly utilized: string;
  readonly overage: string;
  readonly true_up: string;
  readonly charge: string;
}

test.each(cases<PlainGiven, Parts>(FILE, 'plain'))('$id', ({ given, expected }) => {
  const split = splitCommitment(decimal(given.base), {
    amount: decimal(given.commitment),
    overageFactor: decimal(given.factor),
    trueUp: given.true_up,
  });
  expect([split.utilized, split.overage, split.trueUp, split.charge].map(String)).toEqual([
    expected.utilized,
    expected.overage,
    expected.true_up,
    expected.charge,
  ]);
});

test.each(cases<{ price: PriceNotation; quantity: string }, { amount: string }>(FILE, 'quantity'))('$id', ({ given, expected }) => {
  expectDecimal(committedAmount(priceOf(given.price), 'quantity', decimal(given.quantity)), expected.amount);
});

interface Terms {
  readonly price: PriceNotation;
  readonly commitment?: string;
  readonly factor?: string;
  readonly true_up?: boolean;
}
interface WindowedGiven {
  readonly size: WindowSize;
  readonly line: Terms;
  readonly buckets?: readonly (Terms & { readonly from: string; readonly to: string })[];
  readonly usage: Readonly<Record<string, string>>;
  readonly elapsed_hours?: number;
}
type WindowedExpected = Partial<Parts> & {
  readonly each?: Readonly<Record<string, string>>;
  readonly windows?: number;
  /** What the windows with usage are charged, without the idle ones. */
  readonly used?: string;
  readonly starts?: readonly string[];
};

const clock = (text: string): TimeOfDay => ({ hour: Number(text.slice(0, 2)), minute: Number(text.slice(3)) });
const termsOf = ({ price, commitment, factor, true_up: trueUp }: Terms): WindowTerms => ({
  price: priceOf(price),
  commitment:
    commitment === undefined ? null : { amount: decimal(commitment), overageFactor: decimal(factor ?? '1'), trueUp: trueUp ?? false },
});

test.each(cases<WindowedGiven, WindowedExpected>(FILE, 'windowed'))('$id over one day', ({ given, expected }) => {
  const terms: WindowedTerms = {
    line: termsOf(given.line),
    size: given.size,
    timezone: 'UTC',
    buckets: (given.buckets ?? []).map((bucket) => ({
      ...termsOf(bucket),
      id: bucket.from,
      start: clock(bucket.from),
      end: clock(bucket.to),
    })),
  };
  const period = { start: at('2026-01-05'), end: at('2026-01-06') };
  const usage = Object.entries(given.usage).map(([time, quantity]) => ({
    start: at(`2026-01-05T${time}`),
    quantities: [decimal(quantity)],
  }));
  const split = splitWindows(
    terms,
    period,
    usage,
    given.elapsed_hours === undefined ? period.end : period.start.plus({ hours: given.elapsed_hours }),
  );
  for (const [part, value] of [
    ['charge', split.charge],
    ['utilized', split.utilized],
    ['overage', split.overage],
    ['true_up', split.trueUp],
  ] as const) {
    if (expected[part] !== undefined) expectDecimal(value, expected[part]);
  }
  if (expected.used)
    expectDecimal(sum(split.windows.filter(({ quantities }) => quantities.length > 0).map(({ charge }) => charge)), expected.used);
  const starts = split.windows.map((window) => window.start.toFormat('HH:mm'));
  if (expected.each)
    expect(Object.fromEntries(split.windows.map((window) => [window.start.toFormat('HH:mm'), window.charge.toFixed()]))).toEqual(
      expected.each,
    );
  if (expected.windows) expect(split.windows).toHaveLength(expected.windows);
  if (expected.starts) expect(starts).toEqual(expected.starts);
});

const cents = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max });

describe('dividing a cost', () => {
  test('equals handing it out cent by cent', () => {
    fc.assert(
      fc.property(cents(300), cents(200), fc.integer({ min: 4, max: 12 }), fc.boolean(), (base, amount, quarters, trueUp) => {
        // The oracle: each cent is within the commitment or beyond it.
        let [utilized, overageQuarters] = [0, 0];
        for (let cent = 0; cent < base; cent += 1) cent < amount ? (utilized += 1) : (overageQuarters += quarters);
        const split = splitCommitment(decimal(base), { amount: decimal(amount), overageFactor: decimal(quarters).div(4), trueUp });
        expect([split.utilized.toNumber(), split.overage.toNumber(), split.trueUp.toNumber()]).toEqual([
          utilized,
          overageQuarters / 4,
          trueUp && base < amount ? amount - base : 0,
        ]);
        expectDecimal(split.charge, split.utilized.plus(split.overage).plus(split.trueUp));
      }),
    );
  });

  test('of a cut period the true-up is owed for the part that was lived, and overage begins above all of it', () => {
    // Half of March: 1000 promised with a true-up.
    const half = { numerator: decimal(15 * 86_400), denominator: decimal(31 * 86_400) };
    const promised: Commitment = { amount: decimal(1000), overageFactor: decimal('1.5'), trueUp: true };
    const parts = (base: number) => {
      const { utilized, overage, trueUp, charge } = splitCommitment(decimal(base), promised, half);
      return [utilized, overage, trueUp, charge].map((part) => roundToCurrency(part, 'usd').toFixed());
    };
    expect(parts(200)).toEqual(['200', '0', '283.87', '483.87']);
    expect(parts(700)).toEqual(['700', '0', '0', '700']);
    expect(parts(1200)).toEqual(['1000', '300', '0', '1300']);
  });

  test('a commitment never makes usage cheaper, and a true-up never lets it fall below what was promised', () => {
    fc.assert(
      fc.property(cents(5000), cents(5000), fc.integer({ min: 100, max: 300 }), fc.boolean(), (base, amount, factor, trueUp) => {
        const commitment: Commitment = { amount: decimal(amount), overageFactor: decimal(factor).div(100), trueUp };
        const { charge } = splitCommitment(decimal(base), commitment);
        expect(charge.gte(base)).toBe(true);
        if (trueUp) expect(charge.gte(amount)).toBe(true);
      }),
    );
  });
});

describe('windows', () => {
  const flat = (amount: number) => priceOf({ model: 'FLAT_FEE', amount: String(amount) });
  const terms = fc.record({
    price: cents(5).map(flat),
    commitment: fc.option(
      fc.record({ amount: cents(20).map(decimal), overageFactor: fc.constantFrom('1', '1.5', '2').map(decimal), trueUp: fc.boolean() }),
    ),
  });
  /** Days around the changes of the clock, and ordinary ones. */
  const day = fc.constantFrom('2026-01-05', '2026-03-08', '2026-03-29', '2026-04-05', '2026-10-04', '2026-10-25', '2026-11-01');
  const hour = (min: number, max: number): fc.Arbitrary<TimeOfDay> => fc.integer({ min, max }).map((value) => ({ hour: value, minute: 0 }));

  test('equal a loop over every minute of the days, with clock changes, wrapped buckets and windows cut short', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...ZONES),
        day,
        fc.constantFrom<WindowSize>('30MIN', 'HOUR', '6HOUR', 'DAY'),
        terms,
        fc.option(fc.record({ terms, start: hour(0, 23), end: hour(1, 24) })),
        fc.integer({ min: 0, max: 90 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 0, max: 40 }),
        fc.array(fc.record({ minute: fc.integer({ min: 0, max: 2399 }), quantity: fc.integer({ min: 1, max: 9 }) }), { maxLength: 8 }),
        (timezone, date, size, line, bucket, shift, hours, elapsed, events) => {
          if (bucket !== null && bucket.start.hour === bucket.end.hour) return;
          const start = at(date, timezone).plus({ minutes: shift });
          const period = { start, end: start.plus({ hours }) };
          const asOf = start.plus({ hours: elapsed });
          const inside = events
            .map((event) => ({ ...event, at: start.plus({ minutes: event.minute }) }))
            .filter((event) => event.at < period.end);

          // The oracle: walks the minutes, and a new window begins where luxon's wall clock says so.
          let last = '';
          const windows: { start: DateTime; end: DateTime; quantity: number }[] = [];
          for (let time = start.minus({ days: 1 }).setZone(timezone).startOf('day'); time < period.end; time = time.plus({ minutes: 1 })) {
            const label = labelOf(time, size);
            if (label !== last) windows.push({ start: time, end: time, quantity: 0 });
            last = label;
            const current = windows.at(-1) as (typeof windows)[number];
            current.end = time.plus({ minutes: 1 });
            if (time >= start)
              current.quantity += inside.filter((event) => +event.at === +time).reduce((total, event) => total + event.quantity, 0);
          }
          let expected = ZERO;
          for (const window of windows.filter((candidate) => candidate.end > start)) {
            const minute = window.start.setZone(timezone).hour * 60 + window.start.setZone(timezone).minute;
            const own = bucket !== null && isWithin(bucket, minute) ? bucket.terms : line;
            // A window that is still running, or that a start or an end cut, owes no true-up.
            const isLived = window.start >= start && window.end <= asOf && ends(window.end, size, timezone);
            const base = decimal(window.quantity).times(own.price.amount ?? 0);
            const [amount, factor] = [own.commitment?.amount ?? base, own.commitment?.overageFactor ?? ONE];
            const charge = base.gt(amount)
              ? amount.plus(base.minus(amount).times(factor))
              : own.commitment?.trueUp && isLived
                ? amount
                : base;
            expected = expected.plus(charge);
          }

          const usage: WindowUsage[] = windows
            .filter((window) => window.quantity > 0)
            .map((window) => ({ start: window.start.toUTC(), quantities: [decimal(window.quantity)] }));
          const split = splitWindows(
            {
              line,
              size,
              timezone,
              buckets: bucket === null ? [] : [{ ...bucket.terms, id: 'bucket', start: bucket.start, end: bucket.end }],
            },
            period,
            usage,
            asOf,
          );
          expectDecimal(split.charge, expected);
          expectDecimal(split.charge, split.utilized.plus(split.overage).plus(split.trueUp));
        },
      ),
      { numRuns: 60 },
    );
  });

  test('a day with a clock change has 23 or 25 of them, and each owes its true-up', () => {
    const line: WindowTerms = { price: flat(1), commitment: { amount: decimal(2), overageFactor: ONE, trueUp: true } };
    for (const [date, count] of [
      ['2026-03-08', 23],
      ['2026-11-01', 25],
      ['2026-11-02', 24],
    ] as const) {
      const period = {
        start: at(date, 'America/New_York'),
        end: at(date, 'America/New_York').setZone('America/New_York').plus({ days: 1 }).toUTC(),
      };
      const split = splitWindows({ line, buckets: [], size: 'HOUR', timezone: 'America/New_York' }, period, [], period.end);
      expect([date, split.windows.length, split.charge.toNumber()]).toEqual([date, count, count * 2]);
    }
  });

  test('credits of single windows count, and the whole never falls below zero', () => {
    const line: WindowTerms = { price: flat(1), commitment: { amount: decimal(5), overageFactor: decimal(2), trueUp: false } };
    const window = (hours: number, quantity: number): WindowUsage => ({
      start: at('2026-01-05').plus({ hours }),
      quantities: [decimal(quantity)],
    });
    const period = { start: at('2026-01-05'), end: at('2026-01-06') };
    const charged = (usage: WindowUsage[]) =>
      splitWindows({ line, buckets: [], size: 'HOUR', timezone: 'UTC' }, period, usage, period.end).charge.toNumber();
    expect(charged([window(1, 8), window(2, -3)])).toBe(8);
    expect(charged([window(1, 2), window(2, -3)])).toBe(0);
  });

  test('an allowance that begins anew is taken from the windows of its own time', () => {
    const day = (date: number) => ({ start: at('2026-01-05').plus({ days: date }), end: at('2026-01-06').plus({ days: date }) });
    const used = (date: number, hour: number, quantity: number): WindowUsage => ({
      start: day(date).start.plus({ hours: hour }),
      quantities: [decimal(quantity)],
    });
    const left = (usage: WindowUsage[], free: readonly number[]) =>
      afterAllowance(
        usage,
        decimal(free.reduce((total, each) => total + each, 0)),
        free.map((quantity, date) => ({ span: day(date), quantity: decimal(quantity) })),
      ).flatMap((window) => window.quantities.map(Number));
    // 10 a day: 20 and 5 leave 10 and nothing, whereas 15 off the front would leave 5 and 5.
    expect(left([used(0, 3, 20), used(1, 3, 5)], [10, 5])).toEqual([10, 0]);
    expect(left([used(1, 3, 20), used(0, 3, 4), used(1, 2, 1)], [4, 10])).toEqual([0, 0, 11]);
    // A window that a span begins in the middle of is its, and what the own windows do not hold comes off the others.
    expect(left([used(0, -1, 8), used(1, 3, 5)], [6, 7])).toEqual([0, 0]);
  });

  test('an allowance is used up in the order of time', () => {
    const quantities = fc.array(fc.array(fc.integer({ min: -3, max: 20 }), { maxLength: 3 }), { maxLength: 6 });
    fc.assert(
      fc.property(quantities, cents(60), (rows, included) => {
        const usage = rows.map(
          (values, hours): WindowUsage => ({ start: at('2026-01-05').plus({ hours }), quantities: values.map(decimal) }),
        );
        const left = afterAllowance([...usage].reverse(), decimal(included)).flatMap((window) => window.quantities.map(Number));
        // The oracle: unit by unit.
        const units = rows.flat();
        let free = included;
        const expected = units.map((value) => {
          let rest = value;
          while (rest > 0 && free > 0) {
            rest -= 1;
            free -= 1;
          }
          return rest;
        });
        expect(left).toEqual(expected);
        expectDecimal(sum(left.map(decimal)), String(units.reduce((total, value) => total + value, 0) - (included - free)));
      }),
    );
  });
});

/** A text that changes exactly where a window begins. */
function labelOf(time: DateTime, size: WindowSize): string {
  const date = time.toISODate();
  if (size === 'DAY') return `${date}`;
  if (size === '6HOUR') return `${date} ${Math.floor(time.hour / 6)}`;
  // Up to an hour windows keep their true length from local midnight.
  const elapsed = Math.floor((+time - +time.startOf('day')) / 60_000);
  return `${date} ${Math.floor(elapsed / (size === 'HOUR' ? 60 : 30))}`;
}

/** Whether a window that the walk has left ends there: the last one may only be cut by the period. */
function ends(end: DateTime, size: WindowSize, timezone: string): boolean {
  return labelOf(end.minus({ minutes: 1 }).setZone(timezone), size) !== labelOf(end.setZone(timezone), size);
}
