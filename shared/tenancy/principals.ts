import { systemContext } from '#kernel/context.ts';
import { DomainError } from '#kernel/errors.ts';
import type { EnvironmentTerms, PrincipalStore } from '#platform/auth/principal.ts';
import type { Database } from '#platform/postgres/database.ts';
import { allowedCustomers } from '#settings/domain.ts';
import { quotaOf } from './domain.ts';
import { tenancyRepository } from './repository.ts';

/** Looks credentials up for the authenticator. */
export function createPrincipalStore(database: Database): PrincipalStore {
  return {
    async findByKeyHash(hash) {
      const key = await database.asSystem('api key look-up', (tx) => tenancyRepository.findKeyByHash(tx, hash));
      if (!key) return null;
      return {
        tenantId: key.tenantId,
        environmentId: key.environmentId,
        actorId: key.userId ?? key.id,
        actorType: key.userId === null ? 'api_key' : 'user',
        roles: key.roles,
        tenantSuspended: key.internalStatus === 'suspended',
        ...(key.userType === 'service_account' ? { serviceAccount: true } : {}),
        ...rawTerms(key.rawFilter),
        ingest: {
          lazy: key.ingestLazy,
          tenantQuota: quotaOf(key.tenantEventsPerSecond, key.tenantBurst),
          keyId: key.id,
          keyQuota: quotaOf(key.ingestEventsPerSecond, key.ingestBurst),
        },
        expiresAtMs: key.expiresAt?.toMillis() ?? null,
      };
    },

    async findEnvironment(tenantId, environmentId) {
      try {
        return await database.withTenant(systemContext(tenantId, environmentId, 'environment look-up'), async (tx) => {
          await tenancyRepository.getEnvironment(tx, environmentId);
          return rawTerms(await tenancyRepository.findRawFilter(tx));
        });
      } catch (error) {
        if (error instanceof DomainError && error.code === 'not_found') return null;
        throw error;
      }
    },
  };
}

function rawTerms(filter: unknown): EnvironmentTerms {
  const rawCustomers = allowedCustomers(filter);
  return rawCustomers === null ? {} : { rawCustomers };
}
