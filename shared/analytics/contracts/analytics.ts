import * as z from 'zod';
import { recordOf } from '#kernel/records.ts';
import { CommitmentInfo } from '#invoicing/contracts/calculation.ts';
import { FeatureResponse } from '#catalog/contracts/feature.ts';
import { PlanBase } from '#catalog/contracts/plan-base.ts';
import { PriceResponse } from '#catalog/contracts/price.ts';
import { decimalText, requiredText, text, timeInput, timeText } from '#kernel/wire.ts';
import { blankable, MeterResponse, windowSize } from '#metering/contracts/meter.ts';
import { MAX_GROUPS } from '#metering/domain/grouped-usage.ts';
import { AGGREGATION_TYPES } from '#metering/domain/meter.ts';
import { SubscriptionLineItemResponse } from '#subscriptions/contracts/subscription.ts';

export const ANALYTICS_EXPAND = ['price', 'meter', 'feature', 'subscription_line_item', 'plan', 'addon', 'source'] as const;

const ids = z.array(requiredText.max(255)).max(100).nullish();
/** A dot has no meaning: `properties.a.b` is the first-level key `a.b` (metering.md Q2). */
const groupKey = (fixed: readonly string[]) =>
  z
    .string()
    .max(300)
    .refine((key) => fixed.includes(key) || /^properties\..{1,255}$/s.test(key), `must be ${fixed.join(', ')} or properties.<key>`)
    .refine((key) => !key.includes('\u0000'), 'must not contain NUL');

const question = {
  external_customer_id: requiredText.max(512),
  feature_ids: ids,
  sources: z.array(text.max(512)).max(1000).nullish(),
  start_time: blankable(timeInput),
  end_time: blankable(timeInput),
  window_size: blankable(windowSize),
  expand: z.array(z.enum(ANALYTICS_EXPAND)).max(20).nullish(),
  property_filters: recordOf(z.string().max(255), z.array(text).max(1000)).nullish(),
  /** Also the usage of the customers that inherit the subscriptions, as one usage with the customer's own. */
  include_children: z.boolean().nullish(),
  /** Groups per line, those with most events first, after so many others. Beyond the original wire (metering.md Q1). */
  limit: z.int().min(1).max(MAX_GROUPS).nullish(),
  offset: z.int().min(0).max(1_000_000).nullish(),
  /** Adds what each part of the day cost to lines that have a commitment for it. */
  breakdown_bucket: z.boolean().nullish(),
};

export const GetUsageAnalyticsRequest = z.object({
  ...question,
  group_by: z
    .array(groupKey(['source', 'feature_id']))
    .max(10)
    .nullish(),
});
export type GetUsageAnalyticsRequest = z.output<typeof GetUsageAnalyticsRequest>;

export const MeterUsageDetailedAnalyticsRequest = z.object({
  ...question,
  group_by: z
    .array(groupKey(['source', 'feature_id', 'meter_id']))
    .max(10)
    .nullish(),
  meter_ids: ids,
  billing_anchor: blankable(timeInput),
});
export type MeterUsageDetailedAnalyticsRequest = z.output<typeof MeterUsageDetailedAnalyticsRequest>;

const computed = {
  computed_commitment_utilized_amount: decimalText.optional(),
  computed_overage_amount: decimalText.optional(),
  computed_true_up_amount: decimalText.optional(),
};
const clockReading = z.object({ hour: z.int(), minute: z.int() });

export const UsageAnalyticPoint = z.object({
  timestamp: timeText,
  usage: decimalText,
  subtotal: decimalText.optional(),
  discount: decimalText.optional(),
  cost: decimalText.optional(),
  event_count: z.int(),
  ...computed,
  buckets: z.array(z.object({ bucket_id: z.string(), price_id: z.string() })).optional(),
});
const BucketSummary = z.object({
  bucket_id: z.string(),
  subscription_line_item_id: z.string(),
  price_id: z.string(),
  start: clockReading,
  end: clockReading,
  commitment_type: z.string(),
  commitment_value: decimalText,
  total_usage: decimalText,
  base_charge: decimalText,
  computed_utilized: decimalText,
  computed_overage: decimalText,
  computed_true_up: decimalText,
});

/** What an invoice of the range would charge, unrounded: `total_cost` less what entitlements include. Left out for parts of the usage: groups, filters, sources. */
const billableCost = decimalText.optional();

/** Usage of a line of a subscription, or of a group of its events. Without a subscription there is no cost. */
export const UsageAnalyticItem = z.object({
  feature_id: z.string().optional(),
  price_id: z.string().optional(),
  meter_id: z.string(),
  sub_line_item_id: z.string().optional(),
  subscription_id: z.string().optional(),
  plan_id: z.string().optional(),
  price: PriceResponse.optional(),
  meter: MeterResponse.optional(),
  feature: FeatureResponse.optional(),
  subscription_line_item: SubscriptionLineItemResponse.optional(),
  plan: PlanBase.optional(),
  name: z.string(),
  event_name: z.string(),
  source: z.string().optional(),
  sources: z.array(z.string()).optional(),
  unit: z.string().optional(),
  unit_plural: z.string().optional(),
  aggregation_type: z.enum(AGGREGATION_TYPES),
  total_usage: decimalText,
  total_usage_display: decimalText,
  reporting_unit: z.object({ unit_singular: z.string(), unit_plural: z.string(), conversion_rate: z.number() }).optional(),
  subtotal: decimalText.optional(),
  total_discount: decimalText.optional(),
  total_cost: decimalText.optional(),
  billable_cost: billableCost,
  currency: z.string().optional(),
  event_count: z.int(),
  properties: z.record(z.string(), z.string()),
  commitment_info: CommitmentInfo.optional(),
  points: z.array(UsageAnalyticPoint),
  window_size: windowSize.optional(),
  bucket_summaries: z.array(BucketSummary).optional(),
});

export const GetUsageAnalyticsResponse = z.object({
  /** Left out without a cost, and where subscriptions in several currencies have no common sum. */
  subtotal: decimalText.optional(),
  total_discount: decimalText.optional(),
  total_cost: decimalText.optional(),
  billable_cost: billableCost,
  currency: z.string().optional(),
  items: z.array(UsageAnalyticItem),
  custom_analytics: z.array(z.unknown()),
  /** Lines with more groups than are shown: so many after `offset` others. Sums above are of what is shown. Beyond the original wire (metering.md Q1). */
  truncated: z
    .array(
      z.object({ meter_id: z.string(), sub_line_item_id: z.string().optional(), group_count: z.int(), shown: z.int(), offset: z.int() }),
    )
    .optional(),
});

/** A question about usage whose customer is the session's. */
export const PortalAnalyticsRequest = GetUsageAnalyticsRequest.omit({ external_customer_id: true, include_children: true });
