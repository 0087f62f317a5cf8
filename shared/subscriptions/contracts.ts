import * as z from 'zod';
import { InvoiceResponse } from '#billing/contracts.ts';
import { PlanBase } from '#catalog/contracts/plan-base.ts';
import { BILLING_PERIODS, PriceResponse, priceTerms } from '#catalog/contracts/price.ts';
import { CustomerResponse } from '#customers/contracts.ts';
import { listQuery, queryFlag, queryList, searchBody } from '#kernel/pagination.ts';
import {
  amountInput,
  currencyInput,
  decimalInput,
  decimalText,
  entityBase,
  listOf,
  metadataInput,
  metadataText,
  requiredText,
  text,
  timeInput,
  timeText,
} from '#kernel/wire.ts';
import { blankable } from '#metering/contracts/meter.ts';
import { MAX_INHERITORS } from './domain/inheritance.ts';

const PERIODS = ['DAILY', 'WEEKLY', 'MONTHLY', 'QUARTERLY', 'HALF_YEARLY', 'ANNUAL'] as const;
const STATUSES = ['active', 'paused', 'cancelled', 'incomplete', 'trialing', 'draft'] as const;
const TYPES = ['standalone', 'delegated_invoicing', 'parent', 'inherited', 'grouped_invoicing'] as const;

const seats = amountInput.refine((value) => value.lt('1e12') && value.decimalPlaces() <= 30, 'must be below 1e12').meta({ type: 'string' });
const OverrideLineItem = z.object({
  ...priceTerms,
  price_id: requiredText,
  billing_model: blankable(priceTerms.billing_model),
  quantity: blankable(seats),
  price_unit_amount: z.unknown().optional(),
  price_unit_tiers: z.unknown().optional(),
});

const committed = amountInput
  .refine((value) => value.lt('1e18') && value.decimalPlaces() <= 30, 'must be below 1e18 and have at most 30 fraction digits')
  .meta({ type: 'number' });
const factor = decimalInput
  .refine((value) => value.gte(1) && value.lt('1e6') && value.decimalPlaces() <= 30, 'must be at least 1')
  .meta({ type: 'number' });
const commitmentType = z.enum(['amount', 'quantity']);
const timeOfDay = z.object({ hour: z.int().min(0).max(24).nullish(), minute: z.int().min(0).max(59).nullish() });

/** A part of the day with a commitment and, if it has one, a price of its own: what else a price has is the line's. */
export const CommitmentBucketRequest = z.object({
  start: timeOfDay,
  end: timeOfDay,
  commitment_type: blankable(commitmentType),
  commitment_value: committed.meta({ type: 'string' }),
  overage_factor: blankable(factor.meta({ type: 'string' })),
  true_up_enabled: z.boolean().nullish(),
  price: z
    .object({
      ...priceTerms,
      billing_model: blankable(priceTerms.billing_model),
      currency: blankable(text),
      meter_id: blankable(text),
      price_unit_type: blankable(z.enum(['FIAT'])),
    })
    .nullish(),
});
/** What the customer commits to on the line of a price (metering.md 7). */
export const LineItemCommitmentConfig = z.object({
  commitment_type: blankable(commitmentType),
  commitment_amount: blankable(committed),
  commitment_quantity: blankable(committed),
  commitment_duration: blankable(z.enum(BILLING_PERIODS)),
  overage_factor: blankable(factor),
  enable_true_up: z.boolean().nullish(),
  is_window_commitment: z.boolean().nullish(),
  commitment_time_buckets: z.array(CommitmentBucketRequest).max(96).nullish(),
});

/** Fields that are known but not billed yet arrive as they came and are refused by the rules, with their names. */
const later = z.unknown().optional();
/** Who inherits the subscription, or which running one the customer inherits instead of having its own (billing.md 4.10). */
export const SubscriptionInheritanceConfig = z.object({
  external_customer_ids_to_inherit_subscription: z.array(requiredText).max(MAX_INHERITORS).nullish(),
  parent_subscription_id: blankable(text),
  grouped_invoicing_children_to_create: later,
  invoicing_customer_external_id: later,
  subscriptions_ids_for_grouped_invoicing: later,
});
export const CreateSubscriptionRequest = z.object({
  customer_id: blankable(text),
  external_customer_id: blankable(text),
  plan_id: requiredText,
  currency: currencyInput,
  lookup_key: blankable(text),
  start_date: blankable(timeInput),
  end_date: blankable(timeInput),
  billing_period: z.enum(PERIODS),
  billing_period_count: z.int().min(1).max(1000).nullish(),
  billing_cycle: blankable(z.enum(['anniversary', 'calendar'])),
  billing_anchor: blankable(timeInput),
  /** Only old clients send it; there is one value. */
  billing_cadence: blankable(z.enum(['RECURRING'])),
  /** Ignored: the customer's wins. */
  timezone: blankable(text),
  subscription_status: blankable(z.enum(STATUSES)),
  collection_method: blankable(z.enum(['charge_automatically', 'send_invoice'])),
  payment_behavior: blankable(z.enum(['allow_incomplete', 'default_incomplete', 'error_if_incomplete', 'default_active'])),
  proration_behavior: blankable(z.enum(['create_prorations', 'none'])),
  payment_terms: blankable(z.enum(['15 NET', '30 NET', '45 NET', '60 NET', '75 NET', '90 NET'])),
  override_line_items: z.array(OverrideLineItem).max(1000).nullish(),
  /** By the id of the price whose line is committed to. */
  line_item_commitments: z.record(z.string().max(255), LineItemCommitmentConfig).nullish(),
  metadata: metadataInput.nullish(),
  inheritance: SubscriptionInheritanceConfig.nullish(),
  addons: later,
  auto_invoice_threshold: later,
  checkout: later,
  commitment_amount: later,
  commitment_duration: later,
  coupons: later,
  credit_grants: later,
  enable_true_up: later,
  gateway_payment_method_id: later,
  line_item_coupons: later,
  line_items: later,
  overage_factor: later,
  override_entitlements: later,
  phases: later,
  subscription_coupons: later,
  tax_rate_overrides: later,
  trial_period_days: later,
});
export type CreateSubscriptionRequest = z.output<typeof CreateSubscriptionRequest>;

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

export const SubscriptionResponse = entityBase.extend({
  lookup_key: z.string().optional(),
  customer_id: z.string(),
  plan_id: z.string(),
  subscription_status: z.enum(STATUSES),
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
  pause_status: z.string(),
  version: z.int(),
  metadata: metadataText,
  plan: PlanBase.optional(),
  customer: CustomerResponse.optional(),
  line_items: z.array(SubscriptionLineItemResponse).optional(),
  latest_invoice: InvoiceResponse.optional(),
});
export const ListSubscriptionsResponse = listOf(SubscriptionResponse);

export const CancelSubscriptionRequest = z.object({
  cancellation_type: z.enum(['immediate', 'end_of_period', 'scheduled_date']),
  cancel_at: blankable(timeInput),
  reason: blankable(text),
  /** Spelled like this on the wire (wire-rules.md section 8). */
  cancel_immediately_inovice_policy: blankable(z.enum(['generate_invoice', 'skip'])),
  proration_behavior: blankable(z.enum(['create_prorations', 'none'])),
});
export const CancelSubscriptionResponse = z.object({
  subscription_id: z.string(),
  cancellation_type: z.string(),
  status: z.string(),
  effective_date: timeText,
  processed_at: timeText,
  reason: z.string().optional(),
  message: z.string(),
  proration_details: z.array(z.unknown()),
  proration_invoice: InvoiceResponse.optional(),
  total_credit_amount: decimalText,
});

export const SUBSCRIPTION_EXPAND = [
  'plan',
  'plan.prices',
  'customer',
  'prices',
  'prices.meters',
  'schedule',
  'coupon_associations',
  'coupon_associations.coupon',
  'coupon',
  'subscription_line_items',
  'subscription_line_items.prices',
  'subscription_line_items.meters',
  'entitlements',
] as const;
export const SubscriptionQuery = z.object({ expand: z.string().max(512).optional() });

const ids = z.array(text).max(1000).nullish();
export const SubscriptionSearchRequest = searchBody({
  subscription_ids: ids,
  customer_id: text.nullish(),
  customer_ids: ids,
  external_customer_id: text.nullish(),
  plan_id: text.nullish(),
  subscription_status: z.array(z.enum(STATUSES)).max(50).nullish(),
  subscription_type: z.array(z.enum(TYPES)).max(50).nullish(),
  billing_period: z.array(z.enum(PERIODS)).max(50).nullish(),
  billing_cadence: z
    .array(z.enum(['RECURRING']))
    .max(50)
    .nullish(),
  parent_subscription_ids: ids,
  active_at: blankable(timeInput),
  with_line_items: z.boolean().nullish(),
});
export const SubscriptionListQuery = listQuery({
  subscription_ids: queryList,
  customer_id: text.optional(),
  customer_ids: queryList,
  external_customer_id: text.optional(),
  plan_id: text.optional(),
  subscription_status: queryList.pipe(z.array(z.enum(STATUSES)).optional()),
  subscription_type: queryList.pipe(z.array(z.enum(TYPES)).optional()),
  billing_period: queryList.pipe(z.array(z.enum(PERIODS)).optional()),
  billing_cadence: queryList.pipe(z.array(z.enum(['RECURRING'])).optional()),
  parent_subscription_ids: queryList,
  active_at: timeInput.optional(),
  with_line_items: queryFlag,
});

export const GetUsageBySubscriptionRequest = z.object({
  subscription_id: requiredText,
  start_time: blankable(timeInput),
  end_time: blankable(timeInput),
  lifetime_usage: z.boolean().nullish(),
});
/** Amounts and quantities are JSON numbers here (wire-rules.md section 8). */
export const GetUsageBySubscriptionResponse = z.object({
  amount: z.number(),
  currency: z.string(),
  display_amount: z.string(),
  start_time: timeText,
  end_time: timeText,
  has_overage: z.boolean(),
  overage_amount: z.number(),
  overage_factor: z.number(),
  commitment_amount: z.number(),
  commitment_utilized: z.number(),
  charges: z.array(
    z.object({
      subscription_line_item_id: z.string(),
      amount: z.number(),
      currency: z.string(),
      display_amount: z.string(),
      quantity: z.number(),
      meter_id: z.string(),
      meter_display_name: z.string(),
      price: PriceResponse,
      is_overage: z.boolean(),
      overage_factor: z.number(),
    }),
  ),
});
