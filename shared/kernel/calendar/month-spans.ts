import type { DateTime } from 'luxon';
import { addMonthsClamped, toCivil } from './civil.ts';
import type { Period } from './period.ts';

/**
 * The span of `months` whole months that contains `instant`, in UTC. Spans begin on the anchor's day of the month, clamped to short
 * months (metering.md W2), at its local time of day, in the anchor's month and every `months` before and after it: where billing
 * periods of so many months begin. Throws `validation_error` for an unknown zone.
 */
export function monthSpan(instant: DateTime, months: number, timezone: string, anchor: DateTime): Period {
  const local = toCivil(instant, timezone);
  const first = toCivil(anchor, timezone);
  const passed = (local.year - first.year) * 12 + local.month - first.month;
  const startOf = (span: number): DateTime => addMonthsClamped(anchor, span * months, timezone);
  // By the month alone it is this span, or the one before while the day has not come.
  const span = Math.floor(passed / months);
  const start = startOf(span);
  return instant >= start ? { start, end: startOf(span + 1) } : { start: startOf(span - 1), end: start };
}
