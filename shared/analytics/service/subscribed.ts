import type { RequestContext } from '#kernel/context.ts';
import { invalid } from '#kernel/errors.ts';
import type { CustomerSpan } from '#metering/domain/usage.ts';
import { inheritedSpan } from '#subscriptions/domain/inheritance.ts';
import type { Subscription, SubscriptionStatus } from '#subscriptions/domain/subscription.ts';
import type { SubscriptionService } from '#subscriptions/service/subscription.ts';
import type { SubscriptionView } from '#subscriptions/service/views.ts';
import type { AnalyticsDependencies } from './dependencies.ts';

/** Subscriptions that one answer is computed from. */
const MAX_SUBSCRIPTIONS = 10_000;
type SubscriptionFilter = Parameters<SubscriptionService['find']>[1];
const WITH_PRICES = { items: true, prices: true, customer: false, plan: false };

/**
 * All subscriptions of a customer, or of all where it is null, in these states, oldest first, with their line items and prices.
 * Throws a validation error that names `external_customer_id` where there are more than an answer can be computed from.
 */
export function subscribedLines(
  ctx: RequestContext,
  dependencies: Pick<AnalyticsDependencies, 'subscriptions'>,
  customerId: string | null,
  statuses: readonly SubscriptionStatus[],
): Promise<SubscriptionView[]> {
  return everyView(ctx, dependencies, { customerIds: customerId === null ? null : [customerId], subscriptionStatus: statuses });
}

/**
 * Who inherits subscriptions of the customer in these states, each within its time; whoever inherits several is there several times.
 * Throws a validation error that names `external_customer_id` where there are more than an answer can be computed from.
 */
export async function childrenOf(
  ctx: RequestContext,
  dependencies: Pick<AnalyticsDependencies, 'subscriptions'>,
  customerId: string,
  statuses: readonly SubscriptionStatus[],
): Promise<CustomerSpan[]> {
  const parents = await everyOne(ctx, dependencies, {
    customerIds: [customerId],
    subscriptionStatus: statuses,
    subscriptionType: ['parent'],
  });
  return [...(await dependencies.subscriptions.inheritedOf(ctx, parents)).values()].flat();
}

/** A subscription that a customer inherits: it pays for the customer's usage within the span. */
export interface Parent {
  readonly view: SubscriptionView;
  readonly span: ReturnType<typeof inheritedSpan>;
}

/** The parents of those of the subscriptions that are inherited, which have no lines of their own. */
export async function parentsOf(
  ctx: RequestContext,
  dependencies: Pick<AnalyticsDependencies, 'subscriptions'>,
  views: readonly SubscriptionView[],
): Promise<Parent[]> {
  const inherited = views.map(({ subscription }) => subscription).filter(({ subscriptionType }) => subscriptionType === 'inherited');
  const ids = [...new Set(inherited.flatMap(({ parentSubscriptionId }) => parentSubscriptionId ?? []))];
  const parents = new Map(
    (ids.length === 0 ? [] : await everyView(ctx, dependencies, { subscriptionIds: ids })).map((view) => [view.subscription.id, view]),
  );
  return inherited.map((subscription) => ({
    view: parents.get(subscription.parentSubscriptionId ?? '') as SubscriptionView,
    span: inheritedSpan(subscription),
  }));
}

async function everyView(
  ctx: RequestContext,
  dependencies: Pick<AnalyticsDependencies, 'subscriptions'>,
  filter: SubscriptionFilter,
): Promise<SubscriptionView[]> {
  return dependencies.subscriptions.viewsOf(ctx, await everyOne(ctx, dependencies, filter), WITH_PRICES);
}

async function everyOne(
  ctx: RequestContext,
  { subscriptions }: Pick<AnalyticsDependencies, 'subscriptions'>,
  filter: SubscriptionFilter,
): Promise<Subscription[]> {
  const found = await subscriptions.find(ctx, filter, MAX_SUBSCRIPTIONS + 1);
  if (found.length > MAX_SUBSCRIPTIONS)
    throw invalid(
      'external_customer_id',
      filter.customerIds
        ? `has more than the ${MAX_SUBSCRIPTIONS} subscriptions that one answer is computed from: ask by subscription, with its usage or its invoices`
        : `is required where there are more than ${MAX_SUBSCRIPTIONS} subscriptions`,
    );
  return found;
}
