import type { RequestContext } from '#kernel/context.ts';
import { notFound } from '#kernel/errors.ts';
import type { Page } from '#kernel/pagination.ts';
import { type ListRequest, narrowed } from '#platform/resource/listing.ts';
import { customerIdOf } from '#portal/domain.ts';
import type { SubscriptionStatus } from '../domain/subscription.ts';
import type { SubscriptionService } from './subscription.ts';
import type { SubscriptionView } from './views.ts';

/** What a customer is shown of its subscriptions: a draft is not agreed yet. */
const SHOWN: readonly SubscriptionStatus[] = ['active', 'trialing', 'paused', 'cancelled', 'incomplete'];

export type CustomersSubscriptions = ReturnType<typeof createCustomersSubscriptions>;

/** The subscriptions of the customer whose session of the portal it is; what belongs to another one is not found. */
export function createCustomersSubscriptions(subscriptions: Pick<SubscriptionService, 'list' | 'view'>) {
  return {
    list: (ctx: RequestContext, request: ListRequest): Promise<Page<SubscriptionView>> =>
      subscriptions.list(
        ctx,
        narrowed(
          request,
          { column: 'customerId', is: 'eq', value: customerIdOf(ctx) },
          { column: 'subscriptionStatus', is: 'in', values: SHOWN },
        ),
        null,
        { items: true, prices: true, customer: false, plan: true },
      ),

    get: async (ctx: RequestContext, id: string): Promise<SubscriptionView> => {
      const view = await subscriptions.view(ctx, id);
      const { customerId, subscriptionStatus } = view.subscription;
      if (customerId !== customerIdOf(ctx) || !SHOWN.includes(subscriptionStatus)) throw notFound('subscription', id);
      return view;
    },
  };
}
