import type { RequestContext } from '#kernel/context.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import { currentPeriod, rollOver } from '../domain/periods.ts';
import { SUBSCRIPTION_STATES } from '../domain/states.ts';
import type { Subscription } from '../domain/subscription.ts';
import { subscriptionRepository } from '../repository/subscriptions.ts';
import { changeSubscription } from './change.ts';
import type { SubscriptionDependencies } from './dependencies.ts';

/** What closing one period did. */
export interface ClosedPeriod {
  readonly subscription: Subscription;
  /** The draft of the closed period. */
  readonly invoiceId: string;
}

/**
 * Closes the current period when it is over: the draft of its invoice and the step to the next period (or the end of the
 * subscription) are one transaction, so that neither happens without the other (billing.md 4.4). The caller holds the row's lock.
 * Null when there is nothing to close, so that a second sweep, or one at the same time, changes nothing; and for an inherited
 * subscription, whose periods are its parent's.
 */
export async function closePeriod(
  tx: TenantTransaction,
  ctx: RequestContext,
  { clock, invoicing }: SubscriptionDependencies,
  locked: Subscription,
): Promise<ClosedPeriod | null> {
  const now = clock.now();
  if (
    !SUBSCRIPTION_STATES.allows(locked.subscriptionStatus, 'close') ||
    locked.subscriptionType === 'inherited' ||
    locked.currentPeriodEnd > now
  )
    return null;
  const outcome = rollOver(locked);
  // The draft comes first: a subscription never ends without its final invoice.
  const { id } = await invoicing.draft(tx, ctx, locked, {
    reason: 'SUBSCRIPTION_CYCLE',
    period: currentPeriod(locked),
  });
  if (outcome.kind === 'next') {
    const subscription = await changeSubscription(
      tx,
      ctx,
      clock,
      locked,
      { currentPeriodStart: outcome.period.start, currentPeriodEnd: outcome.period.end },
      'updated',
    );
    return { subscription, invoiceId: id };
  }
  const subscription = await changeSubscription(
    tx,
    ctx,
    clock,
    locked,
    {
      subscriptionStatus: SUBSCRIPTION_STATES.next(locked.subscriptionStatus, 'end', locked),
      cancelledAt: outcome.cancelledAt,
      endDate: locked.endDate ?? outcome.cancelledAt,
    },
    'cancelled',
  );
  await subscriptionRepository.endItems(tx, subscription.id, outcome.cancelledAt, now, ctx.actorId);
  return { subscription, invoiceId: id };
}
