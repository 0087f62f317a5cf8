import { sql } from 'kysely';
import type { DateTime } from 'luxon';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import type { Table } from '#platform/postgres/tables.ts';
import { resourceTable } from '#platform/resource/table.ts';
import type { Entitlement } from '#catalog/domain/entitlement.ts';
import { type DatedEntitlement, type EntitlementVersion, termsInTime } from './domain/versions.ts';

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    entitlementVersions: EntitlementVersion;
    entitlements: Table<Entitlement>;
  }
}

const table = resourceTable('entitlements', { entity: 'entitlement', large: ['configValue'] });

export const entitlementRepository = {
  ...table,

  /** Entitlements of plans, addons or subscriptions, in display order. */
  forEntities: async (
    tx: TenantTransaction,
    entityType: Entitlement['entityType'],
    entityIds: readonly string[],
  ): Promise<Entitlement[]> =>
    entityIds.length === 0
      ? []
      : table
          .visible(tx)
          .where('entityType', '=', entityType)
          .where('entityId', 'in', entityIds)
          .orderBy('displayOrder')
          .orderBy('createdAt')
          .orderBy('id')
          .execute(),

  /** All that plans, addons or subscriptions ever gave, deleted ones as well, in the terms of each time. */
  async historyOf(tx: TenantTransaction, entityType: Entitlement['entityType'], entityIds: readonly string[]): Promise<DatedEntitlement[]> {
    const given = await tx
      .selectFrom('entitlements')
      .selectAll()
      .where('entityType', '=', entityType)
      .where('entityId', '=', sql<string>`any(${entityIds}::text[])`)
      .orderBy('displayOrder')
      .orderBy('createdAt')
      .orderBy('id')
      .execute();
    const ids = given.map(({ id }) => id);
    const versions = await tx
      .selectFrom('entitlementVersions')
      .select(['entitlementId', 'version', 'isEnabled', 'usageLimit', 'usageResetPeriod', 'isSoftLimit', 'replacedAt'])
      .where('entitlementId', '=', sql<string>`any(${ids}::text[])`)
      .execute();
    return [...Map.groupBy(given, ({ entityId }) => entityId).values()].flatMap((own) => termsInTime(own, versions));
  },

  /** Keeps the terms that an entitlement has had until now. Its row is locked. */
  async keepVersion(tx: TenantTransaction, entitlement: Entitlement, replacedAt: DateTime): Promise<void> {
    const { id: entitlementId, isEnabled, usageLimit, usageResetPeriod, isSoftLimit } = entitlement;
    const { last } = await tx
      .selectFrom('entitlementVersions')
      .select((eb) => eb.fn.coalesce(eb.fn.max('version'), sql<number>`0`).as('last'))
      .where('entitlementId', '=', entitlementId)
      .executeTakeFirstOrThrow();
    await tx
      .insertInto('entitlementVersions')
      .values({ entitlementId, version: last + 1, isEnabled, usageLimit, usageResetPeriod, isSoftLimit, replacedAt })
      .execute();
  },

  isFeatureInUse: async (tx: TenantTransaction, featureId: string): Promise<boolean> =>
    (await table.visible(tx).where('featureId', '=', featureId).limit(1).execute()).length > 0,
};
