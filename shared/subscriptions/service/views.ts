import type { Plan } from '#catalog/domain/plan.ts';
import type { Price } from '#catalog/domain/price.ts';
import type { Customer } from '#customers/domain.ts';
import type { RequestContext } from '#kernel/context.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import type { SubscriptionLineItem } from '../domain/line-item.ts';
import type { Subscription } from '../domain/subscription.ts';
import { subscriptionRepository } from '../repository/subscriptions.ts';
import type { SubscriptionDependencies } from './dependencies.ts';

/** A subscription as it is shown; a part is null where it was not asked for or is gone. */
export interface SubscriptionView {
  readonly subscription: Subscription;
  readonly items: readonly { readonly item: SubscriptionLineItem; readonly price: Price | null }[] | null;
  readonly customer: Customer | null;
  readonly plan: Plan | null;
}
export interface SubscriptionExpansion {
  readonly items: boolean;
  readonly prices: boolean;
  readonly customer: boolean;
  readonly plan: boolean;
}
export const WHOLE: SubscriptionExpansion = { items: true, prices: true, customer: true, plan: true };

/** One query per kind of part, whatever the number of subscriptions. */
export async function viewsOf(
  { customers, plans, prices }: Pick<SubscriptionDependencies, 'customers' | 'plans' | 'prices'>,
  tx: TenantTransaction,
  ctx: RequestContext,
  subscriptions: readonly Subscription[],
  expand: SubscriptionExpansion,
): Promise<SubscriptionView[]> {
  const inside = { ...ctx, transaction: tx };
  const items = expand.items
    ? await subscriptionRepository.itemsOf(
        tx,
        subscriptions.map(({ id }) => id),
      )
    : [];
  const byId = <T extends { readonly id: string }>(found: readonly T[]) => new Map(found.map((entity) => [entity.id, entity]));
  const pricesById = byId(expand.prices ? await prices.getMany(inside, [...new Set(items.map(({ priceId }) => priceId))]) : []);
  const plansById = byId(expand.plan ? await plans.getMany(inside, [...new Set(subscriptions.map(({ planId }) => planId))]) : []);
  const customersById = byId(
    expand.customer ? await customers.getMany(inside, [...new Set(subscriptions.map(({ customerId }) => customerId))]) : [],
  );
  const grouped = Map.groupBy(items, ({ subscriptionId }) => subscriptionId);
  return subscriptions.map((subscription) => ({
    subscription,
    items: expand.items
      ? (grouped.get(subscription.id) ?? []).map((item) => ({ item, price: pricesById.get(item.priceId) ?? null }))
      : null,
    customer: customersById.get(subscription.customerId) ?? null,
    plan: plansById.get(subscription.planId) ?? null,
  }));
}
