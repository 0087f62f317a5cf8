import { notFound } from '#kernel/errors.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import type { Table } from '#platform/postgres/tables.ts';
import { resourceTable } from '#platform/resource/table.ts';
import type { Feature } from '../domain/feature.ts';

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    features: Table<Feature>;
  }
}

const table = resourceTable('features', { entity: 'feature' });

export const featureRepository = {
  ...table,

  /** The published feature with this id, else the one with this lookup key. Throws NotFound. */
  async getByReference(tx: TenantTransaction, reference: string): Promise<Feature> {
    const found = await table
      .visible(tx)
      .where((eb) => eb.or([eb('id', '=', reference), eb('lookupKey', '=', reference)]))
      .execute();
    const feature = found.find(({ id }) => id === reference) ?? found[0];
    if (!feature) throw notFound('feature', reference);
    return feature;
  },

  /** The published features that own these meters: at most one per meter. */
  /** Also those that were deleted: what they gave until then still counts. Oldest first. */
  everByMeterIds: async (tx: TenantTransaction, meterIds: readonly string[]): Promise<Feature[]> =>
    meterIds.length === 0
      ? []
      : tx.selectFrom('features').selectAll().where('meterId', 'in', meterIds).orderBy('createdAt').orderBy('id').execute(),

  byMeterIds: async (tx: TenantTransaction, meterIds: readonly string[]): Promise<Feature[]> =>
    meterIds.length === 0 ? [] : table.visible(tx).where('meterId', 'in', meterIds).execute(),
};
