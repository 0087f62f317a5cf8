import type { TenantTransaction } from '#platform/postgres/database.ts';
import type { Table } from '#platform/postgres/tables.ts';
import { jsonb } from '#platform/postgres/types.ts';
import type { Meter, MeterVersion } from '../domain/meter.ts';

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    meterVersions: Table<MeterVersion>;
  }
}

export const meterVersionRepository = {
  /** Keeps the definition of a locked meter that is about to be replaced. */
  async keep(tx: TenantTransaction, meter: Meter, replaced: Pick<MeterVersion, 'replacedAt' | 'replacedBy'>): Promise<void> {
    const { id: meterId, version, eventName, aggregation, filters, resetUsage, disabledAt } = meter;
    await tx
      .insertInto('meterVersions')
      .values({
        meterId,
        version,
        eventName,
        aggregation: jsonb(aggregation),
        filters: jsonb(filters),
        resetUsage,
        disabledAt,
        ...replaced,
      })
      .execute();
  },

  /** Former definitions of a meter, the oldest first. */
  of(tx: TenantTransaction, meterId: string): Promise<MeterVersion[]> {
    return tx.selectFrom('meterVersions').selectAll().where('meterId', '=', meterId).orderBy('version').execute();
  },
};
