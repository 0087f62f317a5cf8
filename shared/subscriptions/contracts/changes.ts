import * as z from 'zod';
import { priceTerms } from '#catalog/contracts/price.ts';
import { amountInput, currencyInput, metadataInput, requiredText, text, timeInput } from '#kernel/wire.ts';
import { recordOf } from '#kernel/records.ts';
import { blankable } from '#metering/contracts/meter.ts';
import { MAX_INHERITORS } from '../domain/inheritance.ts';
import { LineItemCommitmentConfig } from './commitments.ts';
import { PERIODS, STATUSES } from './subscription.ts';

const seats = amountInput.refine((value) => value.lt('1e12') && value.decimalPlaces() <= 30, 'must be below 1e12').meta({ type: 'string' });
const OverrideLineItem = z.object({
  ...priceTerms,
  price_id: requiredText,
  billing_model: blankable(priceTerms.billing_model),
  quantity: blankable(seats),
  price_unit_amount: z.unknown().optional(),
  price_unit_tiers: z.unknown().optional(),
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
  subscription_status: blankable(z.enum(STATUSES)),
  collection_method: blankable(z.enum(['charge_automatically', 'send_invoice'])),
  payment_behavior: blankable(z.enum(['allow_incomplete', 'default_incomplete', 'error_if_incomplete', 'default_active'])),
  proration_behavior: blankable(z.enum(['create_prorations', 'none'])),
  payment_terms: blankable(z.enum(['15 NET', '30 NET', '45 NET', '60 NET', '75 NET', '90 NET'])),
  override_line_items: z.array(OverrideLineItem).max(1000).nullish(),
  /** By the id of the price whose line is committed to. */
  line_item_commitments: recordOf(z.string().max(255), LineItemCommitmentConfig).nullish(),
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

export const CancelSubscriptionRequest = z.object({
  cancellation_type: z.enum(['immediate', 'end_of_period', 'scheduled_date']),
  cancel_at: blankable(timeInput),
  reason: blankable(text),
  /** Spelled like this on the wire (wire-rules.md section 8). */
  cancel_immediately_inovice_policy: blankable(z.enum(['generate_invoice', 'skip'])),
  proration_behavior: blankable(z.enum(['create_prorations', 'none'])),
});
