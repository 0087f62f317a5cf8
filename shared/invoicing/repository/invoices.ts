import { sql } from 'kysely';
import type { DateTime } from 'luxon';
import type { SystemTransaction, TenantTransaction } from '#platform/postgres/database.ts';
import type { Table } from '#platform/postgres/tables.ts';
import { type New, resourceTable } from '#platform/resource/table.ts';
import type { Computation } from '../domain/computation.ts';
import type { Invoice } from '../domain/invoice.ts';

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    invoices: Table<Invoice>;
  }
}

export type NewInvoice = New<Invoice>;
export type InvoiceChange = Partial<Omit<NewInvoice, 'id' | 'createdAt' | 'version'>> & Pick<Invoice, 'updatedAt'>;

/** Where the sweep goes on. `time` is RFC 3339. */
export interface DraftCursor {
  readonly time: string;
  readonly id: string;
}
export type UnfinishedDraft = Pick<Invoice, 'id' | 'tenantId' | 'environmentId' | 'nextAttemptAt'>;

const table = resourceTable('invoices', { entity: 'invoice', json: ['stages'] });

/** Whoever computes, finalizes or voids an invoice holds its lock. */
export const invoiceRepository = {
  get: table.get,
  lock: table.lock,
  insert: table.insert,
  list: table.list,

  /** Changes the version that was read and raises it. Throws `version_conflict` when somebody was faster. */
  update: (tx: TenantTransaction, read: Pick<Invoice, 'id' | 'version'>, change: InvoiceChange): Promise<Invoice> =>
    table.updateVersion(tx, read, change),

  /** The invoice that holds the key; a voided one has given it up. */
  byIdempotencyKey(tx: TenantTransaction, key: string): Promise<Invoice | undefined> {
    return table.visible(tx).where('idempotencyKey', '=', key).where('invoiceStatus', '!=', 'VOIDED').executeTakeFirst();
  },

  /** Whether a draft is about the customer, or about one of the subscriptions. */
  async hasDraft(tx: TenantTransaction, customerId: string, subscriptionIds: readonly string[]): Promise<boolean> {
    const row = await tx
      .selectFrom('invoices')
      .select('id')
      .where('status', '=', 'published')
      .where('invoiceStatus', '=', 'DRAFT')
      .where((eb) =>
        eb.or([
          eb('customerId', '=', customerId),
          eb('subscriptionCustomerId', '=', customerId),
          eb('subscriptionId', '=', sql<string>`any(${subscriptionIds}::text[])`),
        ]),
      )
      .limit(1)
      .executeTakeFirst();
    return row !== undefined;
  },

  latestOf(tx: TenantTransaction, subscriptionId: string): Promise<Invoice | undefined> {
    return table
      .visible(tx)
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
   * Keeps how a try to compute a draft ended. It is no new version: nothing that the invoice says has changed. Nothing happens to one
   * that is no draft any more.
   */
  async noteComputation(
    tx: TenantTransaction,
    id: string,
    computation: Computation & Partial<Pick<Invoice, 'computations'>>,
  ): Promise<Invoice | undefined> {
    return tx
      .updateTable('invoices')
      .set(computation)
      .where('id', '=', id)
      .where('invoiceStatus', '=', 'DRAFT')
      .returningAll()
      .executeTakeFirst();
  },

  /** Drafts of all tenants that somebody has to look at by `now`, those that have waited longest first. */
  unfinished(tx: SystemTransaction, now: DateTime, after: DraftCursor | null, limit: number): Promise<UnfinishedDraft[]> {
    let query = tx
      .selectFrom('invoices')
      .select(['id', 'tenantId', 'environmentId', 'nextAttemptAt'])
      .where('status', '=', 'published')
      .where('invoiceStatus', '=', 'DRAFT')
      .where('invoiceType', '=', 'SUBSCRIPTION')
      .where('nextAttemptAt', '<=', now);
    if (after !== null) query = query.where(sql<boolean>`(next_attempt_at, id) > (${after.time}::timestamptz, ${after.id})`);
    return query.orderBy('nextAttemptAt').orderBy('id').limit(limit).execute();
  },
};
