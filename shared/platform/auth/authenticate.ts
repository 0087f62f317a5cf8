import { createHash, timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { ForbiddenError, UnauthorizedError } from '#kernel/errors.ts';
import type { Config } from '../config/schema.ts';
import { type Metrics, silentMetrics } from '../observability/metrics.ts';
import type { Credential, EnvironmentTerms, Principal, PrincipalStore, SessionStore } from './principal.ts';

type Found = (Principal & { readonly expiresAtMs: number | null }) | { readonly unknown: true };

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
}

const SESSION_HEADER = 'x-session-token';

/** SHA-256 of a key or token, hex: what is stored. */
export function hashKey(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

/**
 * API keys of the header `auth.header` (wire-rules.md section 2). A key is looked up by its hash at most once in
 * `auth.cache_seconds`, so that a deleted key works for that long at most; unknown keys are remembered for 10 s.
 * Tokens of portal sessions, in `X-Session-Token`, are looked up each time.
 */
export function createAuthenticator(
  config: Config['auth'],
  store: PrincipalStore & SessionStore,
  clock: Clock,
  metrics: Metrics = silentMetrics,
): Authenticator {
  // Lifetimes follow the same clock as expiry does.
  const bounds = { max: 10_000, perf: { now: () => clock.now().toMillis() }, ttlResolution: 0 };
  const keys = new LRUCache<string, Found>({ ...bounds, ttl: Math.max(config.cache_seconds, 0) * 1000 || 1 });
  const environments = new LRUCache<string, EnvironmentTerms>({ ...bounds, ttl: 60_000 });
  const rootHash = config.root_key === undefined ? null : Buffer.from(hashKey(config.root_key), 'hex');

  const find = async (key: string): Promise<Found> => {
    const hash = hashKey(key);
    if (rootHash && config.root_tenant_id !== undefined && timingSafeEqual(rootHash, Buffer.from(hash, 'hex'))) {
      return {
        tenantId: config.root_tenant_id,
        environmentId: null,
        actorId: 'root',
        actorType: 'api_key',
        roles: ['super_admin'],
        tenantSuspended: false,
        operator: true,
        expiresAtMs: null,
      };
    }
    const cached = keys.get(hash);
    if (cached) return cached;
    metrics.record('AuthCacheMiss', 1);
    const found: Found = (await store.findByKeyHash(hash)) ?? { unknown: true };
    if (config.cache_seconds > 0) keys.set(hash, found, 'unknown' in found ? { ttl: 10_000 } : {});
    return found;
  };

  const byKey = async (headers: Readonly<Record<string, string>>): Promise<Principal> => {
    const key = headers[config.header.toLowerCase()]?.trim();
    if (!key) throw new UnauthorizedError();
    const found = await find(key);
    if ('unknown' in found) throw new UnauthorizedError('Invalid API key');
    if (found.expiresAtMs !== null && found.expiresAtMs <= clock.now().toMillis()) throw new UnauthorizedError('API key has expired');
    return found;
  };

  const bySession = async (headers: Readonly<Record<string, string>>): Promise<Principal> => {
    const token = headers[SESSION_HEADER]?.trim();
    if (!token) throw new UnauthorizedError();
    const found = await store.findByTokenHash(hashKey(token));
    if (found === null) throw new UnauthorizedError('Invalid session token');
    if (found.expiresAtMs <= clock.now().toMillis()) throw new UnauthorizedError('Session token has expired');
    return found;
  };

  return {
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
      if (principal.environmentId !== null) return inEnvironment(principal.environmentId, principal);
      const wanted = headers['x-environment-id']?.trim() ?? '';
      const cacheKey = `${principal.tenantId} ${wanted}`;
      const terms = wanted === '' ? null : (environments.get(cacheKey) ?? (await store.findEnvironment(principal.tenantId, wanted)));
      if (terms !== null) {
        if (!environments.has(cacheKey)) environments.set(cacheKey, terms);
        return inEnvironment(wanted, terms);
      }
      if (needsEnvironment) throw new ForbiddenError({ error: 'Access denied', message: 'Invalid or inaccessible environment' });
      return { ...context, environmentId: '' };
    },
  };
}
