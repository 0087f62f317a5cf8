import { type Route, route } from '#platform/http/route.ts';
import { customerIdOf } from '#portal/domain.ts';
import { CustomerUsageSummaryResponse, UsageSummaryOfCustomerQuery } from '../contracts.ts';
import type { UsageSummaryService } from '../service/usage.ts';
import { usageSummaryReply } from './usage.ts';

const tag = 'Customer Portal';
const permission = 'authenticated';

/** What a customer has used of what it may use. */
export const portalUsageRoutes = (usages: UsageSummaryService): Route[] => [
  route({
    method: 'GET',
    path: '/v1/customer/portal/usage',
    operationId: 'getPortalUsage',
    tag,
    summary: 'What the customer has used of what it may use',
    permission,
    query: UsageSummaryOfCustomerQuery,
    responses: { 200: CustomerUsageSummaryResponse },
    handler: async ({ ctx, query }) => usageSummaryReply(usages, ctx, { id: customerIdOf(ctx) }, query),
  }),
];
