import type { RequestContext } from '#kernel/context.ts';
import { notFound } from '#kernel/errors.ts';
import type { Page } from '#kernel/pagination.ts';
import { type ListRequest, narrowed } from '#platform/resource/listing.ts';
import { customerIdOf } from '#portal/domain.ts';
import type { InvoiceService } from './invoice.ts';
import type { LineDetail } from '../domain/shown-lines.ts';
import type { InvoiceView } from './views.ts';

export type CustomersInvoices = ReturnType<typeof createCustomersInvoices>;

/**
 * The invoices of the customer whose session of the portal it is, that were issued, also when they were voided later: a draft may still
 * change. What belongs to another one is not found.
 */
export function createCustomersInvoices(invoices: Pick<InvoiceService, 'list' | 'view' | 'lines' | 'lineDetails'>) {
  const get = async (ctx: RequestContext, id: string, lines: LineDetail = 'explained'): Promise<InvoiceView> => {
    const view = await invoices.view(ctx, id, { lines, customer: false, subscription: false });
    if (view.invoice.customerId !== customerIdOf(ctx) || view.invoice.finalizedAt === null) throw notFound('invoice', id);
    return view;
  };
  return {
    list: (ctx: RequestContext, request: ListRequest): Promise<Page<InvoiceView>> =>
      invoices.list(
        ctx,
        narrowed(request, { column: 'customerId', is: 'eq', value: customerIdOf(ctx) }, { column: 'finalizedAt', is: 'set' }),
        null,
        { lines: 'bare', customer: false, subscription: false },
      ),

    get: (ctx: RequestContext, id: string): Promise<InvoiceView> => get(ctx, id),

    lines: (async (ctx, id, page) => {
      await get(ctx, id, 'none');
      return invoices.lines(ctx, id, page);
    }) satisfies InvoiceService['lines'],

    lineDetails: (async (ctx, asked, page) => {
      await get(ctx, asked.id, 'none');
      return invoices.lineDetails(ctx, asked, page);
    }) satisfies InvoiceService['lineDetails'],
  };
}
