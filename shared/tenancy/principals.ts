import { systemContext } from '#kernel/context.ts';
import { DomainError } from '#kernel/errors.ts';
import type { PrincipalStore } from '#platform/auth/principal.ts';
import type { Database } from '#platform/postgres/database.ts';
import { quotaOf } from './domain.ts';
import { tenancyRepository } from './repository.ts';

/** Looks credentials up for the authenticator. */
export function createPrincipalStore(database: Database): PrincipalStore {
  return {
    async findByKeyHash(hash) {
      const key = await database.asSystem('api key look-up', (tx) => tenancyRepository.findKeyByHash(tx, hash));
      if (!key) return null;
      return {
        tenantId: key.tenantId, environmentId: key.environmentId, actorId: key.userId ?? key.id, actorType: key.userId === null ? 'api_key' : 'user',
        roles: key.roles, tenantSuspended: key.internalStatus === 'suspended',
        ingest: { lazy: key.ingestLazy, tenantQuota: quotaOf(key.tenantEventsPerSecond, key.tenantBurst), keyId: key.id, keyQuota: quotaOf(key.ingestEventsPerSecond, key.ingestBurst) },
        expiresAtMs: key.expiresAt?.toMillis() ?? null,
      };
    },

    async environmentExists(tenantId, environmentId) {
      try {
        await database.withTenant(systemContext(tenantId, '', 'environment look-up'), (tx) => tenancyRepository.getEnvironment(tx, environmentId));
        return true;
      } catch (error) {
        if (error instanceof DomainError && error.code === 'not_found') return false;
        throw error;
      }
    },
  };
}
