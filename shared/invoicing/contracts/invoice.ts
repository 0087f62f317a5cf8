import * as z from 'zod';
import { CustomerResponse } from '#customers/contracts.ts';
import { decimalText, entityBase, listOf, metadataText, requiredText, timeInput, timeText } from '#kernel/wire.ts';
import { SubscriptionBase } from '#subscriptions/contracts/subscription.ts';
import { COMPUTATION_STATES } from '../domain/computation.ts';
import { INVOICE_STATES, PAYMENT_STATES } from '../domain/states.ts';
import { InvoiceLineItemResponse, invoiceLine } from './line.ts';

export const INVOICE_TYPES = ['SUBSCRIPTION', 'ONE_OFF', 'CREDIT'] as const;
export const INVOICE_STATUSES = INVOICE_STATES.states;
export const PAYMENT_STATUSES = PAYMENT_STATES.states;
export const BILLING_REASONS = [
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

const invoice = z.object({
  customer_id: z.string(),
  subscription_customer_id: z.string().optional(),
  subscription_id: z.string().optional(),
  invoice_type: z.enum(INVOICE_TYPES),
  invoice_status: z.enum(INVOICE_STATUSES).describe(INVOICE_STATES.describe()),
  payment_status: z.enum(PAYMENT_STATUSES).describe(PAYMENT_STATES.describe()),
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
  taxes: z.array(z.unknown()).optional(),
  coupon_applications: z.array(z.unknown()).optional(),
});
/** How far the computation of an invoice is. Beyond the original wire: a draft that waits or cannot be computed says why. */
const computation = z.object({
  state: z
    .enum(COMPUTATION_STATES)
    .describe('pending: not computed yet. waiting: for the event log or an engine. failed: it cannot be computed as things are.'),
  reason: z.string().optional(),
  next_attempt_at: timeText.optional(),
});
/** What a discount, credit or tax was made from. */
const stageRecord = z.object({
  stage: z.string(),
  steps: z.array(
    z.object({
      source: z.object({ type: z.string(), id: z.string() }),
      line_item_id: z.string().optional(),
      base: decimalText,
      amount: decimalText,
      terms: z.record(z.string(), z.string()),
    }),
  ),
});
/** An invoice without what it holds and refers to. */
export const InvoiceBase = entityBase.extend({ ...invoice.shape, computation, stages: z.array(stageRecord) });
/** What was asked for and would have made the answer too large. Lines have a list of their own. */
const leftOut = z.array(z.enum(['line_items', 'line_items.calculation']));
const parts = { customer: CustomerResponse.optional(), subscription: SubscriptionBase.optional(), left_out: leftOut.optional() };
export const InvoiceResponse = InvoiceBase.extend({ ...parts, line_items: z.array(InvoiceLineItemResponse).optional() });
export const ListInvoicesResponse = listOf(InvoiceResponse);

/** An invoice that was not written: it and its lines have no identity and no history. */
export const InvoicePreviewResponse = invoice.extend({ ...parts, line_items: z.array(invoiceLine).optional() });

export const GetPreviewInvoiceRequest = z.object({
  subscription_id: requiredText,
  period_start: timeInput.nullish(),
  period_end: timeInput.nullish(),
  hide_zero_charges_line_items: z.boolean().nullish(),
});
