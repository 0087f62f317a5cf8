import * as z from 'zod';
import { queryFlag, queryList } from '#kernel/pagination.ts';
import { text } from '#kernel/wire.ts';
import { filtersOn, oneValue, shows } from '#platform/resource/filters.ts';
import { listing } from '#platform/resource/listing.ts';
import type { Invoice } from '../domain/invoice.ts';
import { BILLING_REASONS, INVOICE_STATUSES, INVOICE_TYPES, PAYMENT_STATUSES } from './invoice.ts';

export const INVOICE_EXPAND = [
  'subscription',
  'subscription.plan',
  'customer',
  'line_items.calculation',
  'coupon_applications',
  'coupon_applications.coupon',
  'tax_applied',
  'tax_applied.tax_rate',
] as const;
/** Parameters of a single invoice. Breakdowns by source belong to a later part of metering and are accepted without effect. */
export const InvoiceQuery = z.object({ expand: z.string().max(512).optional(), expand_by_source: queryFlag, group_by: queryList });

const { inList, equals, above, from, upTo } = filtersOn<Invoice>();
export const InvoiceList = listing('invoices', {
  filters: {
    invoice_ids: inList('id'),
    customer_id: equals('customerId'),
    external_customer_id: oneValue(text, () => []),
    subscription_customer_id: inList('subscriptionCustomerId'),
    subscription_id: equals('subscriptionId'),
    invoice_number: equals('invoiceNumber'),
    invoice_type: equals('invoiceType', z.enum(INVOICE_TYPES)),
    invoice_status: inList('invoiceStatus', z.enum(INVOICE_STATUSES)),
    payment_status: inList('paymentStatus', z.enum(PAYMENT_STATUSES)),
    billing_reason: equals('billingReason', z.enum(BILLING_REASONS)),
    currency: oneValue(text, (code: string) => [{ column: 'currency', is: 'eq', value: code.toLowerCase() }]),
    amount_due_gt: above('amountDue'),
    amount_remaining_gt: above('amountRemaining'),
    period_start_gte: from('periodStart'),
    period_start_lte: upTo('periodStart'),
    period_end_gte: from('periodEnd'),
    period_end_lte: upTo('periodEnd'),
    skip_line_items: shows,
  },
  fields: {
    customer_id: 'string',
    subscription_id: 'string',
    invoice_type: 'string',
    invoice_status: 'string',
    payment_status: 'string',
    billing_reason: 'string',
    currency: 'string',
    invoice_number: 'string',
    subtotal: 'number',
    total: 'number',
    amount_due: 'number',
    amount_paid: 'number',
    amount_remaining: 'number',
    due_date: 'date',
    issue_date: 'date',
    period_start: 'date',
    period_end: 'date',
    finalized_at: 'date',
    voided_at: 'date',
    paid_at: 'date',
  },
});
export const InvoiceSearchRequest = InvoiceList.search;
