import { invalid } from '#kernel/errors.ts';
import { wireNumber, wireTime } from '#kernel/wire.ts';
import { type Reply, type Route, route } from '#platform/http/route.ts';
import { GetUsageByMeterRequest, GetUsageRequest, GetUsageResponse } from '../contracts/usage.ts';
import type { AggregationType } from '../domain/meter.ts';
import type { Usage } from '../domain/usage.ts';
import type { UsageScope, UsageService } from '../service/usage.ts';
import { filtersFromWire } from './filters.ts';
import { okUpTo } from './watermark.ts';

const tag = 'Events';

export const usageRoutes = (usage: UsageService): Route[] => [
  route({
    method: 'POST',
    path: '/v1/events/usage',
    operationId: 'getUsageStatistics',
    tag,
    summary: 'Aggregate events by name',
    permission: 'read:Event',
    body: GetUsageRequest,
    responses: { 200: GetUsageResponse },
    handler: async ({ ctx, body }) => {
      const answer = await usage.usageByEventName(ctx, {
        ...scopeOf(body),
        eventName: body.event_name,
        type: body.aggregation_type,
        property: body.property_name?.trim() ? body.property_name : null,
        multiplier: body.multiplier ?? null,
        groupBy: groupOf(body),
      });
      return reply(body.event_name, answer.type, answer.usage);
    },
  }),
  route({
    method: 'POST',
    path: '/v1/events/usage/meter',
    operationId: 'getUsageByMeter',
    tag,
    summary: 'Usage of a meter',
    permission: 'read:Meter',
    body: GetUsageByMeterRequest,
    responses: { 200: GetUsageResponse },
    handler: async ({ ctx, body }) => {
      const { meter, usage: answer } = await usage.usageByMeter(ctx, body.meter_id, scopeOf(body));
      return reply(meter.eventName, meter.aggregation.type, answer);
    },
  }),
];

function scopeOf(body: Omit<GetUsageByMeterRequest, 'meter_id'>): UsageScope {
  return {
    externalCustomerId: body.external_customer_id ?? null,
    customerId: body.customer_id ?? null,
    startTime: body.start_time ?? null,
    endTime: body.end_time ?? null,
    windowSize: body.window_size ?? null,
    bucketSize: body.bucket_size ?? null,
    billingAnchor: body.billing_anchor ?? null,
    timezone: body.timezone ?? null,
    filters: filtersFromWire(body.filters),
  };
}

function groupOf(body: GetUsageRequest): string | null {
  const [key] = body.group_by ?? [];
  if (key !== undefined && body.group_by_property && key !== body.group_by_property)
    throw invalid('group_by_property', 'must not differ from group_by');
  const group = key ?? body.group_by_property ?? null;
  return group?.startsWith('properties.') ? group.slice('properties.'.length) : group;
}

/** Values are JSON numbers with all their digits. The header says up to which acceptance time they are complete. */
function reply(eventName: string, type: AggregationType, { value, points, watermark }: Usage): Reply {
  return okUpTo(watermark, {
    event_name: eventName,
    type,
    results: points.map((point) => ({
      ...(point.windowStart === null ? {} : { window_size: wireTime(point.windowStart) }),
      ...(point.group === null ? {} : { group: point.group }),
      value: wireNumber(point.value),
    })),
    value: wireNumber(value),
  });
}
