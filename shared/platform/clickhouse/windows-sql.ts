import { DateTime } from 'luxon';
import { EARLIEST_WINDOW, nextWindowStart, type OpenRange, type Window, type WindowSize, windowStart } from '#kernel/calendar/windows.ts';
import { invalid } from '#kernel/errors.ts';
import type { Bindings } from './sql.ts';

/** More windows than this are a mistake of the caller, and an answer nobody can read. */
const MAX_WINDOWS = 100_000;
/** A year of minutes, and a little: periods that are billed hold no more. */
const MAX_BUCKETS = 600_000;
const APPROXIMATE_MINUTES: Readonly<Record<WindowSize, number>> = {
  MINUTE: 1,
  '15MIN': 15,
  '30MIN': 30,
  HOUR: 60,
  '3HOUR': 180,
  '6HOUR': 360,
  '12HOUR': 720,
  DAY: 1440,
  WEEK: 10_080,
  MONTH: 43_200,
};
const HOURS = { '3HOUR': 3, '6HOUR': 6, '12HOUR': 12 } as const;

/** Throws a validation error when the range would make too many points. */
export function checkWindowCount(range: OpenRange, { size }: Window): void {
  if (windowsIn(range, size) > MAX_WINDOWS) throw invalid('window_size', `the range holds more than ${MAX_WINDOWS} windows of ${size}`);
}

/** The same for the buckets of a meter, which nobody sees but each of which may be priced or committed to by itself: only those with events are read. */
export function checkBucketCount(range: OpenRange, size: WindowSize): void {
  if (windowsIn(range, size) > MAX_BUCKETS) throw invalid('start_time', `the range holds more than ${MAX_BUCKETS} buckets of ${size}`);
}

function windowsIn({ start, end }: OpenRange, size: WindowSize): number {
  return (end.toMillis() - (start?.toMillis() ?? EARLIEST_WINDOW)) / 60_000 / APPROXIMATE_MINUTES[size];
}

/**
 * Start of the window that holds `time` (an SQL expression of milliseconds since 1970), in milliseconds.
 * Days and more are looked up among starts that the kernel's calendar computed, so that both agree to the instant (W5), anchors and
 * clock changes included; up to an hour is counted from the start of such a day (ClickHouse's own hours are wrong in zones like
 * Asia/Kathmandu). Windows of several hours follow the wall clock, where ClickHouse agrees with the calendar (test).
 */
export function windowSql(bindings: Bindings, time: string, window: Window, range: OpenRange): string {
  const { size, timezone } = window;
  switch (size) {
    case 'MINUTE':
      return `intDiv(${time}, 60000) * 60000`;
    case '15MIN':
    case '30MIN':
    case 'HOUR': {
      const day = startsSql(time, { ...window, size: 'DAY' }, range);
      const millis = APPROXIMATE_MINUTES[size] * 60_000;
      return `${day} + intDiv(${time} - ${day}, ${millis}) * ${millis}`;
    }
    case '3HOUR':
    case '6HOUR':
    case '12HOUR':
      // Signed as every other start is: windows of buckets compare the two.
      return `toInt64(toUnixTimestamp(toStartOfInterval(fromUnixTimestamp64Milli(${time}, 'UTC'), INTERVAL ${HOURS[size]} HOUR, ${bindings.bind('String', timezone)}))) * 1000`;
    default:
      return startsSql(time, window, range);
  }
}

function startsSql(time: string, window: Window, range: OpenRange): string {
  return `roundDown(${time}, [${windowStarts(window, range).join(', ')}]::Array(Int64))`;
}

function windowStarts({ size, timezone, anchor }: Window, { start, end }: OpenRange): number[] {
  const starts: number[] = [];
  let next = windowStart(start ?? DateTime.fromMillis(EARLIEST_WINDOW, { zone: 'utc' }), size, timezone, anchor);
  do {
    starts.push(next.toMillis());
    next = nextWindowStart(next, size, timezone, anchor);
  } while (next < end);
  return starts;
}
