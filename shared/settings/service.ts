import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { notFound } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import type { Database, TenantTransaction } from '#platform/postgres/database.ts';
import { appendSystemEvent } from '#platform/postgres/outbox.ts';
import { SETTING_DEFAULTS, type Setting, type SettingKey, type SettingValues } from './domain.ts';
import { settingRepository } from './repository.ts';

export interface SettingDependencies {
  readonly database: Database;
  readonly clock: Clock;
}
export type SettingService = ReturnType<typeof createSettingService>;

/** Use cases of settings. Every change writes its system event in the same transaction. */
export function createSettingService({ database, clock }: SettingDependencies) {
  const publish = (tx: TenantTransaction, change: 'updated' | 'deleted', { id, key, value }: Setting) =>
    appendSystemEvent(tx, clock, {
      eventName: `setting.${change}`,
      entityType: 'setting',
      entityId: id,
      payload: change === 'updated' ? { id, key, value } : { id, key },
    });

  return {
    /** The row of a key; null where the default holds. */
    find: async (ctx: RequestContext, key: SettingKey): Promise<Setting | null> =>
      (await database.withTenant(ctx, (tx) => settingRepository.find(tx, key))) ?? null,

    /** What holds: the value that was set, else the default. */
    valueOf: async <K extends SettingKey>(ctx: RequestContext, key: K): Promise<SettingValues[K]> =>
      ((await database.withTenant(ctx, (tx) => settingRepository.find(tx, key)))?.value ?? SETTING_DEFAULTS[key]) as SettingValues[K],

    /** Sets the whole value. It must be one that the schema of its key accepts. */
    put: (ctx: RequestContext, key: SettingKey, value: SettingValues[SettingKey]): Promise<Setting> =>
      database.withTenant(ctx, async (tx) => {
        const now = clock.now();
        const setting = await settingRepository.put(
          tx,
          { id: newId('setting', clock), key, value, createdAt: now, updatedAt: now },
          ctx.actorId,
        );
        await publish(tx, 'updated', setting);
        return setting;
      }),

    /** Lets the default hold again. Throws NotFound where it does already. */
    delete: (ctx: RequestContext, key: SettingKey): Promise<void> =>
      database.withTenant(ctx, async (tx) => {
        const setting = await settingRepository.delete(tx, key);
        if (setting === undefined) throw notFound('setting', key);
        await publish(tx, 'deleted', setting);
      }),
  };
}
