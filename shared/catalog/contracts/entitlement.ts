import * as z from 'zod';
import { decimalText, entityBase, timeText, wholeNumber } from '#kernel/wire.ts';
import { FEATURE_TYPES, FeatureResponse } from './feature.ts';

export const ENTITLEMENT_ENTITY_TYPES = ['PLAN', 'SUBSCRIPTION', 'ADDON'] as const;

/** An entitlement without its feature. */
export const EntitlementBase = entityBase.extend({
  entity_type: z.enum(ENTITLEMENT_ENTITY_TYPES),
  entity_id: z.string(),
  plan_id: z.string().optional(),
  feature_id: z.string(),
  feature_type: z.enum(FEATURE_TYPES),
  is_enabled: z.boolean(),
  usage_limit: wholeNumber.optional(),
  usage_reset_period: z.string().optional(),
  is_soft_limit: z.boolean(),
  static_value: z.string().optional(),
  config_value: z.record(z.string(), z.unknown()).optional(),
  display_order: z.int(),
  parent_entitlement_id: z.string().optional(),
  start_date: timeText.optional(),
  end_date: timeText.optional(),
  grant_measure: z.string().optional(),
  grant_duration_value: z.int().optional(),
  grant_duration_unit: z.string().optional(),
  grant_allocation_behavior: z.string().optional(),
  grant_quota: decimalText.optional(),
  aggregation_mode: z.string(),
});
export const EntitlementResponse = EntitlementBase.extend({ feature: FeatureResponse.optional() });
