import * as z from 'zod';
import { listOptions, parseExpand } from '#kernel/pagination.ts';
import { fromWire, successResponse } from '#kernel/wire.ts';
import { pageReply } from '#platform/http/page.ts';
import { ok, type Route, route } from '#platform/http/route.ts';
import {
  GetPreviewInvoiceRequest,
  INVOICE_EXPAND,
  InvoiceListQuery,
  InvoicePreviewResponse,
  InvoiceQuery,
  InvoiceResponse,
  InvoiceSearchRequest,
  ListInvoicesResponse,
} from './contracts.ts';
import type { InvoiceExpansion, InvoiceService } from './service/invoice.ts';
import { invoiceToWire, previewToWire } from './to-wire.ts';

const tag = 'Invoices';
const byId = z.object({ id: z.string() });

export const invoiceRoutes = (invoices: InvoiceService): Route[] => [
  route({
    method: 'GET',
    path: '/v1/invoices',
    operationId: 'listInvoices',
    tag,
    summary: 'List invoices',
    permission: 'authenticated',
    query: InvoiceListQuery,
    responses: { 200: ListInvoicesResponse },
    handler: async ({ ctx, query }) =>
      ok(
        pageReply(
          await invoices.list(ctx, filterOf(fromWire(query)), listOptions(query), expansion(query.expand, !query.skip_line_items)),
          invoiceToWire,
        ),
      ),
  }),
  route({
    method: 'POST',
    path: '/v1/invoices/search',
    operationId: 'queryInvoice',
    tag,
    summary: 'Search invoices',
    permission: 'authenticated',
    body: InvoiceSearchRequest,
    responses: { 200: ListInvoicesResponse },
    handler: async ({ ctx, body }) =>
      ok(
        pageReply(
          await invoices.list(ctx, filterOf(fromWire(body)), listOptions(body), expansion(body.expand, !body.skip_line_items)),
          invoiceToWire,
        ),
      ),
  }),
  route({
    method: 'POST',
    path: '/v1/invoices/preview',
    operationId: 'getInvoicePreview',
    tag,
    summary: 'Preview the next invoice of a subscription',
    permission: 'authenticated',
    body: GetPreviewInvoiceRequest,
    responses: { 200: InvoicePreviewResponse },
    handler: async ({ ctx, body }) => {
      const preview = await invoices.preview(ctx, {
        subscriptionId: body.subscription_id,
        start: body.period_start ?? null,
        end: body.period_end ?? null,
      });
      return ok(previewToWire(preview, { hideZeroLines: body.hide_zero_charges_line_items ?? false }));
    },
  }),
  route({
    method: 'GET',
    path: '/v1/invoices/{id}',
    operationId: 'getInvoice',
    tag,
    summary: 'Get an invoice with its lines and how each was calculated',
    permission: 'authenticated',
    params: byId,
    query: InvoiceQuery,
    responses: { 200: InvoiceResponse },
    handler: async ({ ctx, params, query }) => ok(invoiceToWire(await invoices.view(ctx, params.id, expansion(query.expand, true)))),
  }),
  route({
    method: 'POST',
    path: '/v1/invoices/{id}/finalize',
    operationId: 'finalizeInvoice',
    tag,
    summary: 'Finalize a draft invoice',
    permission: 'write:Invoice',
    params: byId,
    responses: { 200: successResponse },
    handler: async ({ ctx, params }) => {
      await invoices.finalize(ctx, params.id);
      return ok({ message: 'invoice finalized successfully' });
    },
  }),
  route({
    method: 'POST',
    path: '/v1/invoices/{id}/void',
    operationId: 'voidInvoice',
    tag,
    summary: 'Void an invoice',
    permission: 'write:Invoice',
    params: byId,
    responses: { 200: successResponse },
    handler: async ({ ctx, params }) => {
      await invoices.void(ctx, params.id);
      return ok({ message: 'invoice voided successfully' });
    },
  }),
];

function expansion(value: string | null | undefined, lines: boolean): InvoiceExpansion {
  const fields = parseExpand(value, INVOICE_EXPAND);
  return { lines, customer: fields.has('customer'), subscription: fields.has('subscription') || fields.has('subscription.plan') };
}

/** The wire filters by one customer, the repository by any of several. */
function filterOf<F extends { customerId?: string | null | undefined; subscriptionCustomerId?: readonly string[] | null | undefined }>({
  customerId,
  subscriptionCustomerId,
  ...filter
}: F) {
  return { ...filter, customerIds: customerId ? [customerId] : null, subscriptionCustomerIds: subscriptionCustomerId };
}
