import type { Customer } from '#customers/domain.ts';
import type { RequestContext } from '#kernel/context.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import type { Subscription } from '#subscriptions/domain/subscription.ts';
import type { Invoice, InvoiceLine } from '../domain/invoice.ts';
import { type LeftOut, type LineDetail, shownLines } from '../domain/shown-lines.ts';
import { type BareLine, lineRepository } from '../repository/lines.ts';
import type { BillingDependencies } from './dependencies.ts';

/** A line with or without what it was made from. */
export type LineView = BareLine & Partial<Pick<InvoiceLine, 'calculation'>>;

/** An invoice as it is shown; a part is null where it was not asked for. */
export interface InvoiceView {
  readonly invoice: Invoice;
  readonly lines: readonly LineView[] | null;
  /** What was asked for and would have made the answer too large: it is had page by page. */
  readonly leftOut: readonly LeftOut[];
  readonly customer: Customer | null;
  readonly subscription: Subscription | null;
}
export interface InvoiceExpansion {
  /** `explained`: each with how it was calculated. */
  readonly lines: LineDetail;
  readonly customer: boolean;
  readonly subscription: boolean;
}

/** The invoices with the parts that were asked for, in their order. */
export async function viewsOf(
  { customers, subscriptions }: Pick<BillingDependencies, 'customers' | 'subscriptions'>,
  tx: TenantTransaction,
  ctx: RequestContext,
  invoices: readonly Invoice[],
  expand: InvoiceExpansion,
): Promise<InvoiceView[]> {
  const inside = { ...ctx, transaction: tx };
  const ids = invoices.map(({ id }) => id);
  const customerIds = [...new Set(invoices.map(({ customerId }) => customerId))];
  const subscriptionIds = [...new Set(invoices.flatMap(({ subscriptionId }) => subscriptionId ?? []))];
  const shown = shownLines(expand.lines === 'none' ? [] : await lineRepository.sizes(tx, ids), ids, expand.lines);
  const idsOf = (detail: LineDetail): string[] => ids.filter((id) => shown.get(id)?.lines === detail);
  const lines = Map.groupBy<string, LineView>(
    [...(await lineRepository.bareOf(tx, idsOf('bare'))), ...(await lineRepository.of(tx, idsOf('explained'))).map(withInfo)],
    ({ invoiceId }) => invoiceId,
  );
  const billed = new Map((expand.customer ? await customers.getMany(inside, customerIds) : []).map((found) => [found.id, found]));
  const running = new Map(
    (expand.subscription ? await subscriptions.getMany(inside, subscriptionIds) : []).map((found) => [found.id, found]),
  );
  return invoices.map((invoice) => ({
    invoice,
    lines: (shown.get(invoice.id)?.lines ?? 'none') === 'none' ? null : (lines.get(invoice.id) ?? []),
    leftOut: shown.get(invoice.id)?.leftOut ?? [],
    customer: billed.get(invoice.customerId) ?? null,
    subscription: running.get(invoice.subscriptionId ?? '') ?? null,
  }));
}

/** A line with its commitment where clients look for it. */
export function withInfo<Line extends Pick<InvoiceLine, 'calculation'>>(line: Line): Line & Pick<BareLine, 'commitmentInfo'> {
  return { ...line, commitmentInfo: line.calculation?.commitment?.info ?? null };
}
