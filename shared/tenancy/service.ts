import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { invalid, notFound } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import type { ListOptions, Page } from '#kernel/pagination.ts';
import type { Camelized } from '#kernel/wire.ts';
import { hashKey } from '#platform/auth/authenticate.ts';
import type { Database, TenantTransaction } from '#platform/postgres/database.ts';
import { appendSystemEvent } from '#platform/postgres/outbox.ts';
import type {
  CreateApiKeyRequest,
  CreateEnvironmentRequest,
  IngestTermsRequest,
  UpdateEnvironmentRequest,
  UpdateTenantRequest,
} from './contracts.ts';
import { type ApiKey, type Environment, generateKey, maskKey, rolesOfKey, type Tenant, type User } from './domain.ts';
import { tenancyRepository } from './repository.ts';

export interface TenancyDependencies {
  readonly database: Database;
  readonly clock: Clock;
}
export type TenancyService = ReturnType<typeof createTenancyService>;

/** Use cases of tenants, environments, users and API keys. */
export function createTenancyService({ database, clock }: TenancyDependencies) {
  const publish = (tx: TenantTransaction, eventName: string, entityType: string, entityId: string, payload: Record<string, unknown>) =>
    appendSystemEvent(tx, clock, { eventName, entityType, entityId, payload });

  const insertEnvironment = async (tx: TenantTransaction, request: CreateEnvironmentRequest): Promise<Environment> => {
    const now = clock.now();
    const environment = await tenancyRepository.insertEnvironment(tx, {
      id: newId('env', clock),
      name: request.name,
      type: request.type,
      createdAt: now,
      updatedAt: now,
    });
    await publish(tx, 'environment.created', 'environment', environment.id, {
      id: environment.id,
      name: environment.name,
      type: environment.type,
    });
    return environment;
  };

  const insertKey = async (
    tx: TenantTransaction,
    key: string,
    request: Camelized<CreateApiKeyRequest>,
    user: User | null,
  ): Promise<ApiKey> => {
    const now = clock.now();
    const created = await tenancyRepository.insertKey(tx, {
      id: newId('secret', clock),
      name: request.name,
      type: request.type,
      keyHash: hashKey(key),
      displayId: maskKey(key),
      userId: user?.id ?? null,
      roles: request.roles ?? rolesOfKey(request.type, user?.roles ?? null),
      expiresAt: request.expiresAt ?? null,
      lastUsedAt: null,
      ingestEventsPerSecond: request.ingestQuota?.eventsPerSecond ?? null,
      ingestBurst: request.ingestQuota?.burst ?? null,
      createdAt: now,
      updatedAt: now,
    });
    await publish(tx, 'api_key.created', 'secret', created.id, {
      id: created.id,
      name: created.name,
      type: created.type,
      display_id: created.displayId,
      roles: created.roles,
    });
    return created;
  };

  return {
    /**
     * A new tenant with its two environments. With a key, that key is bound to the first environment with full rights.
     * The context names the tenant to be made (an operator's act, not an operation of the API).
     */
    createTenant: async (
      ctx: RequestContext,
      request: { name: string; key?: string },
    ): Promise<{ tenant: Tenant; environments: Environment[] }> => {
      const tenantCtx = { ...ctx, environmentId: '' };
      const { tenant, environments } = await database.withTenant(tenantCtx, async (tx) => {
        const now = clock.now();
        const created = await tenancyRepository.insertTenant(tx, {
          id: ctx.tenantId,
          name: request.name,
          internalStatus: 'active',
          billingDetails: {},
          metadata: {},
          createdAt: now,
          updatedAt: now,
        });
        await publish(tx, 'tenant.created', 'tenant', created.id, { id: created.id, name: created.name });
        return {
          tenant: created,
          environments: [
            await insertEnvironment(tx, { name: 'Development', type: 'development' }),
            await insertEnvironment(tx, { name: 'Production', type: 'production' }),
          ],
        };
      });
      const { key } = request;
      if (key !== undefined) {
        await database.withTenant({ ...ctx, environmentId: environments[0]?.id ?? '' }, (tx) =>
          insertKey(tx, key, { name: 'Default key', type: 'private_key' }, null),
        );
      }
      return { tenant, environments };
    },

    /** Only one's own tenant exists for a caller. */
    getTenant: (ctx: RequestContext, id: string): Promise<Tenant> => database.withTenant(ctx, (tx) => tenancyRepository.getTenant(tx, id)),

    updateTenant: (ctx: RequestContext, request: UpdateTenantRequest): Promise<Tenant> =>
      database.withTenant(ctx, async (tx) => {
        const tenant = await tenancyRepository.updateTenant(tx, ctx.tenantId, {
          ...(request.name === undefined ? {} : { name: request.name }),
          ...(request.metadata === undefined ? {} : { metadata: request.metadata }),
          ...(request.billing_details === undefined ? {} : { billingDetails: request.billing_details }),
          updatedAt: clock.now(),
        });
        await publish(tx, 'tenant.updated', 'tenant', tenant.id, { id: tenant.id, name: tenant.name });
        return tenant;
      }),

    /** How the tenant's events are let in; what the request does not name stays. Processes see it when they look its keys up again, within a minute. */
    updateIngestTerms: (ctx: RequestContext, { lazy, quota }: IngestTermsRequest): Promise<Tenant> =>
      database.withTenant(ctx, async (tx) => {
        await tenancyRepository.getTenant(tx, ctx.tenantId);
        const tenant = await tenancyRepository.updateTenant(tx, ctx.tenantId, {
          ...(lazy === undefined ? {} : { ingestLazy: lazy }),
          ...(quota === undefined ? {} : { ingestEventsPerSecond: quota?.events_per_second ?? null, ingestBurst: quota?.burst ?? null }),
          updatedAt: clock.now(),
        });
        await publish(tx, 'tenant.updated', 'tenant', tenant.id, {
          id: tenant.id,
          ingest_lazy: tenant.ingestLazy,
          ingest_events_per_second: tenant.ingestEventsPerSecond,
          ingest_burst: tenant.ingestBurst,
        });
        return tenant;
      }),

    createEnvironment: (ctx: RequestContext, request: CreateEnvironmentRequest): Promise<Environment> =>
      database.withTenant(ctx, (tx) => insertEnvironment(tx, request)),

    getEnvironment: (ctx: RequestContext, id: string): Promise<Environment> =>
      database.withTenant(ctx, (tx) => tenancyRepository.getEnvironment(tx, id)),

    updateEnvironment: (ctx: RequestContext, id: string, request: UpdateEnvironmentRequest): Promise<Environment> =>
      database.withTenant(ctx, async (tx) => {
        await tenancyRepository.getEnvironment(tx, id);
        const environment = await tenancyRepository.updateEnvironment(tx, id, { ...request, updatedAt: clock.now() }, ctx.actorId);
        await publish(tx, 'environment.updated', 'environment', id, { id, name: environment.name, type: environment.type });
        return environment;
      }),

    listEnvironments: (ctx: RequestContext, options: ListOptions): Promise<Page<Environment>> =>
      database.withTenant(ctx, (tx) => tenancyRepository.listEnvironments(tx, options)),

    /** The caller: its user, or for a key without one the key itself shown as a service account. */
    me: (ctx: RequestContext): Promise<{ user: Pick<User, 'id' | 'type' | 'email' | 'name' | 'roles' | 'metadata'>; tenant: Tenant }> =>
      database.withTenant(ctx, async (tx) => {
        const tenant = await tenancyRepository.getTenant(tx, ctx.tenantId);
        if (ctx.actorType === 'user') return { user: await tenancyRepository.getUser(tx, ctx.actorId), tenant };
        return { user: { id: ctx.actorId, type: 'service_account', email: null, name: null, roles: ctx.roles, metadata: {} }, tenant };
      }),

    /** The full key is in the answer, and nowhere else ever again. A key cannot give more rights than its maker has. */
    createKey: (ctx: RequestContext, request: Camelized<CreateApiKeyRequest>): Promise<{ secret: ApiKey; key: string }> =>
      database.withTenant(ctx, async (tx) => {
        if (request.expiresAt && request.expiresAt <= clock.now()) throw invalid('expires_at', 'must be in the future');
        const user = request.serviceAccountId === undefined ? null : await tenancyRepository.getUser(tx, request.serviceAccountId);
        if (user && user.type !== 'service_account') throw notFound('service account', user.id);
        const roles = request.roles ?? rolesOfKey(request.type, user?.roles ?? null);
        const missing = ctx.roles.includes('super_admin') ? undefined : roles.find((role) => !ctx.roles.includes(role));
        if (missing !== undefined && !(request.roles === undefined && user === null))
          throw invalid('roles', `you do not have ${missing} yourself`);
        const granted = missing === undefined ? roles : ctx.roles;
        const key = generateKey(request.type);
        return { secret: await insertKey(tx, key, { ...request, roles: [...granted] }, user), key };
      }),

    listKeys: (ctx: RequestContext, options: ListOptions): Promise<Page<ApiKey>> =>
      database.withTenant(ctx, (tx) => tenancyRepository.listKeys(tx, options)),

    deleteKey: (ctx: RequestContext, id: string): Promise<void> =>
      database.withTenant(ctx, async (tx) => {
        const key = await tenancyRepository.deleteKey(tx, id, { updatedAt: clock.now() }, ctx.actorId);
        await publish(tx, 'api_key.deleted', 'secret', id, { id, name: key.name, display_id: key.displayId });
      }),
  };
}
