import { notFound } from '#kernel/errors.ts';
import type { ListOptions, Page } from '#kernel/pagination.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import { listRows } from '#platform/postgres/list.ts';
import type { Table } from '#platform/postgres/tables.ts';
import type { Costsheet } from './domain/costsheet.ts';

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    costsheets: Table<Costsheet>;
  }
}

export type NewCostsheet = Omit<Costsheet, 'tenantId' | 'environmentId' | 'status' | 'createdBy' | 'updatedBy'>;
export type CostsheetChange = Partial<Omit<NewCostsheet, 'id' | 'createdAt'>> &
  Partial<Pick<Costsheet, 'status'>> &
  Pick<Costsheet, 'updatedAt'>;
export interface CostsheetFilter {
  readonly costsheetIds?: readonly string[] | null | undefined;
  readonly lookupKey?: string | null | undefined;
  readonly name?: string | null | undefined;
}

const LIST_FIELDS = { name: 'string', lookup_key: 'string', description: 'string' } as const;

export const costsheetRepository = {
  insert(tx: TenantTransaction, costsheet: NewCostsheet): Promise<Costsheet> {
    return tx.insertInto('costsheets').values(costsheet).returningAll().executeTakeFirstOrThrow();
  },

  /** Also an archived one: what was computed with it can still be looked up. Throws NotFound when the environment has no such cost sheet. */
  async get(tx: TenantTransaction, id: string): Promise<Costsheet> {
    const costsheet = await tx.selectFrom('costsheets').selectAll().where('id', '=', id).executeTakeFirst();
    if (!costsheet) throw notFound('costsheet', id);
    return costsheet;
  },

  /** The newest published one, or null. */
  async active(tx: TenantTransaction): Promise<Costsheet | null> {
    return (await published(tx).orderBy('createdAt', 'desc').orderBy('id', 'desc').limit(1).executeTakeFirst()) ?? null;
  },

  /** Locks the row until the transaction ends: whoever changes the sheet's prices holds this lock. Throws NotFound for an archived one, too. */
  async lock(tx: TenantTransaction, id: string): Promise<Costsheet> {
    const costsheet = await published(tx).where('id', '=', id).forUpdate().executeTakeFirst();
    if (!costsheet) throw notFound('costsheet', id);
    return costsheet;
  },

  /** The lock alone, also of an archived one: its prices can still be ended. */
  async hold(tx: TenantTransaction, id: string): Promise<void> {
    await tx.selectFrom('costsheets').select('id').where('id', '=', id).forUpdate().execute();
  },

  update(tx: TenantTransaction, id: string, change: CostsheetChange, actorId: string): Promise<Costsheet> {
    return tx
      .updateTable('costsheets')
      .set({ ...change, updatedBy: actorId })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow();
  },

  list(tx: TenantTransaction, filter: CostsheetFilter, options: ListOptions): Promise<Page<Costsheet>> {
    let query = tx.selectFrom('costsheets').selectAll();
    if (filter.costsheetIds?.length) query = query.where('id', 'in', filter.costsheetIds);
    if (filter.lookupKey) query = query.where('lookupKey', '=', filter.lookupKey);
    if (filter.name) query = query.where('name', '=', filter.name);
    return listRows<Costsheet>(query, { ...options, status: options.status ?? 'published' }, LIST_FIELDS, 'costsheets');
  },
};

function published(tx: TenantTransaction) {
  return tx.selectFrom('costsheets').selectAll().where('status', '=', 'published');
}
