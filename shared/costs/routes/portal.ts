import type { CustomerService } from '#customers/service.ts';
import { ForbiddenError } from '#kernel/errors.ts';
import { type Route, route } from '#platform/http/route.ts';
import { customerIdOf } from '#portal/domain.ts';
import { CUSTOMER_PORTAL_CONFIG } from '#portal/domain.ts';
import type { SettingService } from '#settings/service.ts';
import { GetDetailedCostAnalyticsResponse, PortalCostAnalyticsRequest } from '../contracts/analytics.ts';
import type { CostAnalyticsService } from '../service/analytics.ts';
import { costAnalyticsReply } from './analytics.ts';

export interface PortalCostRouteDependencies {
  readonly costs: CostAnalyticsService;
  readonly customers: Pick<CustomerService, 'get'>;
  readonly settings: Pick<SettingService, 'valueOf'>;
}

const tag = 'Customer Portal';
const permission = 'authenticated';

/** What a customer's usage costs the seller. Whether it is shown is read with each request: whoever withdraws it wants that to hold. */
export const portalCostRoutes = ({ costs, customers, settings }: PortalCostRouteDependencies): Route[] => [
  route({
    method: 'POST',
    path: '/v1/customer/portal/analytics/cost',
    operationId: 'getPortalCostAnalytics',
    tag,
    summary: 'What usage of the customer costs the seller, where the setting `customer_portal_config` shows it',
    permission,
    body: PortalCostAnalyticsRequest,
    responses: { 200: GetDetailedCostAnalyticsResponse },
    handler: async ({ ctx, body }) => {
      if (!(await settings.valueOf(ctx, CUSTOMER_PORTAL_CONFIG)).cost_analytics_enabled)
        throw new ForbiddenError({ message: 'costs are not shown in the customer portal' });
      const { externalId } = await customers.get(ctx, customerIdOf(ctx));
      return costAnalyticsReply(costs, ctx, { ...body, external_customer_id: externalId });
    },
  }),
];
