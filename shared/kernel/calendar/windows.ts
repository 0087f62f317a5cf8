import { DateTime } from 'luxon';
import { invalid } from '#kernel/errors.ts';
import { type Civil, fromCivil, monthDay, startOfLocalDay, toCivil } from './civil.ts';
import { earlier, later, type Period } from './period.ts';

/** Wire values of usage windows and meter buckets (metering.md section 4). */
export type WindowSize = 'MINUTE' | '15MIN' | '30MIN' | 'HOUR' | '3HOUR' | '6HOUR' | '12HOUR' | 'DAY' | 'WEEK' | 'MONTH';

/** From the shortest to the longest. */
export const WINDOW_SIZES: readonly WindowSize[] = ['MINUTE', '15MIN', '30MIN', 'HOUR', '3HOUR', '6HOUR', '12HOUR', 'DAY', 'WEEK', 'MONTH'];

/** The oldest start that a window of usage can have: no event is older. Milliseconds since 1970. */
export const EARLIEST_WINDOW = 946_684_800_000;

/** How usage is cut into points (metering.md 4). `anchor` matters to MONTH only. */
export interface Window {
  readonly size: WindowSize;
  readonly timezone: string;
  readonly anchor: DateTime | null;
}

/** Half-open range of time. A null start is the beginning of history. */
export interface OpenRange {
  readonly start: DateTime | null;
  readonly end: DateTime;
}

const MINUTE_MS = 60_000;
const MINUTES = { '15MIN': 15, '30MIN': 30, HOUR: 60 } as const;
const HOURS = { '3HOUR': 3, '6HOUR': 6, '12HOUR': 12 } as const;

export function isWindowSize(text: string): text is WindowSize {
  return (WINDOW_SIZES as readonly string[]).includes(text);
}

/** The longer of two window sizes: points of a bucketed meter roll up to it (metering.md 6.2). */
export function longerWindow(a: WindowSize, b: WindowSize): WindowSize {
  return WINDOW_SIZES.indexOf(a) >= WINDOW_SIZES.indexOf(b) ? a : b;
}

/**
 * Start of the usage window that contains `instant`, as an instant in UTC.
 * `anchor` matters to MONTH only: its local day of the month begins each month, clamped to short months; its time of day is
 * ignored. Throws `validation_error` for an unknown size or zone. Source: metering.md section 4, W1-W5.
 *
 * On a day with a clock change, windows up to an hour keep their true length, and those of 3 to 12 hours follow the wall clock,
 * so that one of them is longer or shorter: what ClickHouse's toStartOfInterval answers, too.
 */
export function windowStart(instant: DateTime, size: WindowSize, timezone: string, anchor?: DateTime | null): DateTime {
  return windowOf(instant, size, timezone, anchor).start;
}

/** Start of the window after the one that contains `instant`, in UTC; arguments as for `windowStart`. */
export function nextWindowStart(instant: DateTime, size: WindowSize, timezone: string, anchor?: DateTime | null): DateTime {
  return windowOf(instant, size, timezone, anchor).end;
}

/** The windows that touch `period`, oldest first, the first and the last cut to it. */
export function* windowsWithin(
  period: Period,
  size: WindowSize,
  timezone: string,
  anchor?: DateTime | null,
): Generator<Period, void, undefined> {
  for (let start = period.start.toUTC(); start < period.end; ) {
    const next = nextWindowStart(start, size, timezone, anchor);
    const end = earlier(next, period.end.toUTC());
    yield { start, end };
    start = end;
  }
}

/**
 * Starts of the windows that touch `period`, oldest first; the first may lie before it. The same as asking for one after the other,
 * but windows up to an hour are counted from local midnight, which is looked up once a day: a month has 44,640 minutes.
 */
export function* windowStartsWithin(
  period: Period,
  size: WindowSize,
  timezone: string,
  anchor?: DateTime | null,
): Generator<DateTime, void, undefined> {
  if (size === '15MIN' || size === '30MIN' || size === 'HOUR') yield* startsFromMidnight(period, MINUTES[size] * MINUTE_MS, timezone);
  else if (size === 'MINUTE')
    for (let start = windowStart(period.start, size, timezone).toMillis(); start < period.end.toMillis(); start += MINUTE_MS)
      yield utc(start);
  else
    for (
      let start = windowStart(period.start, size, timezone, anchor);
      start < period.end;
      start = nextWindowStart(start, size, timezone, anchor)
    )
      yield start;
}

function* startsFromMidnight(period: Period, lengthMs: number, timezone: string): Generator<DateTime, void, undefined> {
  const from = subHourWindow(period.start, lengthMs, timezone).start.toMillis();
  for (let midnight = startOfLocalDay(period.start, timezone); midnight < period.end; ) {
    const next = startOfLocalDay(midnight, timezone, 1);
    const end = Math.min(next.toMillis(), period.end.toMillis());
    for (let start = midnight.toMillis(); start < end; start += lengthMs) if (start >= from) yield utc(start);
    midnight = next;
  }
}

function windowOf(instant: DateTime, size: WindowSize, timezone: string, anchor?: DateTime | null): Period {
  switch (size) {
    case 'MINUTE':
      return elapsedWindow(instant, DateTime.fromMillis(0, { zone: 'utc' }), MINUTE_MS);
    case '15MIN':
    case '30MIN':
    case 'HOUR':
      return subHourWindow(instant, MINUTES[size] * MINUTE_MS, timezone);
    case '3HOUR':
    case '6HOUR':
    case '12HOUR':
      return between(hourStarts(instant, HOURS[size], timezone), instant);
    case 'DAY':
      return between(
        [0, 1].map((days) => startOfLocalDay(instant, timezone, days)),
        instant,
      );
    case 'WEEK': {
      const monday = 1 - toCivil(instant, timezone).weekday;
      return between(
        [monday, monday + 7].map((days) => startOfLocalDay(instant, timezone, days)),
        instant,
      );
    }
    case 'MONTH':
      return monthWindow(instant, timezone, anchor ? toCivil(anchor, timezone).day : 1);
    default:
      throw invalid('window_size', `unknown window size ${String(size satisfies never)}`);
  }
}

function subHourWindow(instant: DateTime, lengthMs: number, timezone: string): Period {
  const window = elapsedWindow(instant, startOfLocalDay(instant, timezone), lengthMs);
  const tomorrow = startOfLocalDay(instant, timezone, 1);
  return { start: window.start, end: earlier(window.end, tomorrow) };
}

function elapsedWindow(instant: DateTime, origin: DateTime, lengthMs: number): Period {
  const elapsed = instant.toMillis() - origin.toMillis();
  const start = origin.toMillis() + Math.floor(elapsed / lengthMs) * lengthMs;
  return { start: utc(start), end: utc(start + lengthMs) };
}

function hourStarts(instant: DateTime, hours: number, timezone: string): DateTime[] {
  const midnight = toCivil(instant, timezone).startOf('day');
  const starts: DateTime[] = [];
  for (let hour = 0; hour <= 24; hour += hours) starts.push(fromCivil(midnight.plus({ hours: hour }), timezone));
  return starts;
}

function monthWindow(instant: DateTime, timezone: string, day: number): Period {
  const civil = toCivil(instant, timezone);
  const starts = [-1, 0, 1].map((months) => fromCivil(monthStart(civil, months, day), timezone));
  return between(starts, instant);
}

function monthStart(civil: Civil, months: number, day: number): Civil {
  return monthDay(civil.startOf('month').plus({ months }), day);
}

/** The last start that is not after `instant`, and the first that is. `starts` ascend and enclose it. */
function between(starts: readonly DateTime[], instant: DateTime): Period {
  const time = instant.toMillis();
  const start = starts.filter((candidate) => candidate.toMillis() <= time).reduce(later);
  const end = starts.find((candidate) => candidate.toMillis() > time);
  if (end === undefined) throw new RangeError(`no window encloses ${instant.toISO()}`);
  return { start, end };
}

function utc(millis: number): DateTime {
  return DateTime.fromMillis(millis, { zone: 'utc' });
}
