import type { ColumnType } from 'kysely';
import { notFound } from '#kernel/errors.ts';
import type { ListOptions, Page } from '#kernel/pagination.ts';
import type { SystemTransaction, TenantTransaction } from '#platform/postgres/database.ts';
import { listRows } from '#platform/postgres/list.ts';
import type { Table } from '#platform/postgres/tables.ts';
import type { SettingKey } from '#settings/domain.ts';
import type { ApiKey, Environment, Tenant, User } from './domain.ts';

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
  }
}

const RAW_FILTER: SettingKey = 'event_ingestion_filter';
type Filled = 'tenantId' | 'environmentId' | 'status' | 'createdBy' | 'updatedBy';

/** A key with what is to be known of its tenant before anything else. */
export type FoundKey = ApiKey &
  Pick<Tenant, 'internalStatus' | 'ingestLazy'> & {
    readonly tenantEventsPerSecond: number | null;
    readonly tenantBurst: number | null;
    readonly userType: User['type'] | null;
    /** Value of the setting `event_ingestion_filter` of the key's environment. */
    readonly rawFilter: unknown;
  };

export const tenancyRepository = {
  insertTenant(tx: TenantTransaction, tenant: Omit<Tenant, 'status' | keyof IngestColumns>): Promise<Tenant> {
    return tx.insertInto('tenants').values(tenant).returningAll().executeTakeFirstOrThrow();
  },

  async getTenant(tx: TenantTransaction, id: string): Promise<Tenant> {
    const tenant = await tx.selectFrom('tenants').selectAll().where('id', '=', id).executeTakeFirst();
    if (!tenant) throw notFound('tenant', id);
    return tenant;
  },

  updateTenant(
    tx: TenantTransaction,
    id: string,
    change: Partial<Pick<Tenant, 'name' | 'billingDetails' | 'metadata' | keyof IngestColumns>> & Pick<Tenant, 'updatedAt'>,
  ): Promise<Tenant> {
    return tx.updateTable('tenants').set(change).where('id', '=', id).returningAll().executeTakeFirstOrThrow();
  },

  insertEnvironment(tx: TenantTransaction, environment: Omit<Environment, Filled>): Promise<Environment> {
    return tx.insertInto('environments').values(environment).returningAll().executeTakeFirstOrThrow();
  },

  async getEnvironment(tx: TenantTransaction, id: string): Promise<Environment> {
    const environment = await tx
      .selectFrom('environments')
      .selectAll()
      .where('id', '=', id)
      .where('status', '=', 'published')
      .executeTakeFirst();
    if (!environment) throw notFound('environment', id);
    return environment;
  },

  updateEnvironment(
    tx: TenantTransaction,
    id: string,
    change: Partial<Pick<Environment, 'name' | 'type'>> & Pick<Environment, 'updatedAt'>,
    actorId: string,
  ): Promise<Environment> {
    return tx
      .updateTable('environments')
      .set({ ...change, updatedBy: actorId })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow();
  },

  listEnvironments(tx: TenantTransaction, options: ListOptions): Promise<Page<Environment>> {
    return listRows<Environment>(tx.selectFrom('environments').selectAll(), options, { name: 'string', type: 'string' }, 'environments');
  },

  insertUser(tx: TenantTransaction, user: Omit<User, Filled>): Promise<User> {
    return tx.insertInto('users').values(user).returningAll().executeTakeFirstOrThrow();
  },

  async getUser(tx: TenantTransaction, id: string): Promise<User> {
    const user = await tx.selectFrom('users').selectAll().where('id', '=', id).where('status', '=', 'published').executeTakeFirst();
    if (!user) throw notFound('user', id);
    return user;
  },

  insertKey(tx: TenantTransaction, key: Omit<ApiKey, Filled>): Promise<ApiKey> {
    return tx.insertInto('secrets').values(key).returningAll().executeTakeFirstOrThrow();
  },

  listKeys(tx: TenantTransaction, options: ListOptions): Promise<Page<ApiKey>> {
    return listRows<ApiKey>(
      tx.selectFrom('secrets').selectAll(),
      { ...options, status: options.status ?? 'published' },
      { name: 'string', type: 'string' },
      'secrets',
    );
  },

  /** Ends a key. Throws NotFound when there is none, or it has ended already. */
  async deleteKey(tx: TenantTransaction, id: string, change: Pick<ApiKey, 'updatedAt'>, actorId: string): Promise<ApiKey> {
    const key = await tx
      .updateTable('secrets')
      .set({ ...change, status: 'deleted', updatedBy: actorId })
      .where('id', '=', id)
      .where('status', '=', 'published')
      .returningAll()
      .executeTakeFirst();
    if (!key) throw notFound('api key', id);
    return key;
  },

  /** Across tenants: the key comes before its tenant is known. */
  async findKeyByHash(tx: SystemTransaction, hash: string): Promise<FoundKey | null> {
    const key = await tx
      .selectFrom('secrets')
      .innerJoin('tenants', 'tenants.id', 'secrets.tenantId')
      .leftJoin('users', 'users.id', 'secrets.userId')
      .leftJoin('settings', (join) =>
        join
          .onRef('settings.tenantId', '=', 'secrets.tenantId')
          .onRef('settings.environmentId', '=', 'secrets.environmentId')
          .on('settings.key', '=', RAW_FILTER),
      )
      .selectAll('secrets')
      .select([
        'tenants.internalStatus',
        'tenants.ingestLazy',
        'tenants.ingestEventsPerSecond as tenantEventsPerSecond',
        'tenants.ingestBurst as tenantBurst',
        'users.type as userType',
        'settings.value as rawFilter',
      ])
      .where('secrets.keyHash', '=', hash)
      .where('secrets.status', '=', 'published')
      .executeTakeFirst();
    return key ?? null;
  },

  /** Whose raw events an environment lets in. Its settings are those of the transaction's tenant, whatever environment that names. */
  async findRawFilter(tx: TenantTransaction): Promise<unknown> {
    return (await tx.selectFrom('settings').select('value').where('key', '=', RAW_FILTER).executeTakeFirst())?.value;
  },
};
