import { pageReply } from '#platform/http/page.ts';
import { ok, type Route, route } from '#platform/http/route.ts';
import { byId } from '#platform/resource/routes.ts';
import { PortalPaginatedRequest } from '#portal/contracts.ts';
import { SubscriptionList } from '../contracts/queries.ts';
import { ListSubscriptionsResponse, SubscriptionResponse } from '../contracts/subscription.ts';
import type { CustomersSubscriptions } from '../service/portal.ts';
import { subscriptionToWire } from './to-wire.ts';

const tag = 'Customer Portal';
const permission = 'authenticated';

/** A customer's own subscriptions. */
export const portalSubscriptionRoutes = (own: CustomersSubscriptions): Route[] => [
  route({
    method: 'POST',
    path: '/v1/customer/portal/subscriptions',
    operationId: 'listPortalSubscriptions',
    tag,
    summary: 'Subscriptions of the customer',
    permission,
    body: PortalPaginatedRequest,
    responses: { 200: ListSubscriptionsResponse },
    handler: async ({ ctx, body }) => ok(pageReply(await own.list(ctx, SubscriptionList.read(ctx, body)), subscriptionToWire)),
  }),
  route({
    method: 'GET',
    path: '/v1/customer/portal/subscriptions/{id}',
    operationId: 'getPortalSubscription',
    tag,
    summary: 'A subscription of the customer',
    permission,
    params: byId,
    responses: { 200: SubscriptionResponse },
    handler: async ({ ctx, params }) => ok(subscriptionToWire(await own.get(ctx, params.id))),
  }),
];
