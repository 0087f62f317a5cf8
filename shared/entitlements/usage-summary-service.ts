import type { DateTime } from 'luxon';
import { earlier, type Period } from '#kernel/calendar/period.ts';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { type Decimal, ZERO } from '#kernel/decimal.ts';
import { invalidOperation } from '#kernel/errors.ts';
import type { Meter } from '#metering/domain/meter.ts';
import type { CustomerSpan, Usage } from '#metering/domain/usage.ts';
import type { UsageService } from '#metering/service/usage.ts';
import type { Subscription } from '#subscriptions/domain/subscription.ts';
import { type AllowanceWindow, allowanceWindow, billingPeriodAt, combinedWindow } from './domain/allowance-window.ts';
import { usageRatio } from './domain/limit.ts';
import type { CustomerReference, CustomerRights, EntitlementSummaryService, FeatureSummary } from './summary-service.ts';

export interface UsageSummaryDependencies {
  readonly clock: Clock;
  readonly summaries: Pick<EntitlementSummaryService, 'rightsOf'>;
  readonly readUsage: UsageService['meterUsages'];
}
export type UsageSummaryService = ReturnType<typeof createUsageSummaryService>;

/** What is asked for; null does not narrow. */
export interface UsageSummaryFilter {
  readonly featureIds: readonly string[] | null;
  readonly featureLookupKeys: readonly string[] | null;
  readonly subscriptionIds: readonly string[] | null;
}

/** A right with what was used of it. `window` and a usage other than 0 belong to metered features. */
export interface FeatureUsage extends FeatureSummary {
  readonly usage: Decimal;
  readonly ratio: Decimal;
  readonly window: AllowanceWindow | null;
}
export interface CustomerUsage {
  readonly customerId: string;
  readonly features: readonly FeatureUsage[];
  /** The billing period of the oldest subscription. */
  readonly period: (Period & { readonly billingPeriod: Subscription['billingPeriod'] }) | null;
  /** Up to which time of acceptance all usage is complete; null when nothing is stored or nothing was counted. */
  readonly watermark: DateTime | null;
}

/** A window with the time zone in which the days of a bucketed meter are cut: the oldest giving subscription's. */
export interface LimitWindow extends AllowanceWindow {
  readonly timezone: string;
}

/** The window of a metered right: over the subscriptions that give it, or that would if it were enabled. */
export function limitWindow({ entitlement }: FeatureSummary, subscriptions: readonly Subscription[], now: DateTime): LimitWindow {
  const byId = new Map(subscriptions.map((subscription) => [subscription.id, subscription]));
  const giving = entitlement.sources
    .filter((source) => source.isEnabled || !entitlement.isEnabled)
    .map(({ subscriptionId, startDate }) => ({ subscription: byId.get(subscriptionId) as Subscription, startDate }));
  const [first, ...others] = giving.map(({ subscription, startDate }) =>
    allowanceWindow(subscription, entitlement.usageResetPeriod, now, startDate),
  );
  return { ...combinedWindow([first as AllowanceWindow, ...others]), timezone: giving[0]?.subscription.timezone ?? 'UTC' };
}

/** Whose usage is held against a right besides the customer's own. */
export function inheritedBy({ entitlement }: FeatureSummary, inherited: CustomerRights['inherited']): CustomerSpan[] {
  return [...new Set(entitlement.sources.map(({ subscriptionId }) => subscriptionId))].flatMap((id) => inherited.get(id) ?? []);
}

/** The meter of a metered right. Throws `invalid_operation` when it was deleted: usage that cannot be known is not 0 (metering.md Q4). */
export function meterOf({ feature: { feature, meter } }: FeatureSummary): Meter {
  if (meter === null)
    throw invalidOperation('the meter of a feature was deleted, so its usage is not known', {
      feature_id: feature.id,
      meter_id: feature.meterId,
    });
  return meter;
}

/** What customers have used of what they may use (metering.md section 8). */
export function createUsageSummaryService({ clock, summaries, readUsage }: UsageSummaryDependencies) {
  return {
    /** Usage of all features, or of those that the filter names, in one read. Throws NotFound for an unknown customer. */
    async ofCustomer(ctx: RequestContext, reference: CustomerReference, filter: UsageSummaryFilter): Promise<CustomerUsage> {
      const { customer, subscriptions, inherited, summaries: all } = await summaries.rightsOf(ctx, reference, filter.subscriptionIds);
      const now = clock.now();
      const asked = all.filter((summary) => isAsked(summary, filter));
      const metered = asked
        .filter(({ entitlement }) => entitlement.featureType === 'metered')
        .map((summary) => ({ summary, meter: meterOf(summary), window: limitWindow(summary, subscriptions, now) }));
      const usages =
        metered.length === 0
          ? []
          : await readUsage(
              ctx,
              metered.map(({ summary, meter, window: { period, timezone } }) => ({
                meter,
                externalCustomerIds: [customer.externalId],
                inherited: inheritedBy(summary, inherited),
                range: period,
                timezone,
              })),
            );
      const counted = new Map(metered.map(({ summary, window }, index) => [summary, { window, usage: (usages[index] as Usage).value }]));
      const [oldest] = subscriptions;
      return {
        customerId: customer.id,
        features: asked.map((summary) => {
          const { usage, window } = counted.get(summary) ?? { usage: ZERO, window: null };
          return { ...summary, usage, window, ratio: window === null ? ZERO : usageRatio(usage, summary.entitlement.usageLimit) };
        }),
        period: oldest === undefined ? null : { ...billingPeriodAt(oldest, now), billingPeriod: oldest.billingPeriod },
        watermark: usages
          .map(({ watermark }) => watermark)
          .filter((mark) => mark !== null)
          .reduce<DateTime | null>((least, mark) => (least === null ? mark : earlier(least, mark)), null),
      };
    },
  };
}

function isAsked({ feature: { feature } }: FeatureSummary, { featureIds, featureLookupKeys }: UsageSummaryFilter): boolean {
  if (featureIds === null && featureLookupKeys === null) return true;
  return (featureIds ?? []).includes(feature.id) || (feature.lookupKey !== null && (featureLookupKeys ?? []).includes(feature.lookupKey));
}
