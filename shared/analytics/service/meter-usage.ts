import type { DateTime } from 'luxon';
import type { WindowSize } from '#kernel/calendar/windows.ts';
import type { RequestContext } from '#kernel/context.ts';
import { ZERO } from '#kernel/decimal.ts';
import { invalid, notFound } from '#kernel/errors.ts';
import type { TimedFigure } from '#metering/domain/grouped-usage.ts';
import { type AggregationType, type Meter, WITH_EXPRESSION } from '#metering/domain/meter.ts';
import type { UsageFigure } from '#metering/domain/usage.ts';
import type { AnalyticsDependencies } from './dependencies.ts';
import { parentsOf, subscribedLines } from './subscribed.ts';

/** Usage of some meters by one aggregation, whatever their own (metering.md 5.5). */
export interface MeterUsageQuery {
  readonly externalCustomerId: string;
  readonly meterIds: readonly string[];
  readonly startTime: DateTime;
  readonly endTime: DateTime;
  readonly type: AggregationType;
  readonly windowSize: WindowSize | null;
  readonly anchor: DateTime | null;
}

export interface MeterUsageAnswer extends UsageFigure {
  readonly meterId: string;
  readonly points: readonly TimedFigure[];
}
export interface MeterUsageAnswers {
  readonly items: readonly MeterUsageAnswer[];
  readonly watermark: DateTime | null;
}

const CURRENT = ['active', 'trialing', 'paused'] as const;

/**
 * Usage of meters in one statement, in the order of their ids. Zero for a meter that is on no current line item of the customer, nor of a subscription that it inherits.
 * Throws NotFound for an unknown meter, and a validation error where the aggregation needs what the meter does not have.
 */
export async function meterUsages(
  dependencies: AnalyticsDependencies,
  ctx: RequestContext,
  query: MeterUsageQuery,
): Promise<MeterUsageAnswers> {
  if (query.endTime < query.startTime) throw invalid('end_time', 'must not be before start_time');
  const ids = [...new Set(query.meterIds)];
  const { meters, timezone, subscribed } = await dependencies.database.withTenant(ctx, (tx) =>
    subscribedMeters(dependencies, { ...ctx, transaction: tx }, query.externalCustomerId, ids),
  );
  const asked = ids.filter((id) => subscribed.has(id)).map((id) => aggregatedBy(meters.get(id) as Meter, query.type));
  const { usages, watermark } = await dependencies.usage.usages(
    ctx,
    query.externalCustomerId,
    asked.map((meter) => ({
      meter,
      externalCustomerIds: [query.externalCustomerId],
      range: { start: query.startTime, end: query.endTime },
      timezone,
      window: query.windowSize && { size: query.windowSize, timezone, anchor: query.anchor },
      keys: [],
      buckets: false,
    })),
  );
  const answers = new Map(asked.map((meter, index) => [meter.id, usages[index]?.groups[0]]));
  const items = ids.map((meterId): MeterUsageAnswer => {
    const { value, eventCount, points } = answers.get(meterId) ?? { value: ZERO, eventCount: 0, points: [] };
    return { meterId, value, eventCount, points };
  });
  return { items, watermark };
}

async function subscribedMeters(
  dependencies: AnalyticsDependencies,
  ctx: RequestContext,
  externalCustomerId: string,
  ids: readonly string[],
): Promise<{ meters: ReadonlyMap<string, Meter>; timezone: string; subscribed: ReadonlySet<string> }> {
  const { meters, customers, clock } = dependencies;
  const found = new Map((await meters.getMany(ctx, ids)).map((meter) => [meter.id, meter]));
  const unknown = ids.find((id) => !found.has(id));
  if (unknown !== undefined) throw notFound('meter', unknown);
  const [customer] = await customers.findByExternalIds(ctx, [externalCustomerId]);
  if (!customer) return { meters: found, timezone: 'UTC', subscribed: new Set() };
  const now = clock.now();
  const views = await subscribedLines(ctx, dependencies, customer.id, CURRENT);
  const items = [...views, ...(await parentsOf(ctx, dependencies, views)).map(({ view }) => view)].flatMap((view) =>
    (view.items ?? []).map(({ item }) => item),
  );
  const current = items.filter((item) => item.startDate <= now && (item.endDate === null || item.endDate > now));
  return { meters: found, timezone: customer.timezone, subscribed: new Set(current.flatMap((item) => item.meterId ?? [])) };
}

/** The meter as it would be with another aggregation: what only its own needs is left out. */
function aggregatedBy(meter: Meter, type: AggregationType): Meter {
  const { aggregation } = meter;
  if (aggregation.type === type) return meter;
  const field = 'aggregation_type';
  const measured = aggregation.field !== null || (Boolean(aggregation.expression) && WITH_EXPRESSION.includes(type));
  if (type !== 'COUNT' && !measured) throw invalid(field, `${type} needs a field, which meter ${meter.id} does not have`);
  if (type === 'SUM_WITH_MULTIPLIER' && aggregation.multiplier === null)
    throw invalid(field, `SUM_WITH_MULTIPLIER needs a multiplier, which meter ${meter.id} does not have`);
  const bucketSize = type === 'SUM' || type === 'MAX' ? aggregation.bucketSize : null;
  return {
    ...meter,
    aggregation: {
      ...aggregation,
      type,
      field: type === 'COUNT' ? null : aggregation.field,
      expression: type === 'COUNT' ? null : (aggregation.expression ?? null),
      multiplier: type === 'SUM_WITH_MULTIPLIER' || (type !== 'COUNT' && aggregation.expression) ? aggregation.multiplier : null,
      bucketSize,
      groupBy: type === 'MAX' && bucketSize !== null ? aggregation.groupBy : null,
    },
  };
}
