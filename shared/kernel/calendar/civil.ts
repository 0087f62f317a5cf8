import { DateTime, IANAZone } from 'luxon';
import { invalid } from '#kernel/errors.ts';
import { TIMEZONES } from './timezones.ts';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/**
 * A wall-clock reading without a zone: a UTC `DateTime` whose fields are what a clock on the wall showed.
 * Calendar arithmetic happens on these, so that no clock change can bend a month or a day.
 */
export type Civil = DateTime;

/**
 * The name of a time zone that every engine knows, such as `Asia/Kolkata` or `UTC`. Throws `validation_error` for all else: `local`, offsets
 * such as `+05:30` and `UTC+3`, other spellings.
 */
export function requireTimezone(name: string): string {
  if (!TIMEZONES.has(name)) throw invalid('timezone', name === '' ? 'is required' : `unknown time zone ${JSON.stringify(name)}`);
  return name;
}

/** What the wall clock of `timezone` shows at `instant`. Throws `validation_error` for an unknown zone. */
export function toCivil(instant: DateTime, timezone: string): Civil {
  return instant.setZone(zoneOf(timezone)).setZone('utc', { keepLocalTime: true });
}

/**
 * The UTC instant at which the wall clock of `timezone` shows `civil`.
 * A reading that happens twice (clocks go back) means its first occurrence; one that never happens (clocks go forward) moves
 * forward by the length of the gap. luxon alone decides the first case by today's offset, which would make invoices depend on
 * the day they are computed.
 */
export function fromCivil(civil: Civil, timezone: string): DateTime {
  const zone = zoneOf(timezone);
  const local = civil.toMillis();
  const before = zone.offset(local - DAY_MS);
  const after = zone.offset(local + DAY_MS);
  const candidates = [before, after].map((offset) => ({ offset, instant: local - offset * MINUTE_MS }));
  const valid = candidates.filter(({ offset, instant }) => zone.offset(instant) === offset).map(({ instant }) => instant);
  return DateTime.fromMillis(valid.length > 0 ? Math.min(...valid) : local - before * MINUTE_MS, { zone: 'utc' });
}

/** First instant of the local day `daysLater` days after the one that contains `instant`, in UTC. */
export function startOfLocalDay(instant: DateTime, timezone: string, daysLater: number = 0): DateTime {
  return fromCivil(toCivil(instant, timezone).startOf('day').plus({ days: daysLater }), timezone);
}

/**
 * Adds months in the local calendar, keeping the time of day; the day is `anchorDay` (default: the day of `instant`),
 * clamped to the last day of the target month (billing.md section 1). The result is in UTC.
 */
export function addMonthsClamped(instant: DateTime, months: number, timezone: string, anchorDay?: number): DateTime {
  const civil = toCivil(instant, timezone);
  return fromCivil(monthDay(civil.plus({ months }), anchorDay ?? civil.day), timezone);
}

/** The given day of the month of `civil`, or the month's last day when it is shorter. */
export function monthDay(civil: Civil, day: number): Civil {
  return civil.set({ day: Math.min(day, civil.daysInMonth ?? day) });
}

/** Midnights of `timezone` between two instants: calendar days, immune to clock changes. Negative when `b` is earlier. */
export function calendarDaysBetween(a: DateTime, b: DateTime, timezone: string): number {
  return Math.round((toCivil(b, timezone).startOf('day').toMillis() - toCivil(a, timezone).startOf('day').toMillis()) / DAY_MS);
}

function zoneOf(timezone: string): IANAZone {
  return IANAZone.create(requireTimezone(timezone));
}
