import { notFound } from '#kernel/errors.ts';
import type { ListOptions, Page } from '#kernel/pagination.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import { listRows } from '#platform/postgres/list.ts';
import type { Table } from '#platform/postgres/tables.ts';
import type { Feature } from '../domain/feature.ts';

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    features: Table<Feature>;
  }
}

export type NewFeature = Omit<Feature, 'tenantId' | 'environmentId' | 'status' | 'createdBy' | 'updatedBy'>;
export type FeatureChange = Partial<Omit<NewFeature, 'id' | 'type' | 'meterId' | 'createdAt'>> &
  Partial<Pick<Feature, 'status'>> &
  Pick<Feature, 'updatedAt'>;
export interface FeatureFilter {
  readonly featureIds?: readonly string[] | null | undefined;
  readonly lookupKey?: string | null | undefined;
  readonly lookupKeys?: readonly string[] | null | undefined;
  readonly meterIds?: readonly string[] | null | undefined;
  readonly nameContains?: string | null | undefined;
}

const LIST_FIELDS = {
  name: 'string',
  lookup_key: 'string',
  description: 'string',
  type: 'string',
  meter_id: 'string',
  unit_singular: 'string',
  unit_plural: 'string',
} as const;

export const featureRepository = {
  insert(tx: TenantTransaction, feature: NewFeature): Promise<Feature> {
    return tx.insertInto('features').values(feature).returningAll().executeTakeFirstOrThrow();
  },

  /** Throws NotFound when the environment has no such feature, or it is archived. */
  async get(tx: TenantTransaction, id: string): Promise<Feature> {
    const feature = await published(tx).where('id', '=', id).executeTakeFirst();
    if (!feature) throw notFound('feature', id);
    return feature;
  },

  /** The published feature with this id, else the one with this lookup key. Throws NotFound. */
  async getByReference(tx: TenantTransaction, reference: string): Promise<Feature> {
    const found = await published(tx)
      .where((eb) => eb.or([eb('id', '=', reference), eb('lookupKey', '=', reference)]))
      .execute();
    const feature = found.find(({ id }) => id === reference) ?? found[0];
    if (!feature) throw notFound('feature', reference);
    return feature;
  },

  /** Those of the ids that exist, archived ones included. */
  getMany(tx: TenantTransaction, ids: readonly string[]): Promise<Feature[]> {
    return ids.length === 0 ? Promise.resolve([]) : tx.selectFrom('features').selectAll().where('id', 'in', ids).execute();
  },

  /** The published features that own these meters: at most one per meter. */
  byMeterIds(tx: TenantTransaction, meterIds: readonly string[]): Promise<Feature[]> {
    return meterIds.length === 0 ? Promise.resolve([]) : published(tx).where('meterId', 'in', meterIds).execute();
  },

  /** Locks the row until the transaction ends. */
  async lock(tx: TenantTransaction, id: string): Promise<Feature> {
    const feature = await published(tx).where('id', '=', id).forUpdate().executeTakeFirst();
    if (!feature) throw notFound('feature', id);
    return feature;
  },

  update(tx: TenantTransaction, id: string, change: FeatureChange, actorId: string): Promise<Feature> {
    return tx
      .updateTable('features')
      .set({ ...change, updatedBy: actorId })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow();
  },

  list(tx: TenantTransaction, filter: FeatureFilter, options: ListOptions): Promise<Page<Feature>> {
    let query = tx.selectFrom('features').selectAll();
    if (filter.featureIds?.length) query = query.where('id', 'in', filter.featureIds);
    if (filter.lookupKey) query = query.where('lookupKey', '=', filter.lookupKey);
    if (filter.lookupKeys?.length) query = query.where('lookupKey', 'in', filter.lookupKeys);
    if (filter.meterIds?.length) query = query.where('meterId', 'in', filter.meterIds);
    if (filter.nameContains) query = query.where('name', 'ilike', `%${filter.nameContains.replace(/[\\%_]/g, '\\$&')}%`);
    return listRows<Feature>(query, { ...options, status: options.status ?? 'published' }, LIST_FIELDS, 'features');
  },
};

function published(tx: TenantTransaction) {
  return tx.selectFrom('features').selectAll().where('status', '=', 'published');
}
