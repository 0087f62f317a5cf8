import { meterMatches } from '#metering/domain/attribution.ts';
import type { StoredEvent } from '#ingestion/domain/event.ts';
import type { Meter } from '#metering/domain/meter.ts';

export type RejectionReason = 'no_meter_for_event_name' | 'no_matching_meter';

/**
 * Why no meter took the event, or null when one did (metering.md 1.6). `meters` are those of its name. One that was disabled before the
 * event counts it as little as one that is not there.
 */
export function rejectionOf(meters: readonly Meter[], event: StoredEvent): RejectionReason | null {
  const counting = meters.filter(({ disabledAt }) => disabledAt === null || event.timestamp < disabledAt);
  if (counting.length === 0) return 'no_meter_for_event_name';
  return counting.some((meter) => meterMatches(meter, event)) ? null : 'no_matching_meter';
}

/** Whether one of the meters of a name takes every event of it: then none can be rejected, and none needs to be looked at. */
export function takesAll(meters: readonly Meter[]): boolean {
  return meters.some(({ filters, disabledAt }) => filters.length === 0 && disabledAt === null);
}
