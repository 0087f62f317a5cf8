import type { TenantTransaction } from '#platform/postgres/database.ts';
import type { Table } from '#platform/postgres/tables.ts';
import { jsonb } from '#platform/postgres/types.ts';
import type { Setting } from './domain.ts';

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    settings: Table<Setting>;
  }
}

/** Settings of an environment, one row per key that was set. */
export const settingRepository = {
  find(tx: TenantTransaction, key: string): Promise<Setting | undefined> {
    return tx.selectFrom('settings').selectAll().where('key', '=', key).executeTakeFirst();
  },

  /** Sets the value, whether or not there is one: the later of two at once stands. */
  put(
    tx: TenantTransaction,
    { value, ...setting }: Pick<Setting, 'id' | 'key' | 'value' | 'createdAt' | 'updatedAt'>,
    actorId: string,
  ): Promise<Setting> {
    return tx
      .insertInto('settings')
      .values({ ...setting, value: jsonb(value) })
      .onConflict((conflict) =>
        conflict
          .columns(['tenantId', 'environmentId', 'key'])
          .doUpdateSet({ value: jsonb(value), updatedAt: setting.updatedAt, updatedBy: actorId }),
      )
      .returningAll()
      .executeTakeFirstOrThrow();
  },

  /** The row that was there, or nothing. */
  delete(tx: TenantTransaction, key: string): Promise<Setting | undefined> {
    return tx.deleteFrom('settings').where('key', '=', key).returningAll().executeTakeFirst();
  },
};
