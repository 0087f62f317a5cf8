import { sql } from 'kysely';
import type { DateTime } from 'luxon';
import type { Decimal } from '#kernel/decimal.ts';
import { DomainError, notFound } from '#kernel/errors.ts';
import type { ListOptions, Page } from '#kernel/pagination.ts';
import type { SystemTransaction, TenantTransaction } from '#platform/postgres/database.ts';
import { listRows } from '#platform/postgres/list.ts';
import type { Table } from '#platform/postgres/tables.ts';
import { jsonb } from '#platform/postgres/types.ts';
import type { InvoicedLine } from './domain/inputs.ts';
import type { Invoice, InvoiceLine } from './domain/invoice.ts';

interface InvoiceSequence {
  readonly tenantId: string;
  readonly environmentId: string;
  readonly yearMonth: string;
  readonly lastValue: number;
}

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    invoices: Table<Invoice>;
    invoiceLineItems: Table<InvoiceLine>;
    invoiceSequences: Table<InvoiceSequence>;
  }
}

type Filled = 'tenantId' | 'environmentId' | 'status' | 'createdBy' | 'updatedBy';
export type NewInvoice = Omit<Invoice, Filled>;
export type NewInvoiceLine = Omit<InvoiceLine, Filled>;
export type InvoiceChange = Partial<Omit<NewInvoice, 'id' | 'createdAt' | 'version'>> & Pick<Invoice, 'updatedAt'>;

type Maybe<T> = T | null | undefined;
export interface InvoiceFilter {
  readonly invoiceIds?: Maybe<readonly string[]>;
  readonly customerIds?: Maybe<readonly string[]>;
  readonly subscriptionCustomerIds?: Maybe<readonly string[]>;
  readonly subscriptionId?: Maybe<string>;
  readonly invoiceType?: Maybe<string>;
  readonly invoiceStatus?: Maybe<readonly string[]>;
  readonly paymentStatus?: Maybe<readonly string[]>;
  readonly billingReason?: Maybe<string>;
  readonly currency?: Maybe<string>;
  readonly amountDueGt?: Maybe<Decimal>;
  readonly amountRemainingGt?: Maybe<Decimal>;
  readonly periodStartGte?: Maybe<DateTime>;
  readonly periodStartLte?: Maybe<DateTime>;
  readonly periodEndGte?: Maybe<DateTime>;
  readonly periodEndLte?: Maybe<DateTime>;
  /** Finalized once, whatever became of them. */
  readonly isIssued?: true;
}

/** Where the sweep goes on. `time` is RFC 3339. */
export interface DraftCursor {
  readonly time: string;
  readonly id: string;
}
export type UnfinishedDraft = Pick<Invoice, 'id' | 'tenantId' | 'environmentId' | 'createdAt' | 'version'>;

const LIST_FIELDS = {
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
} as const;

export const invoiceRepository = {
  insert(tx: TenantTransaction, invoice: NewInvoice): Promise<Invoice> {
    return tx.insertInto('invoices').values(invoice).returningAll().executeTakeFirstOrThrow();
  },

  /** Throws NotFound. */
  async get(tx: TenantTransaction, id: string): Promise<Invoice> {
    const invoice = await published(tx).where('id', '=', id).executeTakeFirst();
    if (!invoice) throw notFound('invoice', id);
    return invoice;
  },

  /** Locks the row until the transaction ends: whoever computes, finalizes or voids an invoice holds this lock. */
  async lock(tx: TenantTransaction, id: string): Promise<Invoice> {
    const invoice = await published(tx).where('id', '=', id).forUpdate().executeTakeFirst();
    if (!invoice) throw notFound('invoice', id);
    return invoice;
  },

  /** The invoice that holds the key; a voided one has given it up. */
  byIdempotencyKey(tx: TenantTransaction, key: string): Promise<Invoice | undefined> {
    return published(tx).where('idempotencyKey', '=', key).where('invoiceStatus', '!=', 'VOIDED').executeTakeFirst();
  },

  /** Changes the version that was read and raises it. Throws `version_conflict` when somebody was faster. */
  async update(tx: TenantTransaction, read: Pick<Invoice, 'id' | 'version'>, change: InvoiceChange, actorId: string): Promise<Invoice> {
    const updated = await tx
      .updateTable('invoices')
      .set({ ...change, updatedBy: actorId, version: read.version + 1 })
      .where('id', '=', read.id)
      .where('version', '=', read.version)
      .returningAll()
      .executeTakeFirst();
    if (!updated)
      throw new DomainError('version_conflict', 'the invoice was changed meanwhile, read it again', { id: read.id, version: read.version });
    return updated;
  },

  /** Lines of invoices in the order in which they were made. */
  linesOf(tx: TenantTransaction, invoiceIds: readonly string[]): Promise<InvoiceLine[]> {
    if (invoiceIds.length === 0) return Promise.resolve([]);
    return tx
      .selectFrom('invoiceLineItems')
      .selectAll()
      .where('status', '=', 'published')
      .where('invoiceId', 'in', invoiceIds)
      .orderBy('id')
      .execute();
  },

  /** The invoice then has these lines and no others. */
  async replaceLines(tx: TenantTransaction, invoiceId: string, lines: readonly NewInvoiceLine[]): Promise<void> {
    await tx.deleteFrom('invoiceLineItems').where('invoiceId', '=', invoiceId).execute();
    if (lines.length > 0)
      await tx
        .insertInto('invoiceLineItems')
        .values(lines.map((line) => ({ ...line, calculation: line.calculation === null ? null : jsonb(line.calculation) })))
        .execute();
  },

  /** What other drafts and finalized invoices of the subscription, of periods that touch [start, end], have charged (billing.md 3.6). */
  async invoicedLines(
    tx: TenantTransaction,
    { subscriptionId, except, start, end }: { subscriptionId: string; except: string | null; start: DateTime; end: DateTime },
  ): Promise<InvoicedLine[]> {
    let query = tx
      .selectFrom('invoiceLineItems as line')
      .innerJoin('invoices as invoice', 'invoice.id', 'line.invoiceId')
      .select(['line.priceId', 'line.periodStart', 'line.periodEnd'])
      .where('invoice.subscriptionId', '=', subscriptionId)
      .where('invoice.invoiceType', '=', 'SUBSCRIPTION')
      .where('invoice.status', '=', 'published')
      .where('invoice.invoiceStatus', 'in', ['DRAFT', 'FINALIZED'])
      .where('invoice.periodStart', '<=', end)
      .where('invoice.periodEnd', '>=', start)
      .where('line.status', '=', 'published');
    if (except !== null) query = query.where('invoice.id', '!=', except);
    return (await query.execute()).flatMap(({ priceId, periodStart, periodEnd }) =>
      priceId === null || periodStart === null || periodEnd === null ? [] : [{ priceId, period: { start: periodStart, end: periodEnd } }],
    );
  },

  latestOf(tx: TenantTransaction, subscriptionId: string): Promise<Invoice | undefined> {
    return published(tx)
      .where('subscriptionId', '=', subscriptionId)
      .where('invoiceStatus', '!=', 'VOIDED')
      .orderBy('createdAt', 'desc')
      .orderBy('id', 'desc')
      .limit(1)
      .executeTakeFirst();
  },

  /** How many invoices the subscription has had, voided ones included. */
  async countOf(tx: TenantTransaction, subscriptionId: string): Promise<number> {
    return (
      await tx
        .selectFrom('invoices')
        .select((eb) => eb.fn.countAll<number>().as('count'))
        .where('subscriptionId', '=', subscriptionId)
        .executeTakeFirstOrThrow()
    ).count;
  },

  /**
   * The next number of the sequence. Whoever asks next waits until this transaction ends: a rollback gives the number back,
   * and none is handed out twice.
   */
  async nextInSequence(tx: TenantTransaction, yearMonth: string): Promise<number> {
    const row = await tx
      .insertInto('invoiceSequences')
      .values({ yearMonth, lastValue: 1 })
      .onConflict((conflict) =>
        conflict.columns(['tenantId', 'environmentId', 'yearMonth']).doUpdateSet({ lastValue: sql`invoice_sequences.last_value + 1` }),
      )
      .returning('lastValue')
      .executeTakeFirstOrThrow();
    return row.lastValue;
  },

  list(tx: TenantTransaction, filter: InvoiceFilter, options: ListOptions): Promise<Page<Invoice>> {
    let query = tx.selectFrom('invoices').selectAll();
    if (filter.invoiceIds?.length) query = query.where('id', 'in', filter.invoiceIds);
    if (filter.customerIds) query = query.where('customerId', 'in', filter.customerIds.length > 0 ? filter.customerIds : ['']);
    if (filter.subscriptionCustomerIds?.length) query = query.where('subscriptionCustomerId', 'in', filter.subscriptionCustomerIds);
    if (filter.subscriptionId) query = query.where('subscriptionId', '=', filter.subscriptionId);
    if (filter.invoiceType) query = query.where('invoiceType', '=', filter.invoiceType as Invoice['invoiceType']);
    if (filter.invoiceStatus?.length) query = query.where('invoiceStatus', 'in', filter.invoiceStatus as Invoice['invoiceStatus'][]);
    if (filter.paymentStatus?.length) query = query.where('paymentStatus', 'in', filter.paymentStatus as Invoice['paymentStatus'][]);
    if (filter.billingReason) query = query.where('billingReason', '=', filter.billingReason as Invoice['billingReason']);
    if (filter.currency) query = query.where('currency', '=', filter.currency.toLowerCase());
    if (filter.amountDueGt) query = query.where('amountDue', '>', filter.amountDueGt);
    if (filter.amountRemainingGt) query = query.where('amountRemaining', '>', filter.amountRemainingGt);
    if (filter.periodStartGte) query = query.where('periodStart', '>=', filter.periodStartGte);
    if (filter.periodStartLte) query = query.where('periodStart', '<=', filter.periodStartLte);
    if (filter.periodEndGte) query = query.where('periodEnd', '>=', filter.periodEndGte);
    if (filter.periodEndLte) query = query.where('periodEnd', '<=', filter.periodEndLte);
    if (filter.isIssued) query = query.where('finalizedAt', 'is not', null);
    return listRows<Invoice>(query, { ...options, status: options.status ?? 'published' }, LIST_FIELDS, 'invoices');
  },

  /** Drafts of all tenants that still have to be computed, or whose computation is older than `computedBefore`; oldest first. */
  unfinished(tx: SystemTransaction, computedBefore: DateTime, after: DraftCursor | null, limit: number): Promise<UnfinishedDraft[]> {
    let query = tx
      .selectFrom('invoices')
      .select(['id', 'tenantId', 'environmentId', 'createdAt', 'version'])
      .where('status', '=', 'published')
      .where('invoiceStatus', '=', 'DRAFT')
      .where('invoiceType', '=', 'SUBSCRIPTION')
      .where((eb) => eb.or([eb('lastComputedAt', 'is', null), eb('lastComputedAt', '<=', computedBefore)]));
    if (after !== null) query = query.where(sql<boolean>`(created_at, id) > (${after.time}::timestamptz, ${after.id})`);
    return query.orderBy('createdAt').orderBy('id').limit(limit).execute();
  },
};

function published(tx: TenantTransaction) {
  return tx.selectFrom('invoices').selectAll().where('status', '=', 'published');
}
