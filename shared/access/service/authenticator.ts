import { timingSafeEqual } from 'node:crypto';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { ForbiddenError, UnauthorizedError } from '#kernel/errors.ts';
import type { Config } from '#platform/config/schema.ts';
import type { Credential } from '#platform/http/route.ts';
import { type Metrics, silentMetrics } from '#platform/observability/metrics.ts';
import { hashKey } from '../domain/key-hash.ts';
import type { EnvironmentTerms, KeyPrincipal, Principal, PrincipalStore, SessionStore } from '../domain/principal.ts';
import { createChanges } from './changes.ts';
import { createKeyUses } from './key-uses.ts';
import { createMemory, type Memory } from './memory.ts';

export interface Authenticator {
  /** Who sent the request, by the credential that its route takes: an API key unless told. Another one counts for nothing. Throws UnauthorizedError. */
  authenticate(headers: Readonly<Record<string, string>>, credential?: Credential): Promise<Principal>;
  /** The context of an authenticated request. Throws ForbiddenError when no environment can be resolved and one is needed. */
  contextOf(
    principal: Principal,
    headers: Readonly<Record<string, string>>,
    requestId: string,
    needsEnvironment: boolean,
  ): Promise<RequestContext>;
  /** What keys of the tenant give has changed, and the change is committed: what is remembered of them is asked anew. */
  forget(tenantId: string): void;
}

const SESSION_HEADER = 'X-Session-Token';

/**
 * API keys of the header `auth.header` (wire-rules.md section 2). Keys are remembered by their hashes; what changes of them is followed at
 * once in the process that changed it, which calls `forget`, and within five seconds in all others (docs/adr/0024-revocation.md).
 * Tokens of portal sessions, in `X-Session-Token`, are looked up each time.
 */
export function createAuthenticator(
  config: Config['auth'],
  store: PrincipalStore & SessionStore,
  clock: Clock,
  metrics: Metrics = silentMetrics,
): Authenticator {
  const settings = { renewAfterMs: config.cache_seconds * 1000, outageMs: config.outage_seconds * 1000 };
  const changes = createChanges(store.changesSince, (changed) => {
    for (const memory of [keys, environments]) {
      if (changed === null) memory.forget();
      else memory.forgetChanged(changed);
    }
  });
  const findKey = (hash: string) => {
    metrics.record('AuthCacheMiss', 1);
    return store.findByKeyHash(hash);
  };
  const findEnvironment = (key: string) => {
    const [tenantId = '', environmentId = ''] = JSON.parse(key) as string[];
    return store.findEnvironment(tenantId, environmentId);
  };
  const keys: Memory<KeyPrincipal> = createMemory(findKey, changes, { ...settings, rememberUnknown: true });
  const environments: Memory<EnvironmentTerms> = createMemory(findEnvironment, changes, { ...settings, rememberUnknown: false });
  const uses = createKeyUses(store.noteUses);
  const rootHash = config.root_key === undefined ? null : Buffer.from(hashKey(config.root_key), 'hex');

  const rootOf = (hash: string): Principal | null => {
    if (rootHash === null || config.root_tenant_id === undefined || !timingSafeEqual(rootHash, Buffer.from(hash, 'hex'))) return null;
    return {
      tenantId: config.root_tenant_id,
      environmentId: null,
      actorId: 'root',
      actorType: 'api_key',
      roles: ['super_admin'],
      tenantSuspended: false,
      operator: true,
    };
  };

  const byKey = async (headers: Readonly<Record<string, string>>): Promise<Principal> => {
    const key = headers[config.header.toLowerCase()]?.trim();
    if (!key) throw new UnauthorizedError(config.header);
    const hash = hashKey(key);
    const root = rootOf(hash);
    if (root !== null) return root;
    const now = clock.now();
    const found = await keys.get(hash, now.toMillis());
    if (found === null) throw new UnauthorizedError(config.header, 'Invalid API key');
    if (found.expiresAtMs !== null && found.expiresAtMs <= now.toMillis())
      throw new UnauthorizedError(config.header, 'API key has expired');
    uses.used(found.keyId, found.usedAtMs, now);
    return found;
  };

  const bySession = async (headers: Readonly<Record<string, string>>): Promise<Principal> => {
    const token = headers[SESSION_HEADER.toLowerCase()]?.trim();
    if (!token) throw new UnauthorizedError(SESSION_HEADER);
    const found = await store.findByTokenHash(hashKey(token));
    if (found === null) throw new UnauthorizedError(SESSION_HEADER, 'Invalid session token');
    if (found.expiresAtMs <= clock.now().toMillis()) throw new UnauthorizedError(SESSION_HEADER, 'Session token has expired');
    return found;
  };

  return {
    forget(tenantId) {
      for (const memory of [keys, environments]) memory.forget(tenantId);
    },

    authenticate: (headers, credential) => (credential === 'portal_session' ? bySession(headers) : byKey(headers)),

    async contextOf(principal, headers, requestId, needsEnvironment) {
      const context = {
        tenantId: principal.tenantId,
        actorId: principal.actorId,
        actorType: principal.actorType,
        roles: principal.roles,
        requestId,
        ...(principal.ingest === undefined ? {} : { ingest: principal.ingest }),
      };
      const inEnvironment = (environmentId: string, { rawCustomers }: EnvironmentTerms): RequestContext => ({
        ...context,
        environmentId,
        ...(rawCustomers === undefined ? {} : { rawCustomers }),
      });
      const wanted = headers['x-environment-id']?.trim() ?? '';
      if (principal.environmentId !== null) {
        // Another environment than was meant would be read, or written to, without a word. A session is of one customer anyway.
        if (needsEnvironment && principal.actorType !== 'customer' && wanted !== '' && wanted !== principal.environmentId)
          throw new ForbiddenError({
            error: 'Access denied',
            message: `The key belongs to environment ${principal.environmentId}, and X-Environment-ID names another`,
          });
        return inEnvironment(principal.environmentId, principal);
      }
      const terms = wanted === '' ? null : await environments.get(JSON.stringify([principal.tenantId, wanted]), clock.now().toMillis());
      if (terms !== null) return inEnvironment(wanted, terms);
      if (needsEnvironment) throw new ForbiddenError({ error: 'Access denied', message: 'Invalid or inaccessible environment' });
      return { ...context, environmentId: '' };
    },
  };
}
