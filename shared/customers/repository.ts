import { sql } from 'kysely';
import { notFound } from '#kernel/errors.ts';
import type { ListOptions, Page } from '#kernel/pagination.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import { listRows } from '#platform/postgres/list.ts';
import type { Table } from '#platform/postgres/tables.ts';
import type { Customer } from './domain.ts';

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    customers: Table<Customer>;
  }
}

type Filled = 'tenantId' | 'environmentId' | 'status' | 'createdBy' | 'updatedBy';
export type NewCustomer = Omit<Customer, Filled>;
export type CustomerChange = Partial<Omit<NewCustomer, 'id' | 'createdAt'>> & Pick<Customer, 'updatedAt'>;
export interface CustomerFilter {
  readonly customerIds?: readonly string[] | null | undefined;
  readonly externalIds?: readonly string[] | null | undefined;
  readonly externalId?: string | null | undefined;
  readonly email?: string | null | undefined;
}

const LIST_FIELDS = { external_id: 'string', name: 'string', email: 'string', contact: 'string', timezone: 'string' } as const;

export const customerRepository = {
  insert(tx: TenantTransaction, customer: NewCustomer): Promise<Customer> {
    return tx.insertInto('customers').values(customer).returningAll().executeTakeFirstOrThrow();
  },

  /** Nothing when a published customer has the external id; whoever is just making one is waited for. */
  insertUnlessThere(tx: TenantTransaction, customer: NewCustomer): Promise<Customer | undefined> {
    return tx
      .insertInto('customers')
      .values(customer)
      .onConflict((conflict) => conflict.columns(['tenantId', 'environmentId', 'externalId']).where('status', '=', 'published').doNothing())
      .returningAll()
      .executeTakeFirst();
  },

  /** Throws NotFound when the environment has no such customer, or it is deleted. */
  async get(tx: TenantTransaction, id: string): Promise<Customer> {
    const customer = await published(tx).where('id', '=', id).executeTakeFirst();
    if (!customer) throw notFound('customer', id);
    return customer;
  },

  async getByExternalId(tx: TenantTransaction, externalId: string): Promise<Customer> {
    const [customer] = await this.findByExternalIds(tx, [externalId]);
    if (!customer) throw notFound('customer', externalId);
    return customer;
  },

  findByExternalIds(tx: TenantTransaction, externalIds: readonly string[]): Promise<Customer[]> {
    if (externalIds.length === 0) return Promise.resolve([]);
    return published(tx).where('externalId', 'in', externalIds).execute();
  },

  /** Those of the ids that exist, archived ones included: what was theirs is still billed. */
  getMany(tx: TenantTransaction, ids: readonly string[]): Promise<Customer[]> {
    return ids.length === 0 ? Promise.resolve([]) : tx.selectFrom('customers').selectAll().where('id', 'in', ids).execute();
  },

  /** The customer as it stays until the transaction ends; others may read and share it meanwhile, none may change it. */
  async share(tx: TenantTransaction, by: { readonly id: string } | { readonly externalId: string }): Promise<Customer> {
    const [column, value] = 'id' in by ? (['id', by.id] as const) : (['externalId', by.externalId] as const);
    const customer = await published(tx).where(column, '=', value).forShare().executeTakeFirst();
    if (!customer) throw notFound('customer', value);
    return customer;
  },

  /** Locks the row until the transaction ends. */
  async lock(tx: TenantTransaction, id: string): Promise<Customer> {
    const customer = await published(tx).where('id', '=', id).forUpdate().executeTakeFirst();
    if (!customer) throw notFound('customer', id);
    return customer;
  },

  /** Those of the names that are somebody's, locked until the transaction ends: in the order of their ids, so that two who want the same wait and do not block each other. */
  lockMany(
    tx: TenantTransaction,
    { ids, externalIds }: { readonly ids: readonly string[]; readonly externalIds: readonly string[] },
  ): Promise<Customer[]> {
    return published(tx)
      .where((eb) =>
        eb.or([eb('id', '=', sql<string>`any(${ids}::text[])`), eb('externalId', '=', sql<string>`any(${externalIds}::text[])`)]),
      )
      .orderBy('id')
      .forNoKeyUpdate()
      .execute();
  },

  update(tx: TenantTransaction, id: string, change: CustomerChange, actorId: string): Promise<Customer> {
    return tx
      .updateTable('customers')
      .set({ ...change, updatedBy: actorId })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow();
  },

  async delete(tx: TenantTransaction, id: string, change: Pick<Customer, 'updatedAt'>, actorId: string): Promise<void> {
    await tx
      .updateTable('customers')
      .set({ ...change, status: 'archived', updatedBy: actorId })
      .where('id', '=', id)
      .execute();
  },

  list(tx: TenantTransaction, filter: CustomerFilter, options: ListOptions): Promise<Page<Customer>> {
    let query = tx.selectFrom('customers').selectAll();
    if (filter.customerIds?.length) query = query.where('id', 'in', filter.customerIds);
    if (filter.externalIds?.length) query = query.where('externalId', 'in', filter.externalIds);
    if (filter.externalId) query = query.where('externalId', '=', filter.externalId);
    if (filter.email) query = query.where('email', '=', filter.email);
    return listRows<Customer>(query, { ...options, status: options.status ?? 'published' }, LIST_FIELDS, 'customers');
  },
};

function published(tx: TenantTransaction) {
  return tx.selectFrom('customers').selectAll().where('status', '=', 'published');
}
