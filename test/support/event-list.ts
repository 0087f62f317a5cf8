import { DateTime } from 'luxon';
import { windowStart } from '#kernel/calendar/windows.ts';
import { max, sum, ZERO } from '#kernel/decimal.ts';
import type { Usage, UsagePoint } from '#metering/domain/usage.ts';
import type { MeterUsageRequest } from '#metering/service/usage.ts';
import { aggregate, type Taken, takenBy, textOf } from './usage-oracle.ts';

// A store of usage that is a list of events: what is asked of it is answered by a loop over them, so that a wrong period, time zone,
// meter or customer gives a wrong number.

export interface UsedEvent {
  readonly name: string;
  /** External id. */
  readonly customer: string;
  /** ISO 8601 with a zone. */
  readonly at: string;
  readonly properties?: Readonly<Record<string, unknown>>;
}

/** `count` events of one kind, a second apart from `at` on. */
export function manyEvents(count: number, event: UsedEvent): UsedEvent[] {
  const start = DateTime.fromISO(event.at, { zone: 'utc' });
  return Array.from({ length: count }, (_, index) => ({ ...event, at: start.plus({ seconds: index }).toISO() ?? '' }));
}

/** What a meter says of the events that a request is about. */
export function usageOf(events: readonly UsedEvent[], request: MeterUsageRequest, watermark: DateTime): Usage {
  const { meter, externalCustomerIds, inherited = [], range, window = null, filters = [], sources = null, timezone = 'UTC' } = request;
  const { aggregation, resetUsage, disabledAt } = meter;
  if (aggregation.expression || aggregation.groupBy || sources !== null) throw new Error('the list of events knows no such question');
  const from = resetUsage === 'NEVER' || range.start === null ? 0 : range.start.toMillis();
  const to = Math.min(range.end.toMillis(), disabledAt?.toMillis() ?? Number.POSITIVE_INFINITY);
  const taken = events.flatMap(({ name, customer, at: text, properties = {} }, index): Taken | Taken[] => {
    if (name !== meter.eventName) return [];
    const at = Date.parse(text);
    if (at < from || at >= to) return [];
    const isOwn = externalCustomerIds === null || externalCustomerIds.includes(customer);
    const isInherited = inherited.some(
      (span) => span.externalCustomerId === customer && at >= +span.start && (span.end === null || at < +span.end),
    );
    if (!isOwn && !isInherited) return [];
    if ([...meter.filters, ...filters].some(({ key, values }) => !values.includes(textOf(properties[key]) ?? ''))) return [];
    return takenBy(aggregation.type, { id: `event_${index}`, at, ingestedAt: at }, properties[aggregation.field ?? '']) ?? [];
  });
  const span = [from, to] as const;
  const figure = (own: readonly Taken[]) => aggregate(aggregation.type, own, span, aggregation.multiplier ?? '1');
  const by = (size: NonNullable<typeof window>['size'], zone: string, anchor: DateTime | null, own: readonly Taken[]) =>
    [...Map.groupBy(own, ({ event }) => windowStart(DateTime.fromMillis(event.at, { zone: 'utc' }), size, zone, anchor).toMillis())].sort(
      ([a], [b]) => a - b,
    );
  const { bucketSize } = aggregation;
  const numberOf = (own: readonly Taken[]) =>
    bucketSize === null ? figure(own) : sum(by(bucketSize, window?.timezone ?? timezone, null, own).map(([, bucket]) => figure(bucket)));
  const points =
    window === null
      ? []
      : by(window.size, window.timezone, window.anchor, taken).map(
          ([start, own]): UsagePoint => ({
            windowStart: DateTime.fromMillis(start, { zone: 'utc' }),
            group: null,
            value: numberOf(own),
            eventCount: own.length,
          }),
        );
  return { value: max(numberOf(taken), ZERO), eventCount: taken.length, points, watermark };
}
