import * as z from 'zod';
import { CustomerResponse } from '#customers/contracts.ts';
import { listQuery, queryFlag, queryList, searchBody } from '#kernel/pagination.ts';
import { decimalInput, decimalText, entityBase, listOf, metadataText, requiredText, text, timeInput, timeText } from '#kernel/wire.ts';

const INVOICE_TYPES = ['SUBSCRIPTION', 'ONE_OFF', 'CREDIT'] as const;
const INVOICE_STATUSES = ['DRAFT', 'FINALIZED', 'VOIDED', 'SKIPPED'] as const;
const PAYMENT_STATUSES = [
  'INITIATED',
  'PENDING',
  'PROCESSING',
  'SUCCEEDED',
  'OVERPAID',
  'FAILED',
  'REFUNDED',
  'PARTIALLY_REFUNDED',
  'VOIDED',
] as const;
const BILLING_REASONS = [
  'SUBSCRIPTION_CREATE',
  'SUBSCRIPTION_CYCLE',
  'SUBSCRIPTION_UPDATE',
  'SUBSCRIPTION_TRIAL_START',
  'SUBSCRIPTION_TRIAL_END',
  'PRORATION',
  'MANUAL',
  'AUTO_INVOICE_THRESHOLD',
  'WALLET_AUTO_TOPUP',
] as const;

const step = z.object({
  quantity: decimalText,
  unit_amount: decimalText,
  flat_amount: decimalText,
  amount: decimalText,
  tier_index: z.int(),
});
const reading = z.object({
  period: z.object({ start: timeText, end: timeText }),
  value: decimalText,
  event_count: z.int(),
  watermark: timeText.optional(),
});

/** A customer that inherits the subscription: its events count from the start to the end, if there is one. */
const customerSpan = z.object({ external_customer_id: z.string(), start: timeText, end: timeText.optional() });

/** The parts add up to the amount of the line or item that they stand on. */
export const CommitmentInfo = z.object({
  type: z.string().optional(),
  amount: decimalText.optional(),
  quantity: decimalText.optional(),
  duration: z.string().optional(),
  overage_factor: decimalText.optional(),
  true_up_enabled: z.boolean(),
  is_windowed: z.boolean(),
  computed_commitment_utilized_amount: decimalText,
  computed_overage_amount: decimalText,
  computed_true_up_amount: decimalText,
});
const split = { base: decimalText, utilized: decimalText, overage: decimalText, true_up: decimalText, charge: decimalText };
const commitment = z.object({ amount: decimalText, overage_factor: decimalText, true_up: z.boolean() });
const clockReading = z.object({ hour: z.int(), minute: z.int() });
const commitmentCalculation = z.object({
  ...split,
  info: CommitmentInfo,
  line: commitment.optional(),
  committed: decimalText,
  time_buckets: z.array(
    z.object({
      id: z.string(),
      start: clockReading,
      end: clockReading,
      price: z.looseObject({ id: z.string() }),
      commitment: commitment.optional(),
    }),
  ),
  windows: z.array(z.object({ ...split, start: timeText, bucket_id: z.string().optional(), quantities: z.array(decimalText) })).optional(),
  empty_windows: z.array(z.object({ bucket_id: z.string().optional(), count: z.int() })),
});

/** What an amount was made from. Beyond the original wire: every number can be explained. */
export const LineCalculation = z.object({
  price: z.looseObject({ id: z.string(), billing_model: z.string(), sequence: z.int() }),
  usage: z
    .object({
      meter: z.looseObject({ id: z.string(), version: z.int() }),
      external_customer_id: z.string(),
      inherited: z.array(customerSpan).optional(),
      readings: z.array(reading),
      buckets: z.array(decimalText).optional(),
    })
    .optional(),
  entitlement: z
    .object({ sources: z.array(z.string()), limit: decimalText.optional(), reset: z.string().optional(), rule: z.string() })
    .optional(),
  quantity_before_entitlement: decimalText,
  quantity: decimalText,
  steps: z.array(step),
  commitment: commitmentCalculation.optional(),
  proration: z.object({ numerator_seconds: decimalText, denominator_seconds: decimalText }).optional(),
  unrounded_amount: decimalText,
  rounding: z.object({ currency: z.string(), digits: z.int(), mode: z.string() }),
  amount: decimalText,
});

const line = z.object({
  customer_id: z.string(),
  subscription_id: z.string().optional(),
  subscription_line_item_id: z.string().optional(),
  entity_id: z.string().optional(),
  entity_type: z.string().optional(),
  plan_display_name: z.string().optional(),
  price_id: z.string().optional(),
  price_type: z.string().optional(),
  meter_id: z.string().optional(),
  meter_display_name: z.string().optional(),
  price_unit: z.string().optional(),
  price_unit_id: z.string().optional(),
  price_unit_amount: decimalText.optional(),
  display_name: z.string(),
  amount: decimalText,
  quantity: decimalText,
  currency: z.string(),
  period_start: timeText.optional(),
  period_end: timeText.optional(),
  adjusted_entitlement_quantity: decimalText.optional(),
  line_item_discount: decimalText,
  invoice_level_discount: decimalText,
  prepaid_credits_applied: decimalText,
  commitment_info: CommitmentInfo.optional(),
  calculation: LineCalculation.optional(),
  metadata: metadataText,
});
export const InvoiceLineItemResponse = entityBase.extend({ invoice_id: z.string(), ...line.shape });

const invoice = z.object({
  customer_id: z.string(),
  subscription_customer_id: z.string().optional(),
  subscription_id: z.string().optional(),
  invoice_type: z.enum(INVOICE_TYPES),
  invoice_status: z.enum(INVOICE_STATUSES),
  payment_status: z.enum(PAYMENT_STATUSES),
  billing_reason: z.enum(BILLING_REASONS),
  currency: z.string(),
  subtotal: decimalText,
  total_discount: decimalText,
  total_prepaid_credits_applied: decimalText,
  total_tax: decimalText,
  total: decimalText,
  adjustment_amount: decimalText,
  refunded_amount: decimalText,
  amount_due: decimalText,
  amount_paid: decimalText,
  amount_remaining: decimalText,
  description: z.string().optional(),
  billing_period: z.string().optional(),
  period_start: timeText.optional(),
  period_end: timeText.optional(),
  due_date: timeText.optional(),
  issue_date: timeText.optional(),
  paid_at: timeText.optional(),
  voided_at: timeText.optional(),
  finalized_at: timeText.optional(),
  last_computed_at: timeText.optional(),
  invoice_number: z.string().optional(),
  billing_sequence: z.int().optional(),
  idempotency_key: z.string().optional(),
  is_manually_edited: z.boolean(),
  version: z.int(),
  metadata: metadataText,
  customer: CustomerResponse.optional(),
  subscription: z.looseObject({ id: z.string() }).optional(),
  taxes: z.array(z.unknown()).optional(),
  coupon_applications: z.array(z.unknown()).optional(),
});
export const InvoiceResponse = entityBase.extend({ ...invoice.shape, line_items: z.array(InvoiceLineItemResponse).optional() });
export const ListInvoicesResponse = listOf(InvoiceResponse);

/** An invoice that was not written: it and its lines have no identity and no history. */
export const InvoicePreviewResponse = invoice.extend({ line_items: z.array(line) });

export const GetPreviewInvoiceRequest = z.object({
  subscription_id: requiredText,
  period_start: timeInput.nullish(),
  period_end: timeInput.nullish(),
  hide_zero_charges_line_items: z.boolean().nullish(),
});

export const INVOICE_EXPAND = [
  'subscription',
  'subscription.plan',
  'customer',
  'coupon_applications',
  'coupon_applications.coupon',
  'tax_applied',
  'tax_applied.tax_rate',
] as const;
/** Parameters of a single invoice. Breakdowns by source belong to a later part of metering and are accepted without effect. */
export const InvoiceQuery = z.object({ expand: z.string().max(512).optional(), expand_by_source: queryFlag, group_by: queryList });

const some = <T extends readonly [string, ...string[]]>(values: T) => z.array(z.enum(values)).max(50).nullish();
const someInQuery = <T extends readonly [string, ...string[]]>(values: T) => queryList.pipe(z.array(z.enum(values)).optional());

export const InvoiceSearchRequest = searchBody({
  invoice_ids: z.array(text).max(1000).nullish(),
  customer_id: text.nullish(),
  external_customer_id: text.nullish(),
  subscription_customer_id: z.array(text).max(1000).nullish(),
  subscription_id: text.nullish(),
  invoice_type: z.enum(INVOICE_TYPES).nullish(),
  invoice_status: some(INVOICE_STATUSES),
  payment_status: some(PAYMENT_STATUSES),
  billing_reason: z.enum(BILLING_REASONS).nullish(),
  currency: text.nullish(),
  amount_due_gt: decimalInput.nullish(),
  amount_remaining_gt: decimalInput.nullish(),
  period_start_gte: timeInput.nullish(),
  period_start_lte: timeInput.nullish(),
  period_end_gte: timeInput.nullish(),
  period_end_lte: timeInput.nullish(),
  skip_line_items: z.boolean().nullish(),
});
export const InvoiceListQuery = listQuery({
  invoice_ids: queryList,
  customer_id: text.optional(),
  external_customer_id: text.optional(),
  subscription_customer_id: queryList,
  subscription_id: text.optional(),
  invoice_type: z.enum(INVOICE_TYPES).optional(),
  invoice_status: someInQuery(INVOICE_STATUSES),
  payment_status: someInQuery(PAYMENT_STATUSES),
  billing_reason: z.enum(BILLING_REASONS).optional(),
  currency: text.optional(),
  amount_due_gt: decimalInput.optional(),
  amount_remaining_gt: decimalInput.optional(),
  period_start_gte: timeInput.optional(),
  period_start_lte: timeInput.optional(),
  period_end_gte: timeInput.optional(),
  period_end_lte: timeInput.optional(),
  skip_line_items: queryFlag,
});
