import * as z from 'zod';
import { ENTITLEMENT_ENTITY_TYPES, EntitlementResponse } from '#catalog/contracts/entitlement.ts';
import { FEATURE_TYPES, FeatureResponse } from '#catalog/contracts/feature.ts';
import { queryList } from '#kernel/pagination.ts';
import {
  amountInput,
  decimalText,
  listOf,
  MAX_INT64,
  objectInput,
  requiredText,
  text,
  timeInput,
  timeText,
  wholeInput,
  wholeNumber,
} from '#kernel/wire.ts';
import { blankable } from '#metering/contracts/meter.ts';
import { isCountable } from '#ingestion/domain/properties.ts';
import { filtersOn, flag, manyValues } from '#platform/resource/filters.ts';
import { listing } from '#platform/resource/listing.ts';
import type { Entitlement } from '#catalog/domain/entitlement.ts';
import { CHECK_REASONS } from './domain/limit.ts';

const RESET_PERIODS = ['DAILY', 'WEEKLY', 'MONTHLY', 'QUARTERLY', 'HALF_YEARLY', 'ANNUAL', 'NEVER'] as const;

const terms = {
  is_enabled: z.boolean().nullish(),
  /** In meter units; null is unlimited. */
  usage_limit: wholeInput(MAX_INT64).nullish(),
  usage_reset_period: blankable(z.enum(RESET_PERIODS)),
  is_soft_limit: z.boolean().nullish(),
  static_value: text.nullish(),
  config_value: objectInput.nullish(),
  aggregation_mode: blankable(z.enum(['additive', 'parallel'])),
  grant_measure: blankable(z.enum(['quantity', 'amount'])),
  grant_duration_value: z.int().nullish(),
  grant_duration_unit: blankable(z.enum(['hour', 'day', 'week', 'subscription_period'])),
  grant_allocation_behavior: blankable(z.enum(['first_usage', 'unit_start'])),
  grant_quota: blankable(amountInput),
};

/** `plan_id` is short for entity_type PLAN with that entity_id. */
export const CreateEntitlementRequest = z.object({
  entity_type: blankable(z.enum(ENTITLEMENT_ENTITY_TYPES)),
  entity_id: text.nullish(),
  plan_id: text.nullish(),
  feature_id: requiredText,
  feature_type: z.enum(FEATURE_TYPES),
  ...terms,
  parent_entitlement_id: text.nullish(),
  start_date: timeInput.nullish(),
  end_date: timeInput.nullish(),
});
export type CreateEntitlementRequest = z.output<typeof CreateEntitlementRequest>;
export const CreateBulkEntitlementRequest = z.object({ items: z.array(CreateEntitlementRequest).min(1).max(1000) });

/** What is left out stays as it is; `usage_limit: null` lifts the limit. */
export const UpdateEntitlementRequest = z.object({ ...terms, clear_grant_config: z.boolean().nullish() });
export type UpdateEntitlementRequest = z.output<typeof UpdateEntitlementRequest>;

export const ListEntitlementsResponse = listOf(EntitlementResponse);
export const CreateBulkEntitlementResponse = z.object({ items: z.array(EntitlementResponse) });

export const ENTITLEMENT_EXPAND = ['features', 'feature'] as const;

const { inList, equals, isTrue } = filtersOn<Entitlement>();
export const EntitlementList = listing('entitlements', {
  filters: {
    entity_type: equals('entityType', z.enum(ENTITLEMENT_ENTITY_TYPES)),
    entity_ids: inList('entityId'),
    plan_ids: manyValues(text, (values) => [
      { column: 'entityType', is: 'eq', value: 'PLAN' },
      { column: 'entityId', is: 'in', values },
    ]),
    feature_ids: inList('featureId'),
    feature_type: equals('featureType', z.enum(FEATURE_TYPES)),
    is_enabled: isTrue('isEnabled'),
    has_grant_config: flag((given) => [{ column: 'grantMeasure', is: given ? 'set' : 'unset' }]),
  },
  fields: {
    entity_type: 'string',
    entity_id: 'string',
    feature_id: 'string',
    feature_type: 'string',
    usage_limit: 'number',
    usage_reset_period: 'string',
    static_value: 'string',
    display_order: 'integer',
    parent_entitlement_id: 'string',
    start_date: 'date',
    end_date: 'date',
  },
});
export const EntitlementSearchRequest = EntitlementList.search;

export const EntitlementSource = z.object({
  entitlement_id: z.string(),
  entity_id: z.string(),
  entity_type: z.enum(['plan', 'addon', 'subscription']),
  entity_name: z.string(),
  subscription_id: z.string(),
  quantity: z.int(),
  is_enabled: z.boolean(),
  usage_limit: wholeNumber.optional(),
  usage_reset_period: z.string().optional(),
  static_value: z.string().optional(),
  config_value: z.record(z.string(), z.unknown()).optional(),
});

/** What all sources of a feature give together (billing.md 3.7, merging). */
const AggregatedFeature = z.object({
  feature: FeatureResponse,
  entitlement: z.object({
    is_enabled: z.boolean(),
    is_soft_limit: z.boolean(),
    usage_limit: wholeNumber.optional(),
    usage_reset_period: z.string().optional(),
    aggregation_mode: z.string(),
    static_values: z.array(z.string()),
    config_values: z.array(z.record(z.string(), z.unknown())),
  }),
  sources: z.array(EntitlementSource),
});
export const CustomerEntitlementsResponse = z.object({ customer_id: z.string(), features: z.array(AggregatedFeature) });
export const SubscriptionEntitlementsResponse = z.object({
  subscription_id: z.string(),
  plan_id: z.string(),
  features: z.array(AggregatedFeature),
});

const narrowing = { feature_ids: queryList, feature_lookup_keys: queryList, subscription_ids: queryList };
/** Features by id or by lookup key: those of both lists together. */
export const CustomerUsageSummaryQuery = z.object({ customer_id: text.optional(), customer_lookup_key: text.optional(), ...narrowing });
export const UsageSummaryOfCustomerQuery = z.object(narrowing);

/** What was used of the allowance of one subscription: an event uses up that of each subscription that bills it. */
export const SubscriptionShare = z.object({
  subscription_id: z.string(),
  usage: decimalText,
  limit: decimalText.optional(),
  remaining: decimalText.optional(),
  is_unlimited: z.boolean(),
  is_soft_limit: z.boolean(),
  usage_reset_period: z.string().optional(),
  period_start: timeText,
  next_usage_reset_at: timeText.optional(),
});
const shares = z.array(SubscriptionShare).optional().meta({
  description: 'Where several subscriptions give the feature: the share of each. More may be used while one of them covers it',
});

/** `usage_percent` is a ratio: 0.5 is half of the limit. `next_usage_reset_at` is absent where usage never resets or is not counted. */
export const FeatureUsageSummary = z.object({
  feature: FeatureResponse,
  total_limit: wholeNumber.optional(),
  is_unlimited: z.boolean(),
  current_usage: decimalText,
  usage_percent: decimalText,
  is_enabled: z.boolean(),
  is_soft_limit: z.boolean(),
  next_usage_reset_at: timeText.optional(),
  subscriptions: shares,
  sources: z.array(EntitlementSource),
});
/** `period` is the billing period of the oldest of the subscriptions; absent without one. All features come in one page. */
export const CustomerUsageSummaryResponse = z.object({
  customer_id: z.string(),
  features: z.array(FeatureUsageSummary),
  period: z.object({ start_time: timeText, end_time: timeText, period: z.string() }).optional(),
  pagination: z.object({ total: z.int(), limit: z.int(), offset: z.int() }),
});

/** `feature` is an id or a lookup key; `quantity` is what is wanted on top of what was used, 1 unless told. */
export const CheckEntitlementQuery = z.object({
  feature: requiredText,
  quantity: amountInput
    .refine(isCountable, 'must be below 1e30 and have at most 36 fraction digits')
    .meta({ type: 'string', description: 'Decimal number as text, 1 when it is left out' })
    .optional(),
});

/** `usage`, `limit`, `remaining` and the window belong to metered features; `limit` and `remaining` are absent without a limit. `watermark` says up to when usage is complete. */
export const CheckEntitlementResponse = z.object({
  allowed: z.boolean(),
  reason: z.enum(CHECK_REASONS),
  customer_id: z.string(),
  feature_id: z.string(),
  feature_lookup_key: z.string().optional(),
  feature_type: z.enum(FEATURE_TYPES),
  requested_quantity: decimalText,
  usage: decimalText.optional(),
  limit: decimalText.optional(),
  remaining: decimalText.optional(),
  is_soft_limit: z.boolean(),
  is_unlimited: z.boolean(),
  usage_reset_period: z.string().optional(),
  period_start: timeText.optional(),
  next_usage_reset_at: timeText.optional(),
  watermark: timeText.optional(),
  subscriptions: shares,
  static_values: z.array(z.string()).optional(),
  config_values: z.array(z.record(z.string(), z.unknown())).optional(),
});
