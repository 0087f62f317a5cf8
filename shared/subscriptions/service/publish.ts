import type { Clock } from '#kernel/clock.ts';
import { toWire } from '#kernel/wire.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import { appendSystemEvent } from '#platform/postgres/outbox.ts';
import type { Subscription } from '../domain/subscription.ts';

/** Writes the system event of a change, in the transaction that makes it. */
export function publishSubscription(
  tx: TenantTransaction,
  clock: Clock,
  change: 'created' | 'updated' | 'cancelled',
  subscription: Subscription,
): Promise<void> {
  return appendSystemEvent(tx, clock, {
    eventName: `subscription.${change}`,
    entityType: 'subscription',
    entityId: subscription.id,
    payload: toWire(subscription) as Record<string, unknown>,
  });
}
