import type { DateTime } from 'luxon';
import type { RequestContext } from '#kernel/context.ts';
import type { CustomerSpan } from '#metering/domain/usage.ts';
import { type Analytics, type AnalyticsRequest, usageAnalytics } from './analytics.ts';
import type { AnalyticsDependencies } from './dependencies.ts';
import { type EventCharges, eventCharges } from './event-charges.ts';
import { REPORTED } from './lines.ts';
import { type MeterUsageAnswers, type MeterUsageQuery, meterUsages } from './meter-usage.ts';
import { type Revenue, type RevenueScope, usageRevenue } from './revenue.ts';
import { childrenOf } from './subscribed.ts';

export type AnalyticsService = ReturnType<typeof createAnalyticsService>;

/** Usage as customers look at it: by meter, over any range, in groups, with its cost. */
export function createAnalyticsService(dependencies: AnalyticsDependencies) {
  return {
    usage: (ctx: RequestContext, request: AnalyticsRequest): Promise<Analytics> => usageAnalytics(dependencies, ctx, request),
    revenue: (ctx: RequestContext, scope: RevenueScope): Promise<Revenue> => usageRevenue(dependencies, ctx, scope),
    /** Whose usage is charged to a customer besides its own. */
    children: (ctx: RequestContext, customerId: string): Promise<CustomerSpan[]> => childrenOf(ctx, dependencies, customerId, REPORTED),
    meterUsages: (ctx: RequestContext, query: MeterUsageQuery): Promise<MeterUsageAnswers> => meterUsages(dependencies, ctx, query),
    eventCharges: (ctx: RequestContext, customerId: string, meterIds: readonly string[], at: DateTime): Promise<EventCharges> =>
      eventCharges(dependencies, ctx, customerId, meterIds, at),
  };
}
