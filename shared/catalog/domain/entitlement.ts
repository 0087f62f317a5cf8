import type { DateTime } from 'luxon';
import type { Decimal } from '#kernel/decimal.ts';
import type { Period } from '#kernel/calendar/period.ts';
import type { FeatureType } from './feature.ts';

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

/**
 * Whether a right with dates of its own counts in a billing period: it does in every period that it touches, with its whole limit,
 * as limits are never cut to the part of a period.
 */
export function countsIn({ startDate, endDate }: Pick<Entitlement, 'startDate' | 'endDate'>, period: Period): boolean {
  return (startDate === null || startDate < period.end) && (endDate === null || endDate > period.start);
}
