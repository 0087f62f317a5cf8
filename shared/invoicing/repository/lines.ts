import { sql } from 'kysely';
import type { DateTime } from 'luxon';
import type { InvoicedLine } from '#charges/domain/inputs.ts';
import type { CommitmentInfo } from '#charges/domain/line-commitment.ts';
import { notFound } from '#kernel/errors.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import { inParts } from '#platform/postgres/in-parts.ts';
import type { Table } from '#platform/postgres/tables.ts';
import { jsonb } from '#platform/postgres/types.ts';
import type { New } from '#platform/resource/table.ts';
import type { FinalUsage, InvoiceLine } from '../domain/invoice.ts';

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    invoiceLineItems: Table<InvoiceLine>;
  }
}

export type NewInvoiceLine = New<InvoiceLine>;

export type BareLine = Omit<InvoiceLine, 'calculation'> & { readonly commitmentInfo: CommitmentInfo | null };

export interface LineSizes {
  readonly invoiceId: string;
  readonly count: number;
  readonly bareBytes: number;
  readonly explainedBytes: number;
}

const BARE_COLUMNS = [
  'id',
  'tenantId',
  'environmentId',
  'invoiceId',
  'customerId',
  'subscriptionId',
  'subscriptionLineItemId',
  'entityId',
  'entityType',
  'planDisplayName',
  'priceId',
  'priceType',
  'meterId',
  'meterDisplayName',
  'priceUnit',
  'priceUnitId',
  'priceUnitAmount',
  'displayName',
  'amount',
  'quantity',
  'currency',
  'periodStart',
  'periodEnd',
  'adjustedEntitlementQuantity',
  'lineItemDiscount',
  'invoiceLevelDiscount',
  'prepaidCreditsApplied',
  'metadata',
  'status',
  'createdAt',
  'updatedAt',
  'createdBy',
  'updatedBy',
] as const satisfies readonly (keyof InvoiceLine)[];

export const lineRepository = {
  /** Lines of invoices in the order in which they were made. */
  of(tx: TenantTransaction, invoiceIds: readonly string[]): Promise<InvoiceLine[]> {
    if (invoiceIds.length === 0) return Promise.resolve([]);
    return tx
      .selectFrom('invoiceLineItems')
      .selectAll()
      .where('status', '=', 'published')
      .where('invoiceId', 'in', invoiceIds)
      .orderBy('id')
      .execute();
  },

  /**
   * The same lines without what they were made from, except what was committed to. Of the calculation nothing else is read: it is most
   * of a row.
   */
  async bareOf(tx: TenantTransaction, invoiceIds: readonly string[]): Promise<BareLine[]> {
    if (invoiceIds.length === 0) return [];
    return tx
      .selectFrom('invoiceLineItems')
      .select(BARE_COLUMNS)
      .select(sql<CommitmentInfo | null>`calculation #> '{commitment,info}'`.as('commitmentInfo'))
      .where('status', '=', 'published')
      .where('invoiceId', 'in', invoiceIds)
      .orderBy('id')
      .execute();
  },

  /** One page of an invoice's lines, in their order. */
  page(tx: TenantTransaction, invoiceId: string, { limit, offset }: { limit: number; offset: number }): Promise<InvoiceLine[]> {
    return tx
      .selectFrom('invoiceLineItems')
      .selectAll()
      .where('status', '=', 'published')
      .where('invoiceId', '=', invoiceId)
      .orderBy('id')
      .limit(limit)
      .offset(offset)
      .execute();
  },

  /** Throws NotFound when the invoice has no such line. */
  async get(tx: TenantTransaction, invoiceId: string, id: string): Promise<InvoiceLine> {
    const line = await tx
      .selectFrom('invoiceLineItems')
      .selectAll()
      .where('status', '=', 'published')
      .where('invoiceId', '=', invoiceId)
      .where('id', '=', id)
      .executeTakeFirst();
    if (line === undefined) throw notFound('invoice line item', id);
    return line;
  },

  /** How many lines each invoice has, and how many bytes they are as JSON, with and without their calculations. Absent: none. */
  async sizes(tx: TenantTransaction, invoiceIds: readonly string[]): Promise<LineSizes[]> {
    if (invoiceIds.length === 0) return [];
    const all = sql<number>`sum(octet_length(to_jsonb(invoice_line_items)::text))`;
    const explanations = sql<number>`coalesce(sum(octet_length(calculation::text) - octet_length(coalesce(calculation #> '{commitment,info}', 'null')::text)), 0)`;
    const rows = await tx
      .selectFrom('invoiceLineItems')
      .select((eb) => ['invoiceId', eb.fn.countAll<number>().as('count'), all.as('all'), explanations.as('explanations')])
      .where('status', '=', 'published')
      .where('invoiceId', 'in', invoiceIds)
      .groupBy('invoiceId')
      .execute();
    return rows.map(({ invoiceId, count, all: bytes, explanations: explained }) => ({
      invoiceId,
      count,
      explainedBytes: Number(bytes),
      bareBytes: Number(bytes) - Number(explained),
    }));
  },

  async insert(tx: TenantTransaction, lines: readonly NewInvoiceLine[]): Promise<void> {
    const rows = lines.map((line) => ({ ...line, calculation: line.calculation === null ? null : jsonb(line.calculation) }));
    await inParts(rows, (part) => tx.insertInto('invoiceLineItems').values(part).execute());
  },

  async remove(tx: TenantTransaction, ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await tx.deleteFrom('invoiceLineItems').where('id', '=', sql<string>`any(${ids}::text[])`).execute();
  },

  /** The final and skipped invoices that counted usage of `at` on these lines of subscriptions, the final ones first, then the latest. */
  async finalAt(
    tx: TenantTransaction,
    lines: readonly { readonly subscriptionId: string; readonly lineItemId: string }[],
    at: DateTime,
  ): Promise<FinalUsage[]> {
    if (lines.length === 0) return [];
    const rows = await tx
      .selectFrom('invoiceLineItems as line')
      .innerJoin('invoices as invoice', 'invoice.id', 'line.invoiceId')
      .select(['line.subscriptionLineItemId', 'invoice.id', 'invoice.invoiceNumber', 'invoice.finalizedAt', 'invoice.lastComputedAt'])
      .where('line.subscriptionId', '=', sql<string>`any(${[...new Set(lines.map(({ subscriptionId }) => subscriptionId))]}::text[])`)
      .where('line.subscriptionLineItemId', '=', sql<string>`any(${lines.map(({ lineItemId }) => lineItemId)}::text[])`)
      .where('line.priceType', '=', 'USAGE')
      .where('line.status', '=', 'published')
      .where('line.periodStart', '<=', at)
      .where('line.periodEnd', '>', at)
      .where('invoice.status', '=', 'published')
      .where('invoice.invoiceStatus', 'in', ['FINALIZED', 'SKIPPED'])
      .orderBy(sql`invoice.finalized_at desc nulls last, invoice.last_computed_at desc`)
      .execute();
    return rows.flatMap(({ subscriptionLineItemId: lineItemId, id, invoiceNumber, finalizedAt, lastComputedAt }) => {
      const countedAt = lastComputedAt ?? finalizedAt;
      return lineItemId === null || countedAt === null ? [] : [{ lineItemId, invoiceId: id, invoiceNumber, countedAt, finalizedAt }];
    });
  },

  /** What other drafts and finalized invoices of the subscription, of periods that touch [start, end], have charged (billing.md 3.6). */
  async invoiced(
    tx: TenantTransaction,
    { subscriptionId, except, start, end }: { subscriptionId: string; except: string | null; start: DateTime; end: DateTime },
  ): Promise<InvoicedLine[]> {
    let query = tx
      .selectFrom('invoiceLineItems as line')
      .innerJoin('invoices as invoice', 'invoice.id', 'line.invoiceId')
      .select(['line.subscriptionLineItemId', 'line.priceId', 'line.priceType', 'line.periodStart', 'line.periodEnd'])
      .where('invoice.subscriptionId', '=', subscriptionId)
      .where('invoice.invoiceType', '=', 'SUBSCRIPTION')
      .where('invoice.status', '=', 'published')
      .where('invoice.invoiceStatus', 'in', ['DRAFT', 'FINALIZED'])
      .where('invoice.periodStart', '<=', end)
      .where('invoice.periodEnd', '>=', start)
      .where('line.status', '=', 'published');
    if (except !== null) query = query.where('invoice.id', '!=', except);
    return (await query.execute()).flatMap(({ subscriptionLineItemId: lineItemId, priceId, priceType, periodStart, periodEnd }) =>
      lineItemId === null || periodStart === null || periodEnd === null
        ? []
        : [{ lineItemId, priceId, priceType, period: { start: periodStart, end: periodEnd } }],
    );
  },
};
