import { type ColumnType, sql } from 'kysely';
import type { DateTime } from 'luxon';
import { notFound } from '#kernel/errors.ts';
import type { SystemTransaction, TenantTransaction } from '#platform/postgres/database.ts';
import type { Table } from '#platform/postgres/tables.ts';
import { type New, resourceTable } from '#platform/resource/table.ts';
import type { ApiKey, Environment, Tenant, User } from './domain.ts';
import { EVENT_INGESTION_FILTER } from './raw-filter.ts';

/** `tenant_id` of a tenant is generated from its id. */
type IngestColumns = Pick<Tenant, 'ingestLazy' | 'ingestEventsPerSecond' | 'ingestBurst'>;
type TenantTable = Omit<Table<Tenant>, keyof IngestColumns> & {
  [K in keyof IngestColumns]: ColumnType<IngestColumns[K], IngestColumns[K] | undefined, IngestColumns[K]>;
} & { readonly tenantId: ColumnType<string, never, never> };

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    tenants: TenantTable;
    environments: Table<Environment>;
    users: Table<User>;
    secrets: Table<ApiKey>;
    accessChanges: { readonly tenantId: string; readonly changedIn: string };
  }
}

/** What of a tenant's changes of access was to be seen: the transaction of the last one, and the oldest that was running still. */
export interface Sight {
  readonly change: string | null;
  readonly horizon: string;
}
const HORIZON = sql<string>`pg_snapshot_xmin(pg_current_snapshot())::text`;

/** A key with what is to be known of its tenant before anything else. */
export type FoundKey = ApiKey &
  Pick<Tenant, 'internalStatus' | 'ingestLazy'> &
  Sight & {
    readonly tenantEventsPerSecond: number | null;
    readonly tenantBurst: number | null;
    readonly userType: User['type'] | null;
    /** Value of the setting `event_ingestion_filter` of the key's environment. */
    readonly rawFilter: unknown;
  };

export const environmentRepository = resourceTable('environments', { entity: 'environment', large: [] });
export const keyRepository = resourceTable('secrets', { entity: 'api key', large: [] });

export const tenancyRepository = {
  insertTenant(tx: TenantTransaction, tenant: Omit<Tenant, 'status' | keyof IngestColumns>): Promise<Tenant> {
    return tx.insertInto('tenants').values(tenant).returningAll().executeTakeFirstOrThrow();
  },

  async getTenant(tx: TenantTransaction, id: string): Promise<Tenant> {
    const tenant = await tx.selectFrom('tenants').selectAll().where('id', '=', id).executeTakeFirst();
    if (!tenant) throw notFound('tenant', id);
    return tenant;
  },

  async updateTenant(
    tx: TenantTransaction,
    id: string,
    change: Partial<Pick<Tenant, 'name' | 'billingDetails' | 'metadata' | keyof IngestColumns>> & Pick<Tenant, 'updatedAt'>,
  ): Promise<Tenant> {
    const tenant = await tx.updateTable('tenants').set(change).where('id', '=', id).returningAll().executeTakeFirst();
    if (!tenant) throw notFound('tenant', id);
    return tenant;
  },

  insertUser(tx: TenantTransaction, user: New<User>): Promise<User> {
    return tx.insertInto('users').values(user).returningAll().executeTakeFirstOrThrow();
  },

  async getUser(tx: TenantTransaction, id: string): Promise<User> {
    const user = await tx.selectFrom('users').selectAll().where('id', '=', id).where('status', '=', 'published').executeTakeFirst();
    if (!user) throw notFound('user', id);
    return user;
  },

  /** Across tenants: the key comes before its tenant is known. */
  async findKeyByHash(tx: SystemTransaction, hash: string): Promise<FoundKey | null> {
    const key = await tx
      .selectFrom('secrets')
      .innerJoin('tenants', 'tenants.id', 'secrets.tenantId')
      .leftJoin('users', 'users.id', 'secrets.userId')
      .leftJoin('accessChanges', 'accessChanges.tenantId', 'secrets.tenantId')
      .leftJoin('settings', (join) =>
        join
          .onRef('settings.tenantId', '=', 'secrets.tenantId')
          .onRef('settings.environmentId', '=', 'secrets.environmentId')
          .on('settings.key', '=', EVENT_INGESTION_FILTER.key),
      )
      .selectAll('secrets')
      .select([
        'tenants.internalStatus',
        'tenants.ingestLazy',
        'tenants.ingestEventsPerSecond as tenantEventsPerSecond',
        'tenants.ingestBurst as tenantBurst',
        'users.type as userType',
        'settings.value as rawFilter',
        'accessChanges.changedIn as change',
        HORIZON.as('horizon'),
      ])
      .where('secrets.keyHash', '=', hash)
      .where('secrets.status', '=', 'published')
      .executeTakeFirst();
    return key ?? null;
  },

  /** Notes that keys are in use, but for those of which that was noted within a minute; one that is being changed is left out. */
  async noteUses(tx: SystemTransaction, ids: readonly string[], at: DateTime): Promise<void> {
    const due = tx
      .selectFrom('secrets')
      .select('id')
      .where('id', 'in', ids)
      .where((or) => or.eb('lastUsedAt', 'is', null).or('lastUsedAt', '<', at.minus({ minutes: 1 })))
      .forUpdate()
      .skipLocked();
    await tx.updateTable('secrets').set({ lastUsedAt: at }).where('id', 'in', due).execute();
  },

  /** Whose raw events an environment lets in. Its settings are those of the transaction's tenant, whatever environment that names. */
  async findRawFilter(tx: TenantTransaction): Promise<unknown> {
    return (await tx.selectFrom('settings').select('value').where('key', '=', EVENT_INGESTION_FILTER.key).executeTakeFirst())?.value;
  },
};

/** Changes of what credentials give, as triggers note them (migration 0030). */
export const accessChangeRepository = {
  /** For the transaction's tenant. */
  async sight(tx: TenantTransaction): Promise<Sight> {
    const change = tx.selectFrom('accessChanges').select('changedIn');
    return tx.selectNoFrom([change.as('change'), HORIZON.as('horizon')]).executeTakeFirstOrThrow();
  },

  /** The last change of each tenant that had one in a transaction at or behind the horizon, and the horizon to ask from next. */
  async since(
    tx: SystemTransaction,
    horizon: string,
  ): Promise<{ changes: readonly [tenantId: string, change: string][]; horizon: string }> {
    const changes = sql<[string, string][]>`coalesce((select jsonb_agg(jsonb_build_array(tenant_id, changed_in::text))
      from access_changes where changed_in >= ${horizon}::xid8), '[]')`;
    return tx.selectNoFrom([changes.as('changes'), HORIZON.as('horizon')]).executeTakeFirstOrThrow();
  },
};
