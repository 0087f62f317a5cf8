import { ACCESS_CHANGED } from '#access/service/changed.ts';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { notFound } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import type { Database } from '#platform/postgres/database.ts';
import type { Hooks } from '#platform/resource/hooks.ts';
import { publish } from '#platform/resource/publish.ts';
import type { SettingOf } from '#kernel/setting.ts';
import type { Setting } from './domain.ts';
import { settingEvents } from './events.ts';
import { settingRepository } from './repository.ts';

export interface SettingDependencies {
  readonly database: Database;
  readonly clock: Clock;
  readonly hooks: Hooks;
}
export type SettingService = ReturnType<typeof createSettingService>;

/** Use cases of settings. Every change writes its system event in the same transaction. */
export function createSettingService({ database, clock, hooks }: SettingDependencies) {
  return {
    /** The row of a key; null where the default holds. */
    find: async (ctx: RequestContext, key: string): Promise<Setting | null> =>
      (await database.withTenant(ctx, (tx) => settingRepository.find(tx, key))) ?? null,

    /** What holds: the value that was set, else the default. */
    valueOf: async <T>(ctx: RequestContext, { key, fallback }: SettingOf<T>): Promise<T> =>
      ((await database.withTenant(ctx, (tx) => settingRepository.find(tx, key)))?.value ?? fallback) as T,

    /** Sets the whole value. It must be one that the schema of its key accepts. */
    put: (ctx: RequestContext, key: string, value: unknown): Promise<Setting> =>
      database.withTenant(ctx, async (tx) => {
        const now = clock.now();
        const setting = await settingRepository.put(
          tx,
          { id: newId('setting', clock), key, value, createdAt: now, updatedAt: now },
          ctx.actorId,
        );
        await publish(tx, clock, settingEvents.updated, setting);
        await hooks.run(tx, ACCESS_CHANGED, ctx);
        return setting;
      }),

    /** Lets the default hold again. Throws NotFound where it does already. */
    delete: (ctx: RequestContext, key: string): Promise<void> =>
      database.withTenant(ctx, async (tx) => {
        const setting = await settingRepository.delete(tx, key);
        if (setting === undefined) throw notFound('setting', key);
        await publish(tx, clock, settingEvents.deleted, setting);
        await hooks.run(tx, ACCESS_CHANGED, ctx);
      }),
  };
}
