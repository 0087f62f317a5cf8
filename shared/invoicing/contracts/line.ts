import * as z from 'zod';
import { pageKeys } from '#kernel/pagination.ts';
import { decimalText, entityBase, listOf, metadataText, timeText } from '#kernel/wire.ts';
import { CommitmentInfo, CommittedWindowResponse, LineCalculation } from './calculation.ts';

/** A line without identity. */
export const invoiceLine = z.object({
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
export const InvoiceLineItemResponse = entityBase.extend({ invoice_id: z.string(), ...invoiceLine.shape });

/** A page of an invoice's lines, each with how it was calculated. */
export const ListInvoiceLineItemsResponse = listOf(InvoiceLineItemResponse);
/** A bucket of the meter that was priced on its own. */
export const ListInvoiceLineBucketsResponse = listOf(z.object({ quantity: decimalText }));
export const ListInvoiceLineWindowsResponse = listOf(CommittedWindowResponse);
export const InvoicePartsQuery = z.object(pageKeys);
