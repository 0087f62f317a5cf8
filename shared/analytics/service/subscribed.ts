import type { RequestContext } from '#kernel/context.ts';
import { invalid } from '#kernel/errors.ts';
import type { ListOptions } from '#kernel/pagination.ts';
import type { SubscriptionStatus } from '#subscriptions/domain/subscription.ts';
import type { SubscriptionView } from '#subscriptions/service/subscription.ts';
import type { AnalyticsDependencies } from './dependencies.ts';

const MAX_PAGE = 1000;
/** Subscriptions that one answer is computed from. */
const MAX_SUBSCRIPTIONS = 10_000;
const WITH_PRICES = { items: true, prices: true, customer: false, plan: false };

/**
 * All subscriptions of a customer, or of all where it is null, in these states, oldest first, with their line items and prices.
 * Throws a validation error that names `external_customer_id` where there are more than an answer can be computed from.
 */
export async function subscribedLines(ctx: RequestContext, { subscriptions }: Pick<AnalyticsDependencies, 'subscriptions'>, customerId: string | null, statuses: readonly SubscriptionStatus[]): Promise<SubscriptionView[]> {
  const found: SubscriptionView[] = [];
  for (let offset = 0, total = 1; offset < total; offset += MAX_PAGE) {
    const options: ListOptions = { limit: MAX_PAGE, offset, status: null, sort: [{ field: 'created_at', direction: 'asc' }], startTime: null, endTime: null, filters: [] };
    const page = await subscriptions.list(ctx, { customerIds: customerId === null ? null : [customerId], subscriptionStatus: statuses }, options, WITH_PRICES);
    if (page.total > MAX_SUBSCRIPTIONS) throw invalid('external_customer_id', `is required where there are more than ${MAX_SUBSCRIPTIONS} subscriptions`);
    found.push(...page.items);
    total = page.total;
  }
  return found;
}
