import type { TenantTransaction } from '#platform/postgres/database.ts';
import type { Table } from '#platform/postgres/tables.ts';
import { resourceTable } from '#platform/resource/table.ts';
import type { Plan } from '../domain/plan.ts';

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    plans: Table<Plan>;
  }
}

const table = resourceTable('plans', { entity: 'plan' });

/** Archived plans are shown where something refers to them; nobody can subscribe to one. Whoever changes a plan's prices holds its lock. */
export const planRepository = {
  ...table,

  /** Undefined for a key that no plan has, or only an archived one. */
  findByLookupKey: (tx: TenantTransaction, lookupKey: string): Promise<Plan | undefined> =>
    table.visible(tx).where('lookupKey', '=', lookupKey).executeTakeFirst(),
};
