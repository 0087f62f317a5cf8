import { max, ZERO } from '#kernel/decimal.ts';
import type { UsedShare } from '../service/usage.ts';

/** What was used of the allowance of one of several subscriptions, in the names of the domain. */
export function shareToWire({ subscription, entitlement, limit, usage, window }: UsedShare): object {
  return {
    subscriptionId: subscription.id,
    usage,
    limit,
    remaining: limit === null ? null : max(limit.minus(usage), ZERO),
    isUnlimited: limit === null,
    isSoftLimit: entitlement?.isSoftLimit ?? false,
    usageResetPeriod: entitlement?.usageResetPeriod ?? null,
    periodStart: window.period.start,
    nextUsageResetAt: window.nextReset,
  };
}
