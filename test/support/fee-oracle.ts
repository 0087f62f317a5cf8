import { DateTime } from 'luxon';
import type { RecurringPeriod } from '#kernel/calendar/period.ts';

// What fixed fees cost, in the reference's words: days are walked one by one to the next boundary, and minutes are counted. Shares no
// code with the product. Times are milliseconds on whole minutes, money is whole cents.

export interface FeeWorld {
  readonly zone: string;
  readonly period: RecurringPeriod;
  readonly count: number;
  readonly start: number;
  readonly anchor: number;
  readonly prorations: boolean;
  readonly line: {
    readonly cents: number;
    readonly advance: boolean;
    readonly start: number;
    readonly end: number | null;
    /** A longer period of the line's own, anchored at its start; null: the subscription's. */
    readonly own: { readonly period: RecurringPeriod; readonly count: number } | null;
  };
}

/** A fee on an invoice: 0 is the opening one, n closes the n-th period. */
export interface OracleFee {
  readonly invoice: number;
  readonly cents: number;
}

interface Day {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}
interface Span {
  readonly from: number;
  readonly to: number;
}

const MINUTE = 60_000;
const UNITS: Readonly<Record<RecurringPeriod, number>> = { DAILY: 1, WEEKLY: 1, MONTHLY: 1, QUARTERLY: 3, HALF_YEARLY: 6, ANNUAL: 1 };

/**
 * The fees of a subscription that runs to `end` (null: on and on), on its first invoices. `knownFrom` is the first invoice that knows of
 * the end: what was charged in advance before that was charged whole.
 */
export function feesOf(world: FeeWorld, end: number | null, invoices: number, knownFrom: number): OracleFee[] {
  const fees: OracleFee[] = [];
  const lived = (span: Span): Span => ({ from: span.from, to: end !== null && end < span.to ? end : span.to });
  let span: Span = { from: world.start, to: boundaryAfter(world, world.start) };
  for (let invoice = 0; invoice <= invoices; invoice += 1) {
    if (invoice > 0 && end !== null && span.from >= end) break;
    const next = invoice === 0 ? span : { from: span.to, to: boundaryAfter(world, span.to) };
    if (world.line.advance) {
      const known = invoice >= knownFrom ? end : null;
      if (known === null || next.from < known) fees.push(...charged(world, next, invoice, known, invoice === 0));
    } else if (invoice > 0) fees.push(...charged(world, lived(span), invoice, end, false));
    if (invoice > 0) span = next;
  }
  return fees;
}

function charged(world: FeeWorld, window: Span, invoice: number, end: number | null, opening: boolean): OracleFee[] {
  const { line, prorations } = world;
  const fee = (cents: number): OracleFee => ({ invoice, cents });
  if (line.own !== null) {
    const own = { ...world, ...line.own, start: line.start, anchor: line.start };
    const over = Math.min(line.end ?? Infinity, end ?? Infinity);
    const found: OracleFee[] = [];
    for (let from = line.start; from < over && from <= window.to; ) {
      const to = boundaryAfter(own, from);
      const due = line.advance ? from : Math.min(to, over);
      if (line.advance ? due >= window.from && due < window.to : due > window.from && due <= window.to) {
        const isWhole = line.advance && !prorations;
        found.push(fee(share(line.cents, isWhole ? to - from : counted({ from, to }, (at) => at < over), to - from)));
      }
      from = to;
    }
    return found;
  }
  const whole = wholeOf(world, window.from);
  const isAlive = (at: number) => at >= window.from && at < window.to && at >= line.start && (line.end === null || at < line.end);
  const inEnd = (at: number) => end === null || at < end;
  if (counted(whole, (at) => isAlive(at) && inEnd(at)) === 0) return [];
  if (!line.advance)
    return [
      fee(
        share(
          line.cents,
          counted(whole, (at) => isAlive(at) && inEnd(at)),
          whole.to - whole.from,
        ),
      ),
    ];
  if (!prorations) {
    // Only what the line itself has missed is left out, not what the subscription has.
    const lateBy = line.start > window.from ? line.start : whole.from;
    const livedTo = Math.min(window.to, end ?? Infinity);
    const goneAt = line.end !== null && line.end < livedTo ? line.end : whole.to;
    return [
      fee(
        share(
          line.cents,
          counted(whole, (at) => at >= lateBy && at < goneAt),
          whole.to - whole.from,
        ),
      ),
    ];
  }
  const time = counted(whole, (at) => isAlive(at) && inEnd(at));
  // The coefficient of an opening counts one second less, above and below.
  const isStub = opening && window.from > whole.from && line.start <= window.from && time === whole.to - window.from;
  const less = isStub ? 1000 : 0;
  return [fee(share(line.cents, time - less, whole.to - whole.from - less))];
}

/** Minutes of a span in which something holds, in milliseconds. */
function counted({ from, to }: Span, holds: (at: number) => boolean): number {
  let time = 0;
  for (let at = from; at < to; at += MINUTE) if (holds(at)) time += MINUTE;
  return time;
}

/** cents x part / whole, half away from zero. */
function share(cents: number, part: number, whole: number): number {
  return Number((2n * BigInt(cents) * BigInt(part) + BigInt(whole)) / (2n * BigInt(whole)));
}

/** The billing period that begins at `from`, as if the subscription had been there for all of it. */
function wholeOf(world: FeeWorld, from: number): Span {
  const to = boundaryAfter(world, from);
  let day = dayOf(to, world.zone);
  for (let left = UNITS[world.period] * world.count; left > 0; ) {
    day = shifted(day, -1);
    if (isAnchorDay(world, day)) left -= 1;
  }
  return { from: Math.min(onDay(world, day), from), to };
}

/** The end of the billing period that begins at `from`. */
export function boundaryAfter(world: Pick<FeeWorld, 'zone' | 'period' | 'count' | 'anchor'>, from: number): number {
  const { period, zone, anchor, count } = world;
  if ((period === 'QUARTERLY' || period === 'HALF_YEARLY') && from < anchor) return anchor;
  let day = dayOf(from, zone);
  // An anchor day still to come in the month (of a year: in the year) of the start ends the first period, whatever the count.
  let left = UNITS[period] * count;
  if (period === 'MONTHLY' || period === 'ANNUAL') {
    const { month, year } = day;
    for (let ahead = shifted(day, 1); period === 'MONTHLY' ? ahead.month === month : ahead.year === year; ahead = shifted(ahead, 1))
      if (isAnchorDay(world, ahead)) left = 1;
  }
  while (left > 0) {
    day = shifted(day, 1);
    if (isAnchorDay(world, day)) left -= 1;
  }
  return onDay(world, day);
}

/** The first boundary of the calendar after the day of `start`. */
export function calendarAnchorAfter(start: number, period: RecurringPeriod, zone: string): number {
  for (let day = shifted(dayOf(start, zone), 1); ; day = shifted(day, 1)) {
    const isFirst = day.day === 1;
    const begins = {
      DAILY: true,
      WEEKLY: weekday(day) === 1,
      MONTHLY: isFirst,
      QUARTERLY: isFirst && [1, 4, 7, 10].includes(day.month),
      HALF_YEARLY: isFirst && [1, 7].includes(day.month),
      ANNUAL: isFirst && day.month === 1,
    }[period];
    if (begins) return instantOf(day, 0, zone);
  }
}

function isAnchorDay({ period, anchor, zone }: Pick<FeeWorld, 'period' | 'anchor' | 'zone'>, day: Day): boolean {
  const wanted = dayOf(anchor, zone);
  switch (period) {
    case 'DAILY':
      return true;
    case 'WEEKLY':
      return weekday(day) === weekday(wanted);
    case 'ANNUAL':
      return day.month === wanted.month && day.day === Math.min(wanted.day, monthLength(day));
    default:
      return day.day === Math.min(wanted.day, monthLength(day));
  }
}

function onDay({ anchor, zone }: Pick<FeeWorld, 'anchor' | 'zone'>, day: Day): number {
  const { hour, minute } = DateTime.fromMillis(anchor, { zone });
  return instantOf(day, hour * 60 + minute, zone);
}

/** When the clocks of the zone show that minute of the day: the first time; where they skip it, as much later as they skip. */
function instantOf({ year, month, day }: Day, minuteOfDay: number, zone: string): number {
  const wall = Date.UTC(year, month - 1, day) + minuteOfDay * MINUTE;
  const offsetAt = (at: number) => DateTime.fromMillis(at, { zone }).offset * MINUTE;
  const offsets = new Set([-24, -18, -12, -6, 0, 6, 12, 18, 24].map((hours) => offsetAt(wall + hours * 60 * MINUTE)));
  const shown = [...offsets].map((offset) => wall - offset).filter((at) => at + offsetAt(at) === wall);
  return shown.length > 0 ? Math.min(...shown) : wall - offsetAt(wall - 24 * 60 * MINUTE);
}

function dayOf(at: number, zone: string): Day {
  const { year, month, day } = DateTime.fromMillis(at, { zone });
  return { year, month, day };
}

function shifted({ year, month, day }: Day, days: number): Day {
  const date = new Date(Date.UTC(year, month - 1, day + days));
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() };
}

function weekday({ year, month, day }: Day): number {
  return new Date(Date.UTC(year, month - 1, day)).getUTCDay();
}

function monthLength({ year, month }: Day): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}
