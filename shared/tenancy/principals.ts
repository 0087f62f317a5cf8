import { systemContext } from '#kernel/context.ts';
import { DomainError } from '#kernel/errors.ts';
import type { EnvironmentTerms, KeyPrincipal, PrincipalStore, Seen } from '#access/domain/principal.ts';
import type { Database } from '#platform/postgres/database.ts';
import { allowedCustomers } from './raw-filter.ts';
import { quotaOf, rolesInForce } from './domain.ts';
import { accessChangeRepository, environmentRepository, type Sight, tenancyRepository } from './repository.ts';

/** Looks credentials up for the authenticator. */
export function createPrincipalStore(database: Database): PrincipalStore {
  return {
    async findByKeyHash(hash) {
      const key = await database.asSystem('api key look-up', (tx) => tenancyRepository.findKeyByHash(tx, hash));
      if (!key) return null;
      const value: KeyPrincipal = {
        tenantId: key.tenantId,
        environmentId: key.environmentId,
        actorId: key.userId ?? key.id,
        actorType: key.userId === null ? 'api_key' : 'user',
        roles: rolesInForce(key),
        tenantSuspended: key.internalStatus === 'suspended',
        ...(key.type === 'publishable_key' ? { publishable: true } : {}),
        ...(key.userType === 'service_account' ? { serviceAccount: true } : {}),
        ...rawTerms(key.rawFilter),
        ingest: {
          lazy: key.ingestLazy,
          tenantQuota: quotaOf(key.tenantEventsPerSecond, key.tenantBurst),
          keyId: key.id,
          keyQuota: quotaOf(key.ingestEventsPerSecond, key.ingestBurst),
        },
        keyId: key.id,
        expiresAtMs: key.expiresAt?.toMillis() ?? null,
        usedAtMs: key.lastUsedAt?.toMillis() ?? null,
      };
      return { value, tenantId: key.tenantId, ...seen(key) };
    },

    async findEnvironment(tenantId, environmentId) {
      try {
        return await database.withTenant(systemContext(tenantId, environmentId, 'environment look-up'), async (tx) => {
          // First what was to be seen: what the statements behind it see besides is asked for once more.
          const sight = seen(await accessChangeRepository.sight(tx));
          await environmentRepository.get(tx, environmentId);
          return { value: rawTerms(await tenancyRepository.findRawFilter(tx)), tenantId, ...sight };
        });
      } catch (error) {
        if (error instanceof DomainError && error.code === 'not_found') return null;
        throw error;
      }
    },

    changesSince: (horizon) =>
      database.asSystem('access changes', async (tx) => {
        const { changes, horizon: next } = await accessChangeRepository.since(tx, horizon.toString());
        return { changes: changes.map(([tenantId, change]) => ({ tenantId, change })), horizon: BigInt(next) };
      }),

    noteUses: (keyIds, at) => database.asSystem('key uses', (tx) => tenancyRepository.noteUses(tx, keyIds, at)),
  };
}

/** A tenant of which nothing was ever changed has no row. */
function seen({ change, horizon }: Sight): Pick<Seen<unknown>, 'change' | 'horizon'> {
  return { change: change ?? '', horizon: BigInt(horizon) };
}

function rawTerms(filter: unknown): EnvironmentTerms {
  const rawCustomers = allowedCustomers(filter);
  return rawCustomers === null ? {} : { rawCustomers };
}
