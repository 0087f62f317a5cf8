import type { App } from '#app/create-app.ts';
import { systemContext } from '#kernel/context.ts';
import { newId } from '#kernel/ids.ts';
import { hashKey } from '#access/domain/key-hash.ts';
import { tenancyRepository } from '#tenancy/repository.ts';

/**
 * Makes the first tenant with its two environments and the configured key, bound to the development environment with full
 * rights. On a later start the key is there already and nothing happens.
 */
export async function seedLocal(app: App): Promise<{ created: boolean }> {
  const key = app.config.local.api_key;
  const existing = await app.database.asSystem('seed', (tx) => tenancyRepository.findKeyByHash(tx, hashKey(key)));
  if (existing) return { created: false };
  await app.tenancy.createTenant(systemContext(newId('tenant', app.clock), '', 'seed'), { name: 'Local', key });
  return { created: true };
}
