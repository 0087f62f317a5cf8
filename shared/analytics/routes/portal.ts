import type { CustomerService } from '#customers/service.ts';
import { type Route, route } from '#platform/http/route.ts';
import { customerIdOf } from '#portal/domain.ts';
import { GetUsageAnalyticsResponse, PortalAnalyticsRequest } from '../contracts/analytics.ts';
import type { AnalyticsService } from '../service/service.ts';
import { usageAnalyticsReply } from './analytics.ts';

const tag = 'Customer Portal';
const permission = 'authenticated';

/** What a customer's usage costs it. */
export const portalAnalyticsRoutes = (analytics: AnalyticsService, customers: Pick<CustomerService, 'get'>): Route[] => [
  route({
    method: 'POST',
    path: '/v1/customer/portal/analytics/revenue',
    operationId: 'getPortalUsageAnalytics',
    tag,
    summary: 'Usage of the customer and what it costs',
    permission,
    body: PortalAnalyticsRequest,
    responses: { 200: GetUsageAnalyticsResponse },
    handler: async ({ ctx, body }) =>
      usageAnalyticsReply(analytics, ctx, { ...body, external_customer_id: (await customers.get(ctx, customerIdOf(ctx))).externalId }),
  }),
];
