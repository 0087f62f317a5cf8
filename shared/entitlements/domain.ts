import type { DateTime } from 'luxon';
import { type Decimal, max, sum, ZERO } from '#kernel/decimal.ts';
import { type BillingPeriod, later, type Period } from '#kernel/calendar/period.ts';
import { windowsWithin } from '#kernel/calendar/windows.ts';

export type FeatureType = 'metered' | 'boolean' | 'static' | 'config';
export type EntitlementEntityType = 'PLAN' | 'SUBSCRIPTION' | 'ADDON';
export type ResetPeriod = 'DAILY' | 'WEEKLY' | 'MONTHLY' | 'QUARTERLY' | 'HALF_YEARLY' | 'ANNUAL' | 'NEVER';
export type AggregationMode = 'additive' | 'parallel';

/** A right of a plan, addon or subscription to a feature (billing.md 2.1). */
export interface Entitlement {
  readonly id: string;
  readonly tenantId: string;
  readonly environmentId: string;
  readonly status: 'published' | 'deleted' | 'archived';
  readonly entityType: EntitlementEntityType;
  readonly entityId: string;
  readonly featureId: string;
  readonly featureType: FeatureType;
  readonly isEnabled: boolean;
  /** In meter units; null is unlimited. */
  readonly usageLimit: Decimal | null;
  readonly usageResetPeriod: ResetPeriod | null;
  readonly isSoftLimit: boolean;
  readonly staticValue: string | null;
  readonly configValue: Readonly<Record<string, unknown>> | null;
  readonly displayOrder: number;
  /** Set on a subscription's override: the entitlement it replaces. */
  readonly parentEntitlementId: string | null;
  readonly startDate: DateTime | null;
  readonly endDate: DateTime | null;
  readonly grantMeasure: 'quantity' | 'amount' | null;
  readonly grantDurationValue: number | null;
  readonly grantDurationUnit: 'hour' | 'day' | 'week' | 'subscription_period' | null;
  readonly grantAllocationBehavior: 'first_usage' | 'unit_start' | null;
  readonly grantQuota: Decimal | null;
  readonly aggregationMode: AggregationMode;
  readonly createdAt: DateTime;
  readonly updatedAt: DateTime;
  readonly createdBy: string;
  readonly updatedBy: string;
}

/** What merging looks at. */
export type EntitlementTerms = Pick<
  Entitlement,
  'id' | 'entityType' | 'featureId' | 'featureType' | 'isEnabled' | 'usageLimit' | 'usageResetPeriod' | 'isSoftLimit' | 'staticValue' | 'configValue' | 'parentEntitlementId'
>;

/** What all sources of one feature give together. */
export interface AggregatedEntitlement<Source extends EntitlementTerms = EntitlementTerms> {
  readonly featureId: string;
  readonly featureType: FeatureType;
  readonly isEnabled: boolean;
  /** Null is unlimited. Zero when no source is enabled. */
  readonly usageLimit: Decimal | null;
  readonly isSoftLimit: boolean;
  readonly usageResetPeriod: ResetPeriod | null;
  readonly staticValues: readonly string[];
  readonly configValues: readonly Readonly<Record<string, unknown>>[];
  /** What was merged: overridden parents are gone, disabled sources are still shown. */
  readonly sources: readonly Source[];
}

/** Shortest first, which settles ties (metering.md L2). */
const RESET_PERIODS: readonly ResetPeriod[] = ['DAILY', 'WEEKLY', 'MONTHLY', 'QUARTERLY', 'HALF_YEARLY', 'ANNUAL', 'NEVER'];

/**
 * Merges the entitlements of a subscription per feature, in order of first appearance (billing.md 3.7 "Merging").
 * A source that counts several times (an addon attached twice) is passed several times. Disabled sources give nothing.
 */
export function mergeEntitlements<Source extends EntitlementTerms>(sources: readonly Source[]): AggregatedEntitlement<Source>[] {
  const byId = new Map(sources.map((source) => [source.id, source]));
  const overridden = new Set(sources.map((source) => source.parentEntitlementId));
  const groups = Map.groupBy(sources.filter((source) => !overridden.has(source.id)), (source) => source.featureId);
  const fromPlan = (source: Source) => (byId.get(source.parentEntitlementId ?? '') ?? source).entityType === 'PLAN';
  return [...groups].map(([featureId, members]) => mergeFeature(featureId, members, fromPlan));
}

function mergeFeature<Source extends EntitlementTerms>(featureId: string, sources: readonly Source[], fromPlan: (source: Source) => boolean): AggregatedEntitlement<Source> {
  const enabled = sources.filter((source) => source.isEnabled);
  return {
    featureId,
    featureType: (sources[0] as Source).featureType,
    isEnabled: enabled.length > 0,
    usageLimit: addLimits(enabled.map((source) => source.usageLimit)),
    isSoftLimit: enabled.some((source) => source.isSoftLimit),
    usageResetPeriod: commonReset(enabled, fromPlan),
    staticValues: [...new Set(enabled.flatMap((source) => source.staticValue ?? []))],
    configValues: enabled.map((source) => source.configValue).filter((value) => value !== null),
    sources,
  };
}

function addLimits(limits: readonly (Decimal | null)[]): Decimal | null {
  const finite = limits.filter((limit) => limit !== null);
  return finite.length < limits.length ? null : sum(finite);
}

/** The most frequent reset period; on a tie the plan's own if it is among the tied, otherwise the shortest. */
function commonReset<Source extends EntitlementTerms>(sources: readonly Source[], fromPlan: (source: Source) => boolean): ResetPeriod | null {
  const votes = Map.groupBy(sources.filter((source) => source.usageResetPeriod !== null), (source) => source.usageResetPeriod as ResetPeriod);
  const most = Math.max(...[...votes.values()].map((voters) => voters.length));
  const tied = RESET_PERIODS.filter((period) => votes.get(period)?.length === most);
  return tied.find((period) => votes.get(period)?.some(fromPlan)) ?? tied[0] ?? null;
}

/**
 * Whether a right with dates of its own counts in a billing period: it does in every period that it touches, with its whole limit,
 * as limits are never cut to the part of a period.
 */
export function countsIn({ startDate, endDate }: Pick<Entitlement, 'startDate' | 'endDate'>, period: Period): boolean {
  return (startDate === null || startDate < period.end) && (endDate === null || endDate > period.start);
}

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
    case 'DAILY': return { rule: 'each_window', windows: [...windowsWithin(period, 'DAY', timezone)] };
    case 'MONTHLY': return { rule: 'each_window', windows: [...windowsWithin(period, 'MONTH', timezone, anchor)] };
    case 'NEVER': return input.additive ? { rule: 'since_start', windows: sinceStart(input) } : whole;
    default: return whole;
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
    case 'whole_period': return over(exactly(1, usages)[0] as Decimal, limit);
    case 'each_window': return sum(usages.map((usage) => over(usage, limit)));
    case 'since_start': {
      const [before, total] = exactly(2, usages) as [Decimal, Decimal];
      return max(over(total, limit).minus(over(before, limit)), ZERO);
    }
  }
}

function sinceStart(input: { period: Period; subscriptionStart: DateTime; entitlementStart: DateTime | null }): Period[] {
  const { period, subscriptionStart, entitlementStart } = input;
  const origin = (entitlementStart === null ? subscriptionStart : later(subscriptionStart, entitlementStart)).toUTC();
  return [{ start: origin, end: later(origin, period.start) }, { start: origin, end: later(origin, period.end) }];
}

function over(usage: Decimal, limit: Decimal): Decimal {
  return max(usage.minus(limit), ZERO);
}

function exactly(count: number, usages: readonly Decimal[]): readonly Decimal[] {
  if (usages.length !== count) throw new RangeError(`expected ${count} usage numbers, got ${usages.length}`);
  return usages;
}
