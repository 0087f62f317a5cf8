import type { DateTime } from 'luxon';
import type { RequestContext } from '#kernel/context.ts';
import { DomainError, invalid, invalidOperation } from '#kernel/errors.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import { knownEnd } from '../domain/periods.ts';
import { SUBSCRIPTION_STATES } from '../domain/states.ts';
import type { Subscription } from '../domain/subscription.ts';
import { subscriptionRepository } from '../repository/subscriptions.ts';
import { changeSubscription } from './change.ts';
import type { SubscriptionDependencies } from './dependencies.ts';
import { closePeriod } from './periods.ts';

export type CancellationType = 'immediate' | 'end_of_period' | 'scheduled_date';

export interface Cancellation {
  readonly cancellationType: CancellationType;
  readonly cancelAt: DateTime | null;
  readonly reason: string | null;
  /** `skip` waives the usage and arrear charges of the cut period. */
  readonly invoicePolicy: 'generate_invoice' | 'skip';
}

export interface Cancelled {
  readonly subscription: Subscription;
  readonly effectiveDate: DateTime;
  /** Drafts to be computed once the cancellation is committed; the last one is the final invoice. */
  readonly invoiceIds: readonly string[];
}

/** Periods that a request closes on its way. */
const MOST_MISSED = 36;

/**
 * Cancels a subscription (billing.md 4.5), in the running transaction. Periods that are over but not yet closed are closed first,
 * so that nothing of them is lost; more than a request can close are a `version_conflict`, and a job's work. What is inherited from it ends with it. Throws `invalid_operation` when it is cancelled, has an end
 * scheduled already, or is itself inherited.
 */
export async function cancelWithin(
  tx: TenantTransaction,
  ctx: RequestContext,
  dependencies: SubscriptionDependencies,
  id: string,
  request: Cancellation,
): Promise<Cancelled> {
  const invoiceIds: string[] = [];
  let subscription = await subscriptionRepository.lock(tx, id);
  requireCancellable(subscription);
  for (
    let closed = await closePeriod(tx, ctx, dependencies, subscription);
    closed !== null;
    closed = await closePeriod(tx, ctx, dependencies, subscription)
  ) {
    // A job closes them, with as much time as it needs; this one has what a gateway gives it.
    if (invoiceIds.length === MOST_MISSED)
      throw new DomainError('version_conflict', 'earlier periods of the subscription are still being closed, try again later', {
        id,
        current_period_end: subscription.currentPeriodEnd.toISO(),
        retry_after_seconds: 10,
      });
    ({ subscription } = closed);
    invoiceIds.push(closed.invoiceId);
  }
  // Its own end was reached before anybody had closed the period.
  if (subscription.subscriptionStatus === 'cancelled')
    return { subscription, effectiveDate: subscription.cancelledAt ?? subscription.currentPeriodEnd, invoiceIds };
  switch (request.cancellationType) {
    case 'immediate':
      return cancelNow(tx, ctx, dependencies, subscription, request, invoiceIds);
    case 'end_of_period':
      return scheduled(
        tx,
        ctx,
        dependencies,
        subscription,
        { cancelAt: subscription.currentPeriodEnd, cancelAtPeriodEnd: true, cancellationReason: request.reason },
        subscription.currentPeriodEnd,
        invoiceIds,
      );
    case 'scheduled_date':
      return cancelOn(tx, ctx, dependencies, subscription, request, invoiceIds);
  }
}

function requireCancellable(subscription: Subscription): void {
  if (subscription.subscriptionType === 'inherited') {
    throw invalidOperation('an inherited subscription ends with its parent: cancel that one', {
      id: subscription.id,
      parent_subscription_id: subscription.parentSubscriptionId,
    });
  }
  SUBSCRIPTION_STATES.next(subscription.subscriptionStatus, 'cancel', subscription);
}

async function cancelNow(
  tx: TenantTransaction,
  ctx: RequestContext,
  dependencies: SubscriptionDependencies,
  read: Subscription,
  request: Cancellation,
  invoiceIds: string[],
): Promise<Cancelled> {
  const { clock, invoicing } = dependencies;
  const now = clock.now();
  if (request.cancelAt !== null && request.cancelAt > now)
    throw invalid('cancel_at', 'lies in the future: use cancellation_type scheduled_date');
  if (request.cancelAt !== null && request.cancelAt <= read.currentPeriodStart)
    throw invalid('cancel_at', 'must be after the start of the current period');
  const effective = request.cancelAt ?? now;
  // Not begun yet: it ends where it begins, and there is nothing to invoice.
  const end = effective > read.startDate ? effective : read.startDate;
  const subscription = await changeSubscription(
    tx,
    ctx,
    clock,
    read,
    {
      subscriptionStatus: SUBSCRIPTION_STATES.next(read.subscriptionStatus, 'cancel', read),
      endDate: end,
      cancelAt: null,
      cancelAtPeriodEnd: false,
      cancelledAt: effective,
      cancellationReason: request.reason,
      currentPeriodEnd: end > read.currentPeriodStart ? end : read.currentPeriodStart,
    },
    'cancelled',
  );
  await subscriptionRepository.endItems(tx, subscription.id, end, now, ctx.actorId);
  if (request.invoicePolicy === 'generate_invoice' && end > read.currentPeriodStart) {
    const period = { start: read.currentPeriodStart, end };
    invoiceIds.push((await invoicing.draft(tx, ctx, subscription, { reason: 'PRORATION', period })).id);
  }
  return { subscription, effectiveDate: effective, invoiceIds };
}

function cancelOn(
  tx: TenantTransaction,
  ctx: RequestContext,
  dependencies: SubscriptionDependencies,
  read: Subscription,
  { cancelAt, reason }: Cancellation,
  invoiceIds: string[],
): Promise<Cancelled> {
  if (cancelAt === null) throw invalid('cancel_at', 'is required for scheduled_date');
  if (cancelAt <= dependencies.clock.now()) throw invalid('cancel_at', 'must lie in the future for scheduled_date');
  if (cancelAt <= read.currentPeriodStart) throw invalid('cancel_at', 'must be after the start of the current period');
  if (read.endDate !== null && cancelAt > read.endDate) throw invalid('cancel_at', 'must not be after the end of the subscription');
  const currentPeriodEnd = cancelAt < read.currentPeriodEnd ? cancelAt : read.currentPeriodEnd;
  return scheduled(
    tx,
    ctx,
    dependencies,
    read,
    { cancelAt, endDate: cancelAt, currentPeriodEnd, cancellationReason: reason },
    cancelAt,
    invoiceIds,
  );
}

async function scheduled(
  tx: TenantTransaction,
  ctx: RequestContext,
  { clock }: SubscriptionDependencies,
  read: Subscription,
  change: Partial<Pick<Subscription, 'cancelAt' | 'cancelAtPeriodEnd' | 'cancellationReason' | 'endDate' | 'currentPeriodEnd'>>,
  effectiveDate: DateTime,
  invoiceIds: readonly string[],
): Promise<Cancelled> {
  if (read.cancelAt !== null)
    throw invalidOperation('a cancellation is scheduled already', { id: read.id, cancel_at: knownEnd(read)?.toISO() });
  const subscription = await changeSubscription(tx, ctx, clock, read, change, 'updated');
  return { subscription, effectiveDate, invoiceIds };
}
