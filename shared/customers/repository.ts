import { sql } from 'kysely';
import { notFound } from '#kernel/errors.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import type { Table } from '#platform/postgres/tables.ts';
import { type New, resourceTable } from '#platform/resource/table.ts';
import type { Customer } from './domain.ts';

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    customers: Table<Customer>;
  }
}

const table = resourceTable('customers', { entity: 'customer' });

const findByExternalIds = async (tx: TenantTransaction, externalIds: readonly string[]): Promise<Customer[]> =>
  externalIds.length === 0 ? [] : table.visible(tx).where('externalId', 'in', externalIds).execute();

/** Archived customers are shown and billed for what was theirs. */
export const customerRepository = {
  ...table,
  findByExternalIds,

  /** Nothing when a published customer has the external id; whoever is just making one is waited for. */
  insertUnlessThere: (tx: TenantTransaction, customer: New<Customer>): Promise<Customer | undefined> =>
    tx
      .insertInto('customers')
      .values(customer)
      .onConflict((conflict) => conflict.columns(['tenantId', 'environmentId', 'externalId']).where('status', '=', 'published').doNothing())
      .returningAll()
      .executeTakeFirst(),

  async getByExternalId(tx: TenantTransaction, externalId: string): Promise<Customer> {
    const [customer] = await findByExternalIds(tx, [externalId]);
    if (!customer) throw notFound('customer', externalId);
    return customer;
  },

  /** `share` by external id. */
  async shareByExternalId(tx: TenantTransaction, externalId: string): Promise<Customer> {
    const customer = await table.visible(tx).where('externalId', '=', externalId).forShare().executeTakeFirst();
    if (!customer) throw notFound('customer', externalId);
    return customer;
  },

  /** Those of the names that are somebody's, locked until the transaction ends: in the order of their ids, so that two who want the same wait and do not block each other. */
  lockMany: (
    tx: TenantTransaction,
    { ids, externalIds }: { readonly ids: readonly string[]; readonly externalIds: readonly string[] },
  ): Promise<Customer[]> =>
    table
      .visible(tx)
      .where((eb) =>
        eb.or([eb('id', '=', sql<string>`any(${ids}::text[])`), eb('externalId', '=', sql<string>`any(${externalIds}::text[])`)]),
      )
      .orderBy('id')
      .forNoKeyUpdate()
      .execute(),
};
