import type { DateTime } from 'luxon';
import type { Period } from '#kernel/calendar/period.ts';
import { invalid } from '#kernel/errors.ts';

/** When usage is asked about. Absent times: up to now, `defaultRange` long. */
export interface AskedRange {
  readonly startTime: DateTime | null;
  readonly endTime: DateTime | null;
  readonly defaultRange: { readonly days: number } | { readonly hours: number };
}

const LONGEST_RANGE = { years: 30 } as const;

/** The range of a request. Throws a validation error that names `end_time` for one that is turned round, or out of all proportion. */
export function askedRange({ startTime, endTime, defaultRange }: AskedRange, now: DateTime): Period {
  const end = endTime ?? now;
  const start = startTime ?? end.minus(defaultRange);
  if (end < start) throw invalid('end_time', 'must not be before start_time');
  if (end > start.plus(LONGEST_RANGE)) throw invalid('end_time', `must not be more than ${LONGEST_RANGE.years} years after start_time`);
  return { start, end };
}
