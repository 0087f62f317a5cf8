import type { Route } from '#platform/http/route.ts';
import { crudRoutes } from '#platform/resource/routes.ts';
import { ListSubscriptionsResponse, SubscriptionResponse } from '../contracts/subscription.ts';
import { SUBSCRIPTION_EXPAND, SubscriptionList } from '../contracts/queries.ts';
import type { SubscriptionService } from '../service/subscription.ts';
import type { SubscriptionExpansion } from '../service/views.ts';
import { subscriptionToWire } from './to-wire.ts';

const tag = 'Subscriptions';
const NOT_SEARCHED = ['effective_date_for_update', 'invoicing_customer_ids', 'trial_end_due_lte', 'with_coupon_associations'];

/** Lists of subscriptions. What one costs and was billed is shown by invoicing, under the same path. */
export const subscriptionRoutes = (subscriptions: SubscriptionService): Route[] => [
  ...crudRoutes({
    tag,
    path: '/v1/subscriptions',
    entity: 'Subscription',
    response: SubscriptionResponse,
    list: {
      listing: SubscriptionList,
      response: ListSubscriptionsResponse,
      expand: SUBSCRIPTION_EXPAND,
      get: { operationId: 'listSubscriptions', summary: 'List subscriptions' },
      search: { operationId: 'querySubscription', summary: 'Search subscriptions', foreignKeys: { lacking: NOT_SEARCHED } },
      show: subscriptionToWire,
      run: (ctx, request, expand, { external_customer_id: external, with_line_items: withItems }) =>
        subscriptions.list(ctx, request, (external as string | undefined) || null, expansion(expand, withItems === true)),
    },
  }),
];

function expansion(fields: ReadonlySet<string>, withItems: boolean): SubscriptionExpansion {
  const prices = fields.has('prices') || fields.has('prices.meters') || fields.has('subscription_line_items.prices');
  return {
    items: withItems || prices || fields.has('subscription_line_items') || fields.has('subscription_line_items.meters'),
    prices,
    customer: fields.has('customer'),
    plan: fields.has('plan') || fields.has('plan.prices'),
  };
}
