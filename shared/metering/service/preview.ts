import type { DateTime } from 'luxon';
import type { Period } from '#kernel/calendar/period.ts';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import type { Decimal } from '#kernel/decimal.ts';
import { invalid } from '#kernel/errors.ts';
import type { Camelized } from '#kernel/wire.ts';
import type { ClickHouse } from '#platform/clickhouse/client.ts';
import type { PreviewMeterRequest } from '../contracts/meter-preview.ts';
import { attribute } from '../domain/attribution.ts';
import { FIXED, type MeterDefinition, unionFilters } from '../domain/meter.ts';
import { meterQuery } from '../domain/usage.ts';
import { readRefusals } from '../repository/refusals.ts';
import { createUsageRepository } from '../repository/usage.ts';
import { aggregationOf, type MeterService } from './meters.ts';

/** Refused events that are shown, the newest. */
const SAMPLES = 10;
const LONGEST_RANGE = { years: 30 } as const;

/** What a definition makes of the stored events. */
export interface MeterFigures {
  readonly value: Decimal;
  /** Events that the name and the filters let through; those that took part in the value; those that could not be used. */
  readonly matchedCount: number;
  readonly eventCount: number;
  readonly refusedCount: number;
  /** Events that lack what is measured: they take no part, and nothing is wrong with them. */
  readonly missingCount: number;
  readonly refusedEvents: readonly { readonly eventId: string; readonly reason: string }[];
}

export interface MeterPreview {
  readonly startTime: DateTime;
  readonly endTime: DateTime;
  /** The numbers hold all events that were accepted up to here, as far as one customer is concerned; null while none is stored. */
  readonly watermark: DateTime | null;
  /** The meter as it is; null for a definition that is no meter yet. */
  readonly before: MeterFigures | null;
  readonly after: MeterFigures;
  /** What would be measured: `after` is of it. */
  readonly definition: Omit<MeterDefinition, 'disabledAt'>;
}

/** The open period of the customer's subscription, if it has one, and the time zone that it is billed in. */
export type OpenPeriod = (
  ctx: RequestContext,
  externalCustomerId: string,
  meterId: string | null,
) => Promise<{ readonly period: Period; readonly timezone: string } | null>;

export interface MeterPreviewDependencies {
  readonly clickhouse: ClickHouse;
  readonly meters: Pick<MeterService, 'get'>;
  readonly openPeriod: OpenPeriod;
  readonly clock: Clock;
}
export type MeterPreviewService = ReturnType<typeof createMeterPreviewService>;

/** What a new or changed meter would measure, before anybody makes it. Reads only. */
export function createMeterPreviewService({ clickhouse, meters, openPeriod, clock }: MeterPreviewDependencies) {
  const usage = createUsageRepository(clickhouse);

  return {
    /** Throws NotFound for an unknown meter, and a validation error for what could not be made or a range that is none. */
    async preview(ctx: RequestContext, request: Camelized<PreviewMeterRequest>): Promise<MeterPreview> {
      const meter = request.meterId ? await meters.get(ctx, request.meterId) : null;
      const definition = definitionOf(request, meter);
      const customer = request.externalCustomerId ?? null;
      const open = customer === null ? null : await openPeriod(ctx, customer, meter?.id ?? null);
      const range = rangeOf(request, open?.period ?? monthUpTo(clock.now()));
      const scope = { externalCustomerIds: customer === null ? null : [customer], range, timezone: open?.timezone ?? 'UTC' };

      const definitions = meter === null ? [definition] : [definition, meter];
      const queries = definitions.map((each) => meterQuery(each, scope));
      const usages = await usage.usages(ctx, queries);
      const [after, before] = await Promise.all(
        definitions.map(async (each, index): Promise<MeterFigures> => {
          const [query, answer] = [queries[index] as (typeof queries)[number], usages[index] as (typeof usages)[number]];
          const { matched, refused, samples } = await readRefusals(clickhouse, ctx, query, SAMPLES);
          return {
            value: answer.value,
            matchedCount: matched,
            eventCount: answer.eventCount,
            refusedCount: refused,
            missingCount: Math.max(0, matched - answer.eventCount - refused),
            refusedEvents: samples.map(({ id, properties }) => ({ eventId: id, reason: reasonOf(each, properties) })),
          };
        }),
      );
      return {
        startTime: range.start,
        endTime: range.end,
        watermark: usages[0]?.watermark ?? null,
        before: before ?? null,
        after: after as MeterFigures,
        definition: shownOf(definition),
      };
    },
  };
}

/** The definition that is asked about. Of a meter only filters can change, and they join its own: what saving them would make of it. */
function definitionOf(request: Camelized<PreviewMeterRequest>, meter: MeterDefinition | null): MeterDefinition {
  if (meter !== null) {
    for (const [field, value] of Object.entries({
      event_name: request.eventName,
      aggregation: request.aggregation,
      reset_usage: request.resetUsage,
    }))
      if (value) throw invalid(field, `${FIXED}; leave out meter_id to look at one`);
    return { ...meter, filters: unionFilters(meter.filters, request.filters ?? []) };
  }
  const missing = (field: string): Error => invalid(field, 'is required without meter_id');
  if (!request.eventName) throw missing('event_name');
  if (!request.aggregation) throw missing('aggregation');
  if (!request.resetUsage) throw missing('reset_usage');
  return {
    eventName: request.eventName,
    aggregation: aggregationOf(request.aggregation),
    resetUsage: request.resetUsage,
    filters: unionFilters([], request.filters ?? []),
    disabledAt: null,
  };
}

function shownOf({ eventName, aggregation, filters, resetUsage }: MeterDefinition): MeterPreview['definition'] {
  return { eventName, aggregation, filters, resetUsage };
}

function rangeOf({ startTime, endTime }: Camelized<PreviewMeterRequest>, otherwise: Period): Period {
  const [start, end] = [startTime ?? otherwise.start, endTime ?? otherwise.end];
  const field = endTime ? 'end_time' : 'start_time';
  if (end < start) throw invalid(field, endTime ? 'must not be before the start of the range' : 'must not be after the end of the range');
  if (end > start.plus(LONGEST_RANGE)) throw invalid(field, `the range must not be longer than ${LONGEST_RANGE.years} years`);
  return { start, end };
}

function monthUpTo(now: DateTime): Period {
  return { start: now.toUTC().startOf('month'), end: now.toUTC() };
}

function reasonOf(definition: MeterDefinition, properties: Parameters<typeof attribute>[1]): string {
  const result = attribute(definition, properties);
  return result.kind === 'refused' ? result.reason : '';
}
