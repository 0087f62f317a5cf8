import * as z from 'zod';
import { PlanBase } from '#catalog/contracts/plan-base.ts';
import { PriceResponse } from '#catalog/contracts/price.ts';
import { CustomerResponse } from '#customers/contracts.ts';
import { decimalText, entityBase, listOf, metadataText, timeText } from '#kernel/wire.ts';
import { SUBSCRIPTION_STATES } from '../domain/states.ts';

export const PERIODS = ['DAILY', 'WEEKLY', 'MONTHLY', 'QUARTERLY', 'HALF_YEARLY', 'ANNUAL'] as const;
export const STATUSES = SUBSCRIPTION_STATES.states;
export const TYPES = ['standalone', 'delegated_invoicing', 'parent', 'inherited', 'grouped_invoicing'] as const;

const clockReading = z.object({ hour: z.int(), minute: z.int() });
const TimeOfDayBucket = z.object({
  id: z.string(),
  start: clockReading,
  end: clockReading,
  price_id: z.string(),
  commitment_type: z.string(),
  commitment_value: decimalText,
  overage_factor: z.number(),
  true_up_enabled: z.boolean(),
});

export const SubscriptionLineItemResponse = entityBase.extend({
  subscription_id: z.string(),
  customer_id: z.string(),
  entity_id: z.string(),
  entity_type: z.string(),
  plan_display_name: z.string().optional(),
  price_id: z.string(),
  price_type: z.string(),
  meter_id: z.string().optional(),
  meter_display_name: z.string().optional(),
  price_unit: z.string().optional(),
  price_unit_id: z.string().optional(),
  display_name: z.string(),
  quantity: decimalText,
  currency: z.string(),
  billing_period: z.string(),
  billing_period_count: z.int(),
  invoice_cadence: z.string(),
  start_date: timeText,
  end_date: timeText.optional(),
  metadata: metadataText,
  price: PriceResponse.optional(),
  commitment_type: z.string().optional(),
  commitment_amount: decimalText.optional(),
  commitment_quantity: decimalText.optional(),
  commitment_overage_factor: decimalText.optional(),
  commitment_true_up_enabled: z.boolean(),
  commitment_windowed: z.boolean(),
  commitment_duration: z.string().optional(),
  commitment_time_buckets: z.array(TimeOfDayBucket),
});

/** A subscription without what it refers to. */
export const SubscriptionBase = entityBase.extend({
  lookup_key: z.string().optional(),
  customer_id: z.string(),
  plan_id: z.string(),
  subscription_status: z.enum(STATUSES).describe(SUBSCRIPTION_STATES.describe()),
  subscription_type: z.enum(TYPES),
  parent_subscription_id: z.string().optional(),
  currency: z.string(),
  billing_cadence: z.string(),
  billing_cycle: z.string(),
  billing_period: z.enum(PERIODS),
  billing_period_count: z.int(),
  billing_anchor: timeText,
  timezone: z.string(),
  start_date: timeText,
  end_date: timeText.optional(),
  current_period_start: timeText,
  current_period_end: timeText,
  cancel_at: timeText.optional(),
  cancel_at_period_end: z.boolean(),
  cancelled_at: timeText.optional(),
  cancellation_reason: z.string().optional(),
  collection_method: z.string(),
  payment_behavior: z.string(),
  proration_behavior: z.string(),
  payment_terms: z.string().optional(),
  gateway_payment_method_id: z.string().optional(),
  pause_status: z.string(),
  version: z.int(),
  metadata: metadataText,
});
export const SubscriptionResponse = SubscriptionBase.extend({
  plan: PlanBase.optional(),
  customer: CustomerResponse.optional(),
  line_items: z.array(SubscriptionLineItemResponse).optional(),
});
export const ListSubscriptionsResponse = listOf(SubscriptionResponse);
