import type { DateTime } from 'luxon';
import { type BillingPeriod, later, type Period } from '#kernel/calendar/period.ts';
import { windowsWithin } from '#kernel/calendar/windows.ts';
import { type Decimal, max, sum, ZERO } from '#kernel/decimal.ts';
import type { ResetPeriod } from './entitlement.ts';

/** How usage meets the limit: once for the period, once per window, or by what a lifetime total gained in the period. */
export type AllowanceRule = 'whole_period' | 'each_window' | 'since_start';

/** Which usage to ask for; `billableQuantity` takes the answers in the same order. */
export interface EntitlementWindows {
  readonly rule: AllowanceRule;
  /** For `since_start`: up to the period's start (empty when nothing lies before it), then up to its end. */
  readonly windows: readonly Period[];
}

/**
 * The windows whose usage an entitlement needs for one billing period (table of billing.md 3.7).
 * DAILY and MONTHLY windows follow the local calendar and are cut to the period; months begin on the anchor's day.
 * `additive` says whether the meter's aggregation can be subtracted (COUNT, SUM, SUM_WITH_MULTIPLIER).
 */
export function entitlementWindows(input: {
  reset: ResetPeriod | null;
  period: Period;
  timezone: string;
  anchor: DateTime;
  billingPeriod: BillingPeriod;
  billingPeriodCount: number;
  additive: boolean;
  subscriptionStart: DateTime;
  entitlementStart: DateTime | null;
}): EntitlementWindows {
  const { reset, period, timezone, anchor } = input;
  const whole: EntitlementWindows = { rule: 'whole_period', windows: [period] };
  // A billing period of several months is not the MONTHLY period of the limit.
  if (reset === input.billingPeriod && input.billingPeriodCount === 1) return whole;
  switch (reset) {
    case 'DAILY':
      return { rule: 'each_window', windows: [...windowsWithin(period, 'DAY', timezone)] };
    case 'MONTHLY':
      return { rule: 'each_window', windows: [...windowsWithin(period, 'MONTH', timezone, anchor)] };
    case 'NEVER':
      return input.additive ? { rule: 'since_start', windows: sinceStart(input) } : whole;
    default:
      return whole;
  }
}

/**
 * The part of the usage that is priced, never below 0 (billing.md 3.7). `usages` answer the windows of `entitlementWindows`.
 * No entitlement, or a disabled one, allows nothing; a null limit bills nothing; soft and hard limits bill the same.
 */
export function billableQuantity(input: {
  entitlement: { readonly isEnabled: boolean; readonly usageLimit: Decimal | null } | null;
  rule: AllowanceRule;
  usages: readonly Decimal[];
}): Decimal {
  const { entitlement, rule, usages } = input;
  if (entitlement?.isEnabled && entitlement.usageLimit === null) return ZERO;
  const limit = entitlement?.isEnabled ? (entitlement.usageLimit ?? ZERO) : ZERO;
  switch (rule) {
    case 'whole_period':
      return over(exactly(1, usages)[0] as Decimal, limit);
    case 'each_window':
      return sum(usages.map((usage) => over(usage, limit)));
    case 'since_start': {
      const [before, total] = exactly(2, usages) as [Decimal, Decimal];
      return max(over(total, limit).minus(over(before, limit)), ZERO);
    }
  }
}

function sinceStart(input: { period: Period; subscriptionStart: DateTime; entitlementStart: DateTime | null }): Period[] {
  const { period, subscriptionStart, entitlementStart } = input;
  const origin = (entitlementStart === null ? subscriptionStart : later(subscriptionStart, entitlementStart)).toUTC();
  return [
    { start: origin, end: later(origin, period.start) },
    { start: origin, end: later(origin, period.end) },
  ];
}

function over(usage: Decimal, limit: Decimal): Decimal {
  return max(usage.minus(limit), ZERO);
}

function exactly(count: number, usages: readonly Decimal[]): readonly Decimal[] {
  if (usages.length !== count) throw new RangeError(`expected ${count} usage numbers, got ${usages.length}`);
  return usages;
}
