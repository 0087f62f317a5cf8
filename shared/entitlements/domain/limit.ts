import { type Decimal, divide, max, ZERO } from '#kernel/decimal.ts';
import type { AggregatedEntitlement } from './merge.ts';

/** Used over allowed when there is nothing left to divide by (metering.md section 8). */
const NOTHING_ALLOWED: Decimal = ZERO.plus(100);

/** Used over allowed, as a ratio: 0.5 is half (metering.md E39). 100 for a limit of 0 or less, 0 without a limit. */
export function usageRatio(usage: Decimal, limit: Decimal | null): Decimal {
  if (limit === null) return ZERO;
  return limit.gt(0) ? divide(usage, limit) : NOTHING_ALLOWED;
}

/** Why a check is answered as it is. The last three say no. */
export const CHECK_REASONS = [
  'enabled',
  'unlimited',
  'within_limit',
  'over_soft_limit',
  'limit_exceeded',
  'disabled',
  'not_entitled',
] as const;
export type CheckReason = (typeof CHECK_REASONS)[number];

export interface LimitCheck {
  readonly allowed: boolean;
  readonly reason: CheckReason;
  /** What may still be used before the limit; null where there is none. */
  readonly remaining: Decimal | null;
}

/** The best answer first: whoever has several allowances may use more while one of them covers it. */
const BEST: readonly CheckReason[] = ['unlimited', 'within_limit', 'over_soft_limit', 'limit_exceeded', 'disabled'];

/**
 * Whether more may be used where several subscriptions give a feature, each of which bills what is over its own allowance: while at
 * least one of them still covers it. What remains is the most that any of them has left.
 */
export function checkShares(checks: readonly [LimitCheck, ...LimitCheck[]]): LimitCheck {
  const [best] = [...checks].sort((a, b) => BEST.indexOf(a.reason) - BEST.indexOf(b.reason)) as [LimitCheck];
  const left = checks.map(({ remaining }) => remaining);
  return { ...best, remaining: left.includes(null) ? null : left.filter((remaining) => remaining !== null).reduce(max) };
}

type Terms = Pick<AggregatedEntitlement, 'featureType' | 'isEnabled' | 'usageLimit' | 'isSoftLimit'>;

/**
 * Whether `quantity` more may be used. A metered feature allows it while usage and quantity together do not pass the limit, and
 * beyond when the limit is soft; every other feature allows it when it is enabled. Null terms: the customer does not have the feature.
 */
export function checkLimit(terms: Terms | null, usage: Decimal, quantity: Decimal): LimitCheck {
  if (terms === null) return { allowed: false, reason: 'not_entitled', remaining: null };
  const limit = terms.featureType === 'metered' ? terms.usageLimit : null;
  const remaining = limit === null ? null : max(limit.minus(usage), ZERO);
  if (!terms.isEnabled) return { allowed: false, reason: 'disabled', remaining };
  if (terms.featureType !== 'metered') return { allowed: true, reason: 'enabled', remaining };
  if (limit === null) return { allowed: true, reason: 'unlimited', remaining };
  if (usage.plus(quantity).lte(limit)) return { allowed: true, reason: 'within_limit', remaining };
  return terms.isSoftLimit
    ? { allowed: true, reason: 'over_soft_limit', remaining }
    : { allowed: false, reason: 'limit_exceeded', remaining };
}
