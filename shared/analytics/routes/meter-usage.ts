import { toWire } from '#kernel/wire.ts';
import { okUpTo } from '#metering/routes/watermark.ts';
import { type Route, route } from '#platform/http/route.ts';
import {
  MeterUsageAnalyticsRequest,
  MeterUsageAnalyticsResponse,
  MeterUsageQueryRequest,
  MeterUsageResponse,
} from '../contracts/meter-usage.ts';
import type { MeterUsageAnswer, MeterUsageQuery } from '../service/meter-usage.ts';
import type { AnalyticsService } from '../service/service.ts';

const tag = 'Meter Usage';

/** Plain usage of meters, without cost. Values are decimal text. */
export const meterUsageRoutes = (analytics: AnalyticsService): Route[] => [
  route({
    method: 'POST',
    path: '/v1/meter-usage/query',
    operationId: 'queryMeterUsage',
    tag,
    summary: 'Usage of a meter',
    permission: 'read:Analytics',
    body: MeterUsageQueryRequest,
    responses: { 200: MeterUsageResponse },
    handler: async ({ ctx, body }) => {
      const {
        items: [item],
        watermark,
      } = await analytics.meterUsages(ctx, queryOf(body, [body.meter_id]));
      return okUpTo(watermark, meterUsageToWire(item as MeterUsageAnswer, body.aggregation_type));
    },
  }),
  route({
    method: 'POST',
    path: '/v1/meter-usage/analytics',
    operationId: 'getMeterUsageAnalytics',
    tag,
    summary: 'Usage of several meters',
    permission: 'read:Analytics',
    body: MeterUsageAnalyticsRequest,
    responses: { 200: MeterUsageAnalyticsResponse },
    handler: async ({ ctx, body }) => {
      const { items, watermark } = await analytics.meterUsages(ctx, queryOf(body, body.meter_ids));
      return okUpTo(watermark, { items: items.map((item) => meterUsageToWire(item, body.aggregation_type)) });
    },
  }),
];

function queryOf(body: Omit<MeterUsageQueryRequest, 'meter_id'>, meterIds: readonly string[]): MeterUsageQuery {
  return {
    externalCustomerId: body.external_customer_id,
    meterIds,
    startTime: body.start_time,
    endTime: body.end_time,
    type: body.aggregation_type,
    windowSize: body.window_size ?? null,
    anchor: body.billing_anchor ?? null,
  };
}

function meterUsageToWire({ meterId, value, eventCount, points }: MeterUsageAnswer, aggregationType: string): unknown {
  return toWire({
    meterId,
    aggregationType,
    totalValue: value,
    eventCount,
    points: points.map((point) => ({ timestamp: point.windowStart, value: point.value, eventCount: point.eventCount })),
  });
}
