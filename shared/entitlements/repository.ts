import { notFound } from '#kernel/errors.ts';
import type { ListOptions, Page } from '#kernel/pagination.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import { listRows } from '#platform/postgres/list.ts';
import type { Table } from '#platform/postgres/tables.ts';
import type { Entitlement } from './domain/entitlement.ts';

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    entitlements: Table<Entitlement>;
  }
}

export type NewEntitlement = Omit<Entitlement, 'tenantId' | 'environmentId' | 'status' | 'createdBy' | 'updatedBy'>;
export type EntitlementChange = Partial<
  Pick<Entitlement, 'isEnabled' | 'usageLimit' | 'usageResetPeriod' | 'isSoftLimit' | 'staticValue' | 'configValue' | 'status'>
> &
  Pick<Entitlement, 'updatedAt'>;
export interface EntitlementFilter {
  readonly entityType?: Entitlement['entityType'] | null | undefined;
  readonly entityIds?: readonly string[] | null | undefined;
  readonly planIds?: readonly string[] | null | undefined;
  readonly featureIds?: readonly string[] | null | undefined;
  readonly featureType?: Entitlement['featureType'] | null | undefined;
  readonly isEnabled?: boolean | null | undefined;
  readonly hasGrantConfig?: boolean | null | undefined;
}

const LIST_FIELDS = {
  entity_type: 'string',
  entity_id: 'string',
  feature_id: 'string',
  feature_type: 'string',
  usage_limit: 'number',
  usage_reset_period: 'string',
  static_value: 'string',
  display_order: 'number',
  parent_entitlement_id: 'string',
  start_date: 'date',
  end_date: 'date',
} as const;

export const entitlementRepository = {
  insert(tx: TenantTransaction, entitlement: NewEntitlement): Promise<Entitlement> {
    return tx.insertInto('entitlements').values(entitlement).returningAll().executeTakeFirstOrThrow();
  },

  /** Throws NotFound when the environment has no such entitlement, or it is archived. */
  async get(tx: TenantTransaction, id: string): Promise<Entitlement> {
    const entitlement = await published(tx).where('id', '=', id).executeTakeFirst();
    if (!entitlement) throw notFound('entitlement', id);
    return entitlement;
  },

  /** Entitlements of plans, addons or subscriptions, in display order. */
  forEntities(tx: TenantTransaction, entityType: Entitlement['entityType'], entityIds: readonly string[]): Promise<Entitlement[]> {
    if (entityIds.length === 0) return Promise.resolve([]);
    return published(tx)
      .where('entityType', '=', entityType)
      .where('entityId', 'in', entityIds)
      .orderBy('displayOrder')
      .orderBy('createdAt')
      .orderBy('id')
      .execute();
  },

  forPlan(tx: TenantTransaction, planId: string): Promise<Entitlement[]> {
    return this.forEntities(tx, 'PLAN', [planId]);
  },

  async isFeatureInUse(tx: TenantTransaction, featureId: string): Promise<boolean> {
    return (await published(tx).where('featureId', '=', featureId).limit(1).execute()).length > 0;
  },

  /** Locks the row until the transaction ends. */
  async lock(tx: TenantTransaction, id: string): Promise<Entitlement> {
    const entitlement = await published(tx).where('id', '=', id).forUpdate().executeTakeFirst();
    if (!entitlement) throw notFound('entitlement', id);
    return entitlement;
  },

  update(tx: TenantTransaction, id: string, change: EntitlementChange, actorId: string): Promise<Entitlement> {
    return tx
      .updateTable('entitlements')
      .set({ ...change, updatedBy: actorId })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow();
  },

  list(tx: TenantTransaction, filter: EntitlementFilter, options: ListOptions): Promise<Page<Entitlement>> {
    let query = tx.selectFrom('entitlements').selectAll();
    if (filter.entityType) query = query.where('entityType', '=', filter.entityType);
    if (filter.entityIds?.length) query = query.where('entityId', 'in', filter.entityIds);
    if (filter.planIds?.length) query = query.where('entityType', '=', 'PLAN').where('entityId', 'in', filter.planIds);
    if (filter.featureIds?.length) query = query.where('featureId', 'in', filter.featureIds);
    if (filter.featureType) query = query.where('featureType', '=', filter.featureType);
    if (filter.isEnabled !== undefined && filter.isEnabled !== null) query = query.where('isEnabled', '=', filter.isEnabled);
    if (filter.hasGrantConfig !== undefined && filter.hasGrantConfig !== null)
      query = query.where('grantMeasure', filter.hasGrantConfig ? 'is not' : 'is', null);
    return listRows<Entitlement>(query, { ...options, status: options.status ?? 'published' }, LIST_FIELDS, 'entitlements');
  },
};

function published(tx: TenantTransaction) {
  return tx.selectFrom('entitlements').selectAll().where('status', '=', 'published');
}
