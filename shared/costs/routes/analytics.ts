import { PriceResponse } from '#catalog/contracts/price.ts';
import type { RequestContext } from '#kernel/context.ts';
import { toWire } from '#kernel/wire.ts';
import { filtersFromWire } from '#metering/routes/filters.ts';
import { okUpTo } from '#metering/routes/watermark.ts';
import { MeterResponse } from '#metering/contracts/meter.ts';
import { type Reply, type Route, route } from '#platform/http/route.ts';
import { shaped } from '#platform/resource/shape.ts';
import { type COST_ANALYTICS_EXPAND, GetCostAnalyticsRequest, GetDetailedCostAnalyticsResponse } from '../contracts/analytics.ts';
import type { CostItem } from '../domain/cost-line.ts';
import type { CostAnalytics, CostAnalyticsService } from '../service/analytics.ts';

const tag = 'Costs';

export const costAnalyticsRoutes = (costs: CostAnalyticsService): Route[] => [
  route({
    method: 'POST',
    path: '/v1/costs/analytics',
    operationId: 'getDetailedCostAnalytics',
    tag,
    summary: 'What usage costs by the active cost sheet, against what it is charged at',
    permission: 'read:Costsheet',
    body: GetCostAnalyticsRequest,
    responses: { 200: GetDetailedCostAnalyticsResponse },
    handler: ({ ctx, body }) => costAnalyticsReply(costs, ctx, body),
  }),
  route({
    method: 'POST',
    path: '/v1/costs/analytics-v2',
    operationId: 'getDetailedCostAnalyticsV2',
    tag,
    summary: 'The same under the path that older clients know',
    permission: 'read:Costsheet',
    body: GetCostAnalyticsRequest,
    responses: { 200: GetDetailedCostAnalyticsResponse },
    handler: ({ ctx, body }) => costAnalyticsReply(costs, ctx, body),
  }),
];

/** The answer to `POST /v1/costs/analytics`, for whoever else asks it. */
export async function costAnalyticsReply(costs: CostAnalyticsService, ctx: RequestContext, body: GetCostAnalyticsRequest): Promise<Reply> {
  const found = await costs.analyse(ctx, {
    externalCustomerId: body.external_customer_id ?? null,
    includeChildren: body.include_children ?? false,
    featureIds: body.feature_ids?.length ? body.feature_ids : null,
    filters: filtersFromWire(body.property_filters),
    startTime: body.start_time ?? null,
    endTime: body.end_time ?? null,
    defaultRange: { days: 7 },
  });
  const offset = body.offset ?? 0;
  const items = found.items.slice(offset, body.limit ? offset + body.limit : undefined);
  return okUpTo(found.watermark, costsToWire(found, items, new Set(body.expand ?? []), body.external_customer_id ?? null));
}

/** Amounts are text, exact and unrounded. */
function costsToWire(
  found: CostAnalytics,
  items: readonly CostItem[],
  expand: ReadonlySet<(typeof COST_ANALYTICS_EXPAND)[number]>,
  externalCustomerId: string | null,
): unknown {
  const { range, currency, totalCost, totalRevenue, margin, marginPercent, roi, roiPercent } = found;
  return {
    ...(toWire({
      startTime: range.start,
      endTime: range.end,
      currency,
      totalCost,
      totalRevenue,
      margin,
      marginPercent,
      roi,
      roiPercent,
    }) as object),
    cost_analytics: items.map(({ line: { price, meter }, quantity, eventCount, amount }) => ({
      ...(toWire({
        costsheetId: found.costsheet.id,
        priceId: price.id,
        meterId: meter.id,
        meterName: meter.name,
        customerId: found.customer?.id,
        externalCustomerId,
        totalQuantity: quantity,
        totalEvents: eventCount,
        totalCost: amount,
        currency: price.currency.toLowerCase(),
      }) as object),
      ...(expand.has('meter') && { meter: shaped(MeterResponse, meter) }),
      ...(expand.has('price') && { price: shaped(PriceResponse, price) }),
    })),
  };
}
