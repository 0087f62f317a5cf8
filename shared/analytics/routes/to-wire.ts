import { FeatureResponse } from '#catalog/contracts/feature.ts';
import { PlanBase } from '#catalog/contracts/plan-base.ts';
import { PriceResponse } from '#catalog/contracts/price.ts';
import { type Feature, featureView } from '#catalog/domain/feature.ts';
import { type Decimal, sum, ZERO } from '#kernel/decimal.ts';
import { toWire, wireNumber } from '#kernel/wire.ts';
import type { GroupKey } from '#metering/domain/grouped-usage.ts';
import { MeterResponse } from '#metering/contracts/meter.ts';
import { shaped } from '#platform/resource/shape.ts';
import { lineItemToWire } from '#subscriptions/routes/to-wire.ts';
import type { ANALYTICS_EXPAND } from '../contracts/analytics.ts';
import type { CostedPoint, UsageCost } from '../domain/cost.ts';
import type { Analytics, AnalyticsItem } from '../service/analytics.ts';

/** How the request wants the answer shown. */
export interface Shown {
  readonly keys: readonly GroupKey[];
  readonly expand: ReadonlySet<(typeof ANALYTICS_EXPAND)[number]>;
  /** With what each part of the day cost. */
  readonly breakdown: boolean;
}

/** Analytics as the API shows it: decimals are text, exact and unrounded; what is not known is absent. */
export function analyticsToWire(analytics: Analytics, shown: Shown): unknown {
  const { items, truncated } = analytics;
  return {
    ...totalsToWire(items),
    items: items.map((item) => itemToWire(item, analytics, shown)),
    custom_analytics: [],
    ...(truncated.length > 0 && {
      truncated: truncated.map(({ line, groupCount, shown: count, offset }) =>
        toWire({ meterId: line.meter.id, subLineItemId: line.priced?.item.id, groupCount, shown: count, offset }),
      ),
    }),
  };
}

/** Amounts of several currencies have no sum. */
function totalsToWire(items: readonly AnalyticsItem[]): object {
  const currencies = new Set(items.flatMap(({ line }) => line.priced?.item.currency ?? []));
  const [currency] = currencies;
  if (currencies.size !== 1) return {};
  const isWhole = items.every(({ billable, costed }) => billable !== null || costed.cost === null);
  return {
    ...costToWire(sum(items.map(({ costed }) => costed.cost?.amount ?? ZERO))),
    ...(isWhole && { billable_cost: sum(items.map(({ billable }) => billable ?? ZERO)).toFixed() }),
    currency,
  };
}

/** Discounts belong to coupons, of which there are none yet. */
function costToWire(amount: Decimal): object {
  return { subtotal: amount.toFixed(), total_discount: '0', total_cost: amount.toFixed() };
}

function itemToWire(analyticsItem: AnalyticsItem, { plans }: Analytics, { keys, expand, breakdown }: Shown): object {
  const { line, values, costed, billable, commitment, bucketSummaries, windowSize } = analyticsItem;
  const { meter, feature, priced } = line;
  const planId = priced?.item.entityType === 'plan' ? priced.item.entityId : null;
  const plan = plans.get(planId ?? '');
  return {
    ...groupToWire(keys, values),
    ...(toWire({
      featureId: feature?.id,
      meterId: meter.id,
      priceId: priced?.price.id,
      subLineItemId: priced?.item.id,
      subscriptionId: priced?.subscription.id,
      planId,
      name: feature?.name ?? meter.name,
      eventName: meter.eventName,
      unit: feature?.unitSingular,
      unitPlural: feature?.unitPlural,
      aggregationType: meter.aggregation.type,
      totalUsage: costed.value,
      eventCount: costed.eventCount,
      currency: priced?.item.currency,
      commitmentInfo: commitment,
      windowSize,
    }) as object),
    ...reportedToWire(feature, costed.value),
    ...(costed.cost && costToWire(costed.cost.amount)),
    ...(billable && { billable_cost: billable.toFixed() }),
    points: costed.points.map((point) => pointToWire(point, analyticsItem, breakdown)),
    ...(breakdown &&
      priced && { bucket_summaries: bucketSummaries.map(({ bucket, ...summary }) => bucketToWire(bucket, summary, priced.item.id)) }),
    ...(expand.has('price') && priced && { price: shaped(PriceResponse, priced.price) }),
    ...(expand.has('meter') && { meter: shaped(MeterResponse, meter) }),
    ...(expand.has('feature') && feature && { feature: shaped(FeatureResponse, featureView(feature, meter)) }),
    ...(expand.has('subscription_line_item') && priced && { subscription_line_item: lineItemToWire(priced.item) }),
    ...(expand.has('plan') && plan && { plan: shaped(PlanBase, plan) }),
    ...(expand.has('source') && { sources: analyticsItem.sources }),
  };
}

/** A key that the events of a group lack is left out, and not an empty text (metering.md 6.2). */
function groupToWire(keys: readonly GroupKey[], values: readonly (string | null)[]): object {
  const named = keys.map((key, index) => ({ key, value: values[index] ?? null }));
  const source = named.find(({ key }) => key.kind === 'source')?.value;
  return {
    properties: Object.fromEntries(
      named.flatMap(({ key, value }) => (key.kind === 'property' && value !== null ? [[key.key, value]] : [])),
    ),
    ...(source ? { source } : {}),
  };
}

/** Usage in the unit that the feature is reported in (metering.md 3.1). */
function reportedToWire(feature: Feature | null, usage: Decimal): object {
  const rate = feature?.reportingUnitConversionRate ?? null;
  if (feature === null || rate === null) return { total_usage_display: usage.toFixed() };
  return {
    total_usage_display: usage.times(rate).toFixed(),
    reporting_unit: {
      unit_singular: feature.reportingUnitSingular ?? '',
      unit_plural: feature.reportingUnitPlural ?? '',
      conversion_rate: wireNumber(rate),
    },
  };
}

function pointToWire(
  { windowStart, value, eventCount, cost, bucketIds }: CostedPoint,
  { line }: AnalyticsItem,
  breakdown: boolean,
): object {
  const priceIds = new Map((line.priced?.item.commitmentTimeBuckets ?? []).map(({ id, priceId }) => [id, priceId]));
  return {
    ...(toWire({ timestamp: windowStart, usage: value, eventCount }) as object),
    ...(cost && { subtotal: cost.amount.toFixed(), discount: '0', cost: cost.amount.toFixed() }),
    ...splitToWire(cost),
    ...(breakdown && { buckets: bucketIds.map((id) => ({ bucket_id: id, price_id: priceIds.get(id) ?? '' })) }),
  };
}

function splitToWire(cost: UsageCost | null): object {
  if (!cost?.split) return {};
  const { utilized, overage, trueUp } = cost.split;
  return {
    computed_commitment_utilized_amount: utilized.toFixed(),
    computed_overage_amount: overage.toFixed(),
    computed_true_up_amount: trueUp.toFixed(),
  };
}

function bucketToWire(
  bucket: AnalyticsItem['bucketSummaries'][number]['bucket'],
  { commitmentValue, totalUsage, baseCharge, utilized, overage, trueUp }: Omit<AnalyticsItem['bucketSummaries'][number], 'bucket'>,
  lineItemId: string,
): unknown {
  return toWire({
    bucketId: bucket.id,
    subscriptionLineItemId: lineItemId,
    priceId: bucket.priceId,
    start: bucket.start,
    end: bucket.end,
    commitmentType: bucket.commitmentType,
    commitmentValue,
    totalUsage,
    baseCharge,
    computedUtilized: utilized,
    computedOverage: overage,
    computedTrueUp: trueUp,
  });
}
