import { type Reply, type Route, route } from '#platform/http/route.ts';
import type { RequestContext } from '#kernel/context.ts';
import { type GroupKey, MAX_GROUPS } from '#metering/domain/grouped-usage.ts';
import { filtersFromWire } from '#metering/routes/filters.ts';
import { okUpTo } from '#metering/routes/watermark.ts';
import { GetUsageAnalyticsRequest, GetUsageAnalyticsResponse, MeterUsageDetailedAnalyticsRequest } from '../contracts/analytics.ts';
import type { AnalyticsRequest } from '../service/analytics.ts';
import type { AnalyticsService } from '../service/service.ts';
import { analyticsToWire } from './to-wire.ts';

/** Usage of a customer with its cost, in windows and groups. */
export const analyticsRoutes = (analytics: AnalyticsService): Route[] => [
  route({
    method: 'POST',
    path: '/v1/events/analytics',
    operationId: 'getUsageAnalytics',
    tag: 'Events',
    summary: 'Usage of a customer and what it costs',
    permission: 'read:Analytics',
    body: GetUsageAnalyticsRequest,
    responses: { 200: GetUsageAnalyticsResponse },
    handler: ({ ctx, body }) => usageAnalyticsReply(analytics, ctx, body),
  }),
];

/** The same service for whoever thinks in meters. */
export const detailedAnalyticsRoutes = (analytics: AnalyticsService): Route[] => [
  route({
    method: 'POST',
    path: '/v1/meter-usage/detailed-analytics',
    operationId: 'getMeterUsageDetailedAnalytics',
    tag: 'Meter Usage',
    summary: 'Usage of meters and what it costs',
    permission: 'read:Analytics',
    body: MeterUsageDetailedAnalyticsRequest,
    responses: { 200: GetUsageAnalyticsResponse },
    handler: ({ ctx, body }) =>
      answer(analytics, ctx, body, { defaultRange: { hours: 6 }, meterIds: some(body.meter_ids), anchor: body.billing_anchor ?? null }),
  }),
];

/** The answer to `POST /v1/events/analytics`, for whoever else asks it. */
export function usageAnalyticsReply(analytics: AnalyticsService, ctx: RequestContext, body: GetUsageAnalyticsRequest): Promise<Reply> {
  return answer(analytics, ctx, body, { defaultRange: { days: 7 }, meterIds: null, anchor: null });
}

async function answer(
  analytics: AnalyticsService,
  ctx: RequestContext,
  body: GetUsageAnalyticsRequest,
  own: Pick<AnalyticsRequest, 'defaultRange' | 'meterIds' | 'anchor'>,
): Promise<Reply> {
  const keys = groupKeys(body.group_by ?? []);
  const found = await analytics.usage(ctx, {
    ...own,
    externalCustomerId: body.external_customer_id,
    featureIds: some(body.feature_ids),
    sources: some(body.sources),
    startTime: body.start_time ?? null,
    endTime: body.end_time ?? null,
    keys,
    includeChildren: body.include_children ?? false,
    windowSize: body.window_size ?? null,
    filters: filtersFromWire(body.property_filters),
    page: { limit: body.limit ?? MAX_GROUPS, offset: body.offset ?? 0 },
  });
  return okUpTo(
    found.watermark,
    analyticsToWire(found, { keys, expand: new Set(body.expand ?? []), breakdown: body.breakdown_bucket ?? false }),
  );
}

/** Every item is of one feature and one meter, so that grouping by them asks for nothing more. */
function groupKeys(names: readonly string[]): GroupKey[] {
  return [...new Set(names)].flatMap((name): GroupKey[] => {
    if (name === 'source') return [{ kind: 'source' }];
    return name.startsWith('properties.') ? [{ kind: 'property', key: name.slice('properties.'.length) }] : [];
  });
}

/** An empty list narrows nothing. */
function some(values: readonly string[] | null | undefined): readonly string[] | null {
  return values?.length ? values : null;
}
