import type { DateTime } from 'luxon';
import type { WindowSize } from '#kernel/calendar/windows.ts';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { invalid } from '#kernel/errors.ts';
import type { ClickHouse } from '#platform/clickhouse/client.ts';
import { type AcceptanceRange, createEventLedger } from '../repository/ledger.ts';
import { checkWindowCount, windowSql } from '#platform/clickhouse/windows-sql.ts';
import type { InFlight } from './in-flight.ts';

export interface MonitoringRequest {
  readonly startTime: DateTime | null;
  readonly endTime: DateTime | null;
  readonly windowSize: WindowSize | null;
}

/** One stream as the caller sees it. */
export interface StreamReport {
  readonly topic: string;
  readonly group: string;
  /** Records of all tenants that the group has not consumed yet. */
  readonly lag: bigint;
  /** The caller's own events among them, accepted in the range. */
  readonly inFlight: number;
}

/** What became of all events that were accepted in a range: the parts add up to `accepted`, or `unaccounted` is not 0 and something is wrong. */
export interface Reconciliation {
  readonly accepted: number;
  readonly stored: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly inFlight: number;
  readonly unaccounted: number;
  /** False: so much waits that `inFlight` is "at least", and with it `accepted`. */
  readonly complete: boolean;
}

export interface Monitoring {
  readonly range: AcceptanceRange;
  readonly counts: Reconciliation;
  readonly streams: readonly StreamReport[];
  readonly points: readonly { readonly start: DateTime; readonly events: number }[];
}

export interface MonitoringDependencies {
  readonly clickhouse: ClickHouse;
  readonly inFlight: InFlight;
  readonly clock: Clock;
}
export type MonitoringService = ReturnType<typeof createMonitoringService>;

const DEFAULT_RANGE = { hours: 24 } as const;

/** How events of an environment get on (metering.md 12, Q9). Throws `service_unavailable` when log or store do not answer. */
export function createMonitoringService({ clickhouse, inFlight, clock }: MonitoringDependencies) {
  const ledger = createEventLedger(clickhouse);

  return {
    async events(ctx: RequestContext, request: MonitoringRequest): Promise<Monitoring> {
      const range = rangeOf(request, clock.now());
      const window = request.windowSize && { size: request.windowSize, timezone: 'UTC', anchor: null };
      if (window) checkWindowCount(range, window);
      // One moment for all: what is consumed after it counts as waiting still, and is left out of what was consumed.
      const states = await inFlight.streams();
      const inRange = ({ ingestedAt }: { ingestedAt: number }) => ingestedAt >= range.start.toMillis() && ingestedAt < range.end.toMillis();
      const [consumed, points, waiting] = await Promise.all([
        ledger.counts(ctx, range, inFlight.committed(states)),
        window
          ? ledger.storedByWindow(ctx, range, (bindings) => windowSql(bindings, 'toUnixTimestamp64Milli(ingested_at)', window, range))
          : [],
        Promise.all(states.map((state) => inFlight.waiting(ctx, state))),
      ]);
      const streams = states.map(
        ({ topic, group, partitions }, index): StreamReport => ({
          topic,
          group,
          lag: partitions.reduce((sum, { end, committed }) => sum + end - committed, 0n),
          inFlight: waiting[index]?.packs.filter(inRange).reduce((sum, { events }) => sum + events, 0) ?? 0,
        }),
      );
      const underWay = streams.reduce((sum, stream) => sum + stream.inFlight, 0);
      const { accepted, stored, duplicates, rejected } = consumed;
      return {
        range,
        streams,
        points,
        counts: {
          accepted: accepted + underWay,
          stored,
          duplicates,
          rejected,
          inFlight: underWay,
          unaccounted: accepted - stored - duplicates - rejected,
          complete: waiting.every(({ complete }) => complete),
        },
      };
    },
  };
}

/** Both times or neither. */
function rangeOf({ startTime, endTime }: MonitoringRequest, now: DateTime): AcceptanceRange {
  // The millisecond that has begun is in it.
  if (startTime === null && endTime === null) return { start: now.minus(DEFAULT_RANGE), end: now.plus({ milliseconds: 1 }) };
  if (startTime === null) throw invalid('start_time', 'is required together with end_time');
  if (endTime === null) throw invalid('end_time', 'is required together with start_time');
  if (endTime < startTime) throw invalid('end_time', 'must not be before start_time');
  return { start: startTime, end: endTime };
}
