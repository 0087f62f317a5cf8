import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import { publish } from '#platform/resource/publish.ts';
import { shownSubscription, type Subscription } from '../domain/subscription.ts';
import { subscriptionEvents } from '../events.ts';
import { type SubscriptionChange, subscriptionRepository } from '../repository/subscriptions.ts';

/**
 * Changes a subscription whose lock the caller holds, and with it those that inherit it (billing.md 4.10): they never have another
 * state or another period than their parent. Each change has its system event. Throws `version_conflict`.
 */
export async function changeSubscription(
  tx: TenantTransaction,
  ctx: RequestContext,
  clock: Clock,
  read: Subscription,
  change: Omit<SubscriptionChange, 'updatedAt'>,
  event: 'updated' | 'cancelled',
): Promise<Subscription> {
  const subscription = await subscriptionRepository.update(tx, read, { ...change, updatedAt: clock.now() });
  const inherited = subscription.subscriptionType === 'parent' ? await subscriptionRepository.follow(tx, subscription, ctx.actorId) : [];
  await publish(tx, clock, subscriptionEvents[event], ...[subscription, ...inherited].map(shownSubscription));
  return subscription;
}
