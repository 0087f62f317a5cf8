import { parseExpand } from '#kernel/pagination.ts';
import { successResponse } from '#kernel/wire.ts';
import { ok, type Route, route } from '#platform/http/route.ts';
import { byId, crudRoutes } from '#platform/resource/routes.ts';
import { GetPreviewInvoiceRequest, InvoicePreviewResponse, InvoiceResponse, ListInvoicesResponse } from '../contracts/invoice.ts';
import { INVOICE_EXPAND, InvoiceList, InvoiceQuery } from '../contracts/queries.ts';
import type { InvoiceService } from '../service/invoice.ts';
import type { LineDetail } from '../domain/shown-lines.ts';
import type { InvoiceExpansion } from '../service/views.ts';
import { invoicePartRoutes } from './parts.ts';
import { invoiceToWire, previewToWire } from './to-wire.ts';

const tag = 'Invoices';

export const invoiceRoutes = (invoices: InvoiceService): Route[] => [
  ...crudRoutes({
    tag,
    path: '/v1/invoices',
    entity: 'Invoice',
    response: InvoiceResponse,
    list: {
      listing: InvoiceList,
      response: ListInvoicesResponse,
      expand: INVOICE_EXPAND,
      get: { operationId: 'listInvoices', summary: 'List invoices' },
      search: { operationId: 'queryInvoice', summary: 'Search invoices' },
      show: invoiceToWire,
      run: (ctx, request, expand, { external_customer_id: external, skip_line_items: bare }) =>
        invoices.list(
          ctx,
          request,
          (external as string | undefined) || null,
          expansion(expand, bare === true ? 'none' : expand.has('line_items.calculation') ? 'explained' : 'bare'),
        ),
    },
  }),
  route({
    method: 'POST',
    path: '/v1/invoices/preview',
    operationId: 'getInvoicePreview',
    tag,
    summary: 'Preview the next invoice of a subscription',
    permission: 'read:Invoice',
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
    permission: 'read:Invoice',
    params: byId,
    query: InvoiceQuery,
    responses: { 200: InvoiceResponse },
    handler: async ({ ctx, params, query }) =>
      ok(invoiceToWire(await invoices.view(ctx, params.id, expansion(parseExpand(query.expand, INVOICE_EXPAND), 'explained')))),
  }),
  ...invoicePartRoutes({ tag, path: '/v1/invoices/{id}', permission: 'read:Invoice', operation: 'Invoice', parts: invoices }),
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

function expansion(fields: ReadonlySet<string>, lines: LineDetail): InvoiceExpansion {
  return { lines, customer: fields.has('customer'), subscription: fields.has('subscription') || fields.has('subscription.plan') };
}
