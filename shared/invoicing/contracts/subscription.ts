import * as z from 'zod';
import { PriceResponse } from '#catalog/contracts/price.ts';
import { decimalText, timeText } from '#kernel/wire.ts';
import { SubscriptionResponse } from '#subscriptions/contracts/subscription.ts';
import { InvoiceResponse } from './invoice.ts';

/** A subscription with what it was billed last. */
export const SubscriptionWithInvoiceResponse = SubscriptionResponse.extend({ latest_invoice: InvoiceResponse.optional() });

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
