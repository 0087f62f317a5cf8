import type { TenantTransaction } from '#platform/postgres/database.ts';
import type { Table } from '#platform/postgres/tables.ts';
import { resourceTable } from '#platform/resource/table.ts';
import type { Meter } from '../domain/meter.ts';

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    meters: Table<Meter>;
  }
}

/** Disabled meters are archived: they are found, and count what came before. What deleted ones measured is still billed and shown. */
const table = resourceTable('meters', {
  entity: 'meter',
  found: 'existing',
  json: ['aggregation', 'filters'],
  large: ['aggregation', 'filters'],
});

export const meterRepository = {
  ...table,

  /** Oldest first. */
  findByEventNames: async (tx: TenantTransaction, eventNames: readonly string[]): Promise<Meter[]> =>
    eventNames.length === 0 ? [] : table.visible(tx).where('eventName', 'in', eventNames).orderBy('createdAt').orderBy('id').execute(),
};
