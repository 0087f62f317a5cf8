import type { TenantTransaction } from '#platform/postgres/database.ts';
import type { Table } from '#platform/postgres/tables.ts';
import { resourceTable } from '#platform/resource/table.ts';
import type { Costsheet } from './domain/costsheet.ts';

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    costsheets: Table<Costsheet>;
  }
}

// What was computed with an archived one can still be looked up.
const table = resourceTable('costsheets', { entity: 'costsheet', readable: 'always' });

/** Whoever changes a sheet's prices holds its lock. */
export const costsheetRepository = {
  ...table,

  /** The newest published one, or null. */
  active: async (tx: TenantTransaction): Promise<Costsheet | null> =>
    (await table.visible(tx).orderBy('createdAt', 'desc').orderBy('id', 'desc').limit(1).executeTakeFirst()) ?? null,
};
