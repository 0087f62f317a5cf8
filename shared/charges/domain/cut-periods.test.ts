import fc from 'fast-check';
import { DateTime } from 'luxon';
import { describe, expect, test } from 'vitest';
import { RECURRING_PERIODS, type RecurringPeriod } from '#kernel/calendar/period.ts';
import { decimal } from '#kernel/decimal.ts';
import { hasOwnPeriods } from '#subscriptions/domain/line-item.ts';
import { periodFrom, rollOver } from '#subscriptions/domain/periods.ts';
import { subscriptionOf } from '#test/support/billing.ts';
import { priceOf } from '#test/support/conformance.ts';
import { boundaryAfter, calendarAnchorAfter, type FeeWorld, feesOf, type OracleFee } from '#test/support/fee-oracle.ts';
import { type FixedCharge, type FixedItem, fixedChargesFor, type ReferencePoint } from './fixed-charges.ts';

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
const INVOICES = 4;
const NEVER = Number.MAX_SAFE_INTEGER;

/** How an end came to be known: from the start, in the middle of the period that it cuts, or when it is there. */
const WAYS = ['from the start', 'scheduled in its period', 'scheduled, then at once', 'at once'] as const;
type Way = (typeof WAYS)[number];
interface Run {
  readonly world: FeeWorld;
  readonly end: number | null;
  readonly way: Way;
}

const time = (millis: number) => DateTime.fromMillis(millis, { zone: 'utc' });

describe('what fixed fees cost', () => {
  test('equals counting the minutes, whatever cuts a period and however it came to be known', () => {
    fc.assert(
      fc.property(runs(), (run) => {
        const { world, end, way } = run;
        const cut = end === null ? NEVER : invoiceThatCloses(world, end);
        const knownFrom = way === 'from the start' ? 0 : cut;
        expect(billed(run)).toEqual(feesOf(world, end, INVOICES, knownFrom).filter(({ cents }) => cents > 0));
      }),
      { numRuns: 100 },
    );
  });

  test('in arrear is the same in every way of cutting', () => {
    fc.assert(
      fc.property(
        runs().filter(({ world, end }) => !world.line.advance && end !== null),
        ({ world, end }) => {
          const totals = WAYS.map((way) => billed({ world, end, way }));
          for (const fees of totals) expect(fees).toEqual(totals[0]);
        },
      ),
      { numRuns: 60 },
    );
  });
});

/** The fees of a subscription's first invoices, made as its operations make them. */
function billed({ world, end, way }: Run): OracleFee[] {
  const subscription = {
    ...subscriptionOf(),
    billingPeriod: world.period,
    billingPeriodCount: world.count,
    billingAnchor: time(world.anchor),
    timezone: world.zone,
    startDate: time(world.start),
    currentPeriodStart: time(world.start) as DateTime,
    prorationBehavior: world.prorations ? ('create_prorations' as const) : ('none' as const),
    endDate: way === 'from the start' && end !== null ? time(end) : null,
    cancelAt: null as DateTime | null,
  };
  let line = itemOf(world);
  const fees: OracleFee[] = [];
  const take = (invoice: number, referencePoint: ReferencePoint, period: ReturnType<typeof periodFrom>): void => {
    const charges: FixedCharge[] = fixedChargesFor({ items: [line], subscription, period, referencePoint });
    fees.push(...charges.map(({ amount }) => ({ invoice, cents: amount.times(100).toNumber() })).filter(({ cents }) => cents > 0));
  };
  let current = periodFrom(subscription, subscription.startDate);
  take(0, 'period_start', current);
  for (let invoice = 1; invoice <= INVOICES; invoice += 1) {
    subscription.currentPeriodStart = current.start;
    const isCut = way !== 'from the start' && end !== null && +current.end >= end;
    if (isCut && way.startsWith('scheduled')) Object.assign(subscription, { endDate: time(end), cancelAt: time(end) });
    if (isCut && way.endsWith('at once')) {
      Object.assign(subscription, { endDate: time(end), cancelAt: null });
      if (line.endDate === null || +line.endDate > end) line = { ...line, endDate: time(Math.max(end, +line.startDate)) };
      take(invoice, 'cancel', { start: current.start, end: time(end) });
      return fees;
    }
    const closing = isCut ? { start: current.start, end: time(end) } : current;
    take(invoice, 'period_end', closing);
    const outcome = rollOver({ ...subscription, currentPeriodEnd: closing.end });
    if (outcome.kind === 'over') return fees;
    current = outcome.period;
  }
  return fees;
}

function itemOf({ line, period, count }: FeeWorld): FixedItem {
  return {
    id: 'line',
    price: {
      ...priceOf({ model: 'FLAT_FEE', amount: decimal(line.cents).div(100).toFixed() }),
      id: 'price',
      type: 'FIXED',
      currency: 'usd',
    },
    quantity: decimal(1),
    startDate: time(line.start),
    endDate: line.end === null ? null : time(line.end),
    billingPeriod: line.own?.period ?? period,
    billingPeriodCount: line.own?.count ?? count,
    invoiceCadence: line.advance ? 'ADVANCE' : 'ARREAR',
  };
}

/** The invoice that closes the period in which the subscription ends. */
function invoiceThatCloses(world: FeeWorld, end: number): number {
  let invoice = 1;
  for (let to = boundaryAfter(world, world.start); to < end; to = boundaryAfter(world, to)) invoice += 1;
  return invoice;
}

const LENGTH: Readonly<Record<RecurringPeriod, number>> = {
  DAILY: 1,
  WEEKLY: 7,
  MONTHLY: 31,
  QUARTERLY: 92,
  HALF_YEARLY: 184,
  ANNUAL: 366,
};
const ZONES = ['UTC', 'Asia/Kolkata', 'America/New_York', 'Australia/Lord_Howe', 'America/Havana', 'Pacific/Auckland'];

/** Subscriptions with anchors at ends of months, leap years, clock changes, stubs, lines with dates and longer periods of their own, and ends. */
function runs(): fc.Arbitrary<Run> {
  return fc
    .record({
      zone: fc.constantFrom(...ZONES),
      period: fc.constantFrom(...RECURRING_PERIODS),
      count: fc.constantFrom(1, 1, 1, 2, 3),
      start: fc.oneof(
        fc.integer({ min: Date.UTC(2019, 0, 1) / MINUTE, max: Date.UTC(2029, 0, 1) / MINUTE }).map((minutes) => minutes * MINUTE),
        fc.constantFrom(
          Date.UTC(2024, 0, 31),
          Date.UTC(2024, 1, 29),
          Date.UTC(2023, 11, 30),
          Date.UTC(2026, 2, 8),
          Date.UTC(2026, 9, 31, 23, 59),
        ),
      ),
      anchored: fc.constantFrom('start', 'calendar', 'explicit', 'explicit'),
      anchorAt: fc.double({ min: 0, max: 1, noNaN: true }),
      prorations: fc.boolean(),
      cents: fc.constantFrom(3000, 9999, 100_000_000, 100_000_000),
      advance: fc.boolean(),
      lineFrom: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { freq: 3 }),
      lineTo: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { freq: 3 }),
      own: fc.option(fc.record({ period: fc.constantFrom(...RECURRING_PERIODS), count: fc.constantFrom(1, 2) }), { freq: 2 }),
      endAt: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { freq: 3 }),
      way: fc.constantFrom(...WAYS),
    })
    .map(({ zone, period, count, start, anchored, anchorAt, prorations, cents, advance, lineFrom, lineTo, own, endAt, way }) => {
      const length = LENGTH[period] * count * DAY;
      const within = (share: number, of: number) => Math.round((share * of) / MINUTE) * MINUTE;
      const anchor =
        anchored === 'start'
          ? start
          : anchored === 'calendar'
            ? calendarAnchorAfter(start, period, zone)
            : start + within(anchorAt, length);
      const lineStart = start + (lineFrom === null ? 0 : within(lineFrom, length * 2));
      const line = {
        cents,
        advance,
        start: lineStart,
        end: lineTo === null ? null : lineStart + MINUTE + within(lineTo, length * 2),
        own:
          own !== null &&
          hasOwnPeriods({ billingPeriod: own.period, billingPeriodCount: own.count }, { billingPeriod: period, billingPeriodCount: count })
            ? own
            : null,
      };
      const end = endAt === null ? null : start + MINUTE + within(endAt, length * 3);
      return { world: { zone, period, count, start, anchor, prorations, line }, end, way };
    })
    .filter(({ world }) => {
      // A first period longer than a whole one is refused before there is a subscription.
      const natural = boundaryAfter({ ...world, anchor: world.start }, world.start);
      return world.anchor <= natural && boundaryAfter(world, world.start) <= natural;
    });
}
