import { pageReply } from '#platform/http/page.ts';
import { ok, type Route, route } from '#platform/http/route.ts';
import { byId } from '#platform/resource/routes.ts';
import { PortalPaginatedRequest } from '#portal/contracts.ts';
import { InvoiceResponse, ListInvoicesResponse } from '../contracts/invoice.ts';
import { InvoiceList } from '../contracts/queries.ts';
import type { CustomersInvoices } from '../service/portal.ts';
import { invoicePartRoutes } from './parts.ts';
import { invoiceToWire } from './to-wire.ts';

const tag = 'Customer Portal';
const permission = 'authenticated';

/** A customer's own invoices, once they are issued. */
export const portalInvoiceRoutes = (own: CustomersInvoices): Route[] => [
  route({
    method: 'POST',
    path: '/v1/customer/portal/invoices',
    operationId: 'listPortalInvoices',
    tag,
    summary: 'Invoices that were issued to the customer',
    permission,
    body: PortalPaginatedRequest,
    responses: { 200: ListInvoicesResponse },
    handler: async ({ ctx, body }) => ok(pageReply(await own.list(ctx, InvoiceList.read(ctx, body)), invoiceToWire)),
  }),
  route({
    method: 'GET',
    path: '/v1/customer/portal/invoices/{id}',
    operationId: 'getPortalInvoice',
    tag,
    summary: 'An invoice that was issued to the customer, with how each line was calculated',
    permission,
    params: byId,
    responses: { 200: InvoiceResponse },
    handler: async ({ ctx, params }) => ok(invoiceToWire(await own.get(ctx, params.id))),
  }),
  ...invoicePartRoutes({ tag, path: '/v1/customer/portal/invoices/{id}', permission, operation: 'PortalInvoice', parts: own }),
];
