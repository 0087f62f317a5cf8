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
import { type AllowanceNow, allowanceAt, startOf } from '../domain/allowance.ts';
import { type AllowanceWindow, allowanceWindow, billingPeriodAt, combinedWindow } from '../domain/allowance-window.ts';
import { usageRatio } from '../domain/limit.ts';
import type { CustomerReference, CustomerRights, EntitlementSource, EntitlementSummaryService, FeatureSummary } from './summary.ts';

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
  /** Where several subscriptions give the feature: what was used of the allowance of each. */
  readonly used: readonly UsedShare[];
}
export interface UsedShare extends SubscriptionShare {
  readonly usage: Decimal;
}
export interface CustomerUsage {
  readonly customerId: string;
  readonly features: readonly FeatureUsage[];
  /** The billing period of the oldest subscription. */
  readonly period: (Period & { readonly billingPeriod: Subscription['billingPeriod'] }) | null;
  /** Up to which time of acceptance all usage is complete; null when nothing is stored or nothing was counted. */
  readonly watermark: DateTime | null;
}

/** A window with the time zone in which the days of a bucketed meter are cut, and whose usage is counted besides the customer's own. */
export interface CountedWindow extends AllowanceWindow {
  readonly timezone: string;
  readonly inherited: readonly CustomerSpan[];
}

/** What one subscription allows of a feature now, of the usage of its own window. */
export interface SubscriptionShare extends AllowanceNow<EntitlementSource> {
  readonly subscription: Subscription;
  readonly counted: CountedWindow;
}

/** The shares of a metered right: of the subscriptions that give it, or of those that would if it were enabled. */
export function sharesOf(
  { entitlement, shares }: FeatureSummary,
  inherited: CustomerRights['inherited'],
  now: DateTime,
): SubscriptionShare[] {
  return shares
    .map(({ subscription, rhythm, sources }): SubscriptionShare => {
      const allowance = allowanceAt(sources, rhythm, now);
      const counted = { ...allowance.window, timezone: subscription.timezone, inherited: inherited.get(subscription.id) ?? [] };
      return { ...allowance, subscription, counted };
    })
    .filter((share) => share.entitlement?.isEnabled || !entitlement.isEnabled);
}

/**
 * One window for all subscriptions that give a right, in which each event counts once: by the reset period that they have together
 * (billing.md 3.7, merging). Of one subscription it is that of its share.
 */
export function commonWindow({ entitlement, shares }: FeatureSummary, giving: readonly SubscriptionShare[], now: DateTime): CountedWindow {
  const [first, ...others] = giving as [SubscriptionShare, ...SubscriptionShare[]];
  if (others.length === 0) return first.counted;
  const windowOf = ({ subscription, entitlement: own }: SubscriptionShare): AllowanceWindow => {
    const rhythm = shares.find((share) => share.subscription.id === subscription.id)?.rhythm ?? { subscription, line: null };
    return allowanceWindow(rhythm, entitlement.usageResetPeriod, now, startOf(own?.sources ?? []));
  };
  return {
    ...combinedWindow([windowOf(first), ...others.map(windowOf)]),
    timezone: first.counted.timezone,
    inherited: giving.flatMap(({ counted }) => counted.inherited),
  };
}

/** The meter of a metered right. Throws `invalid_operation` when it was deleted: usage that cannot be known is not 0 (metering.md Q4). */
export function meterOf({ feature }: FeatureSummary): Meter {
  if (feature.meter === null)
    throw invalidOperation('the meter of a feature was deleted, so its usage is not known', {
      feature_id: feature.id,
      meter_id: feature.meterId,
    });
  return feature.meter;
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
        .map((summary) => {
          const shares = sharesOf(summary, inherited, now);
          const window = commonWindow(summary, shares, now);
          return { summary, meter: meterOf(summary), window, shares: shares.length > 1 ? shares : [] };
        });
      const usages = await readUsage(
        ctx,
        metered.flatMap(({ meter, window, shares }) =>
          [window, ...shares.map(({ counted }) => counted)].map(({ period, timezone, inherited: besides }) => ({
            meter,
            externalCustomerIds: [customer.externalId],
            inherited: besides,
            range: period,
            timezone,
          })),
        ),
      );
      const counted = new Map<FeatureSummary, Pick<FeatureUsage, 'usage' | 'window' | 'used'>>();
      let next = 0;
      const nextUsage = (): Decimal => (usages[next++] as Usage).value;
      for (const { summary, window, shares } of metered)
        counted.set(summary, { window, usage: nextUsage(), used: shares.map((share) => ({ ...share, usage: nextUsage() })) });
      const [oldest] = subscriptions;
      return {
        customerId: customer.id,
        features: asked.map((summary) => {
          const { usage, window, used } = counted.get(summary) ?? { usage: ZERO, window: null, used: [] };
          return { ...summary, usage, window, used, ratio: window === null ? ZERO : usageRatio(usage, summary.entitlement.usageLimit) };
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

function isAsked({ feature }: FeatureSummary, { featureIds, featureLookupKeys }: UsageSummaryFilter): boolean {
  if (featureIds === null && featureLookupKeys === null) return true;
  return (featureIds ?? []).includes(feature.id) || (feature.lookupKey !== null && (featureLookupKeys ?? []).includes(feature.lookupKey));
}
