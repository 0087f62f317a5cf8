import { hashKey } from '#access/domain/key-hash.ts';
import { rightBeyond, type Role } from '#access/domain/roles.ts';
import { ACCESS_CHANGED } from '#access/service/changed.ts';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { invalid, notFound } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import type { Entity } from '#kernel/permission.ts';
import type { Page } from '#kernel/pagination.ts';
import type { Camelized } from '#kernel/wire.ts';
import type { Hooks } from '#platform/resource/hooks.ts';
import type { Database, TenantTransaction } from '#platform/postgres/database.ts';
import type { ListRequest } from '#platform/resource/listing.ts';
import { columns, given } from '#platform/resource/patch.ts';
import { publish } from '#platform/resource/publish.ts';
import type {
  CreateApiKeyRequest,
  CreateEnvironmentRequest,
  IngestTermsRequest,
  UpdateEnvironmentRequest,
  UpdateTenantRequest,
} from './contracts.ts';
import { type ApiKey, type Environment, generateKey, maskKey, PUBLISHABLE_ROLE, shownKey, type Tenant, type User } from './domain.ts';
import { apiKeyEvents, environmentEvents, tenantEvents } from './events.ts';
import { environmentRepository, keyRepository, tenancyRepository } from './repository.ts';

export interface TenancyDependencies {
  readonly database: Database;
  readonly clock: Clock;
  readonly hooks: Hooks;
  /** All that the modules declare rights to, so that nobody gives away one that they lack. */
  readonly entities: readonly Entity[];
}
export type TenancyService = ReturnType<typeof createTenancyService>;

const environmentColumns = columns({ name: given<string>, type: given<Environment['type']> });

/** Use cases of tenants, environments, users and API keys. */
export function createTenancyService({ database, clock, hooks, entities }: TenancyDependencies) {
  const insertEnvironment = async (tx: TenantTransaction, request: CreateEnvironmentRequest): Promise<Environment> => {
    const now = clock.now();
    const environment = await environmentRepository.insert(tx, {
      id: newId('env', clock),
      name: request.name,
      type: request.type,
      createdAt: now,
      updatedAt: now,
    });
    await publish(tx, clock, environmentEvents.created, environment);
    return environment;
  };

  const insertKey = async (
    tx: TenantTransaction,
    key: string,
    request: Omit<Camelized<CreateApiKeyRequest>, 'roles' | 'serviceAccountId'>,
    { roles, userId }: Pick<ApiKey, 'roles' | 'userId'>,
  ): Promise<ApiKey> => {
    const now = clock.now();
    const created = await keyRepository.insert(tx, {
      id: newId('secret', clock),
      name: request.name,
      type: request.type,
      keyHash: hashKey(key),
      displayId: maskKey(key),
      userId,
      roles,
      expiresAt: request.expiresAt ?? null,
      lastUsedAt: null,
      ingestEventsPerSecond: request.ingestQuota?.eventsPerSecond ?? null,
      ingestBurst: request.ingestQuota?.burst ?? null,
      createdAt: now,
      updatedAt: now,
    });
    await publish(tx, clock, apiKeyEvents.created, shownKey(created));
    return created;
  };

  /** What a new key gives: what was asked for, and never more than its maker, its service account and its type have. */
  const rolesOfNew = (
    ctx: RequestContext,
    { type, roles: wanted }: Camelized<CreateApiKeyRequest>,
    account: User | null,
  ): readonly Role[] => {
    const bounds: [holder: readonly string[], whose: string][] = [
      [ctx.roles, 'you do not have yourself'],
      ...(account === null ? [] : [[account.roles, 'the service account does not have'] as [readonly string[], string]]),
      ...(type === 'private_key'
        ? []
        : [[[PUBLISHABLE_ROLE], 'a publishable key cannot have: it sends events and does nothing else'] as [string[], string]]),
    ];
    const roles = wanted ?? (type === 'publishable_key' ? [PUBLISHABLE_ROLE] : (account?.roles ?? (ctx.roles as readonly Role[])));
    for (const [bound, whose] of bounds) {
      const beyond = rightBeyond({ roles: bound }, { roles }, entities);
      if (beyond !== null) throw invalid(wanted ? 'roles' : account ? 'service_account_id' : 'type', `gives ${beyond}, which ${whose}`);
    }
    return roles;
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
        await publish(tx, clock, tenantEvents.created, created);
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
          insertKey(tx, key, { name: 'Default key', type: 'private_key' }, { roles: ['super_admin'], userId: null }),
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
        await publish(tx, clock, tenantEvents.updated, tenant);
        return tenant;
      }),

    /** How the tenant's events are let in; what the request does not name stays. Followed at once here, and within five seconds by all other processes. */
    updateIngestTerms: (ctx: RequestContext, { lazy, quota }: IngestTermsRequest): Promise<Tenant> =>
      database.withTenant(ctx, async (tx) => {
        await tenancyRepository.getTenant(tx, ctx.tenantId);
        const tenant = await tenancyRepository.updateTenant(tx, ctx.tenantId, {
          ...(lazy === undefined ? {} : { ingestLazy: lazy }),
          ...(quota === undefined ? {} : { ingestEventsPerSecond: quota?.events_per_second ?? null, ingestBurst: quota?.burst ?? null }),
          updatedAt: clock.now(),
        });
        await publish(tx, clock, tenantEvents.updated, tenant);
        await hooks.run(tx, ACCESS_CHANGED, ctx);
        return tenant;
      }),

    createEnvironment: (ctx: RequestContext, request: CreateEnvironmentRequest): Promise<Environment> =>
      database.withTenant(ctx, (tx) => insertEnvironment(tx, request)),

    getEnvironment: (ctx: RequestContext, id: string): Promise<Environment> =>
      database.withTenant(ctx, (tx) => environmentRepository.get(tx, id)),

    updateEnvironment: (ctx: RequestContext, id: string, request: UpdateEnvironmentRequest): Promise<Environment> =>
      database.withTenant(ctx, async (tx) => {
        await environmentRepository.lock(tx, id);
        const environment = await environmentRepository.update(tx, id, { ...environmentColumns.changed(request), updatedAt: clock.now() });
        await publish(tx, clock, environmentEvents.updated, environment);
        return environment;
      }),

    listEnvironments: (ctx: RequestContext, request: ListRequest): Promise<Page<Environment>> =>
      database.withTenant(ctx, (tx) => environmentRepository.list(tx, request)),

    /** The caller: its user with the roles of the key, or for a key without one the key itself shown as a service account. */
    me: (ctx: RequestContext): Promise<{ user: Pick<User, 'id' | 'type' | 'email' | 'name' | 'metadata'>; tenant: Tenant }> =>
      database.withTenant(ctx, async (tx) => {
        const tenant = await tenancyRepository.getTenant(tx, ctx.tenantId);
        if (ctx.actorType === 'user') return { user: await tenancyRepository.getUser(tx, ctx.actorId), tenant };
        return { user: { id: ctx.actorId, type: 'service_account', email: null, name: null, metadata: {} }, tenant };
      }),

    /**
     * The full key is in the answer, and nowhere else ever again. It stands for the service account that is named, else for its maker.
     * A key cannot give more rights than its maker has: 400 that names the right.
     */
    createKey: (ctx: RequestContext, request: Camelized<CreateApiKeyRequest>): Promise<{ secret: ApiKey; key: string }> =>
      database.withTenant(ctx, async (tx) => {
        if (request.expiresAt && request.expiresAt <= clock.now()) throw invalid('expires_at', 'must be in the future');
        const account = request.serviceAccountId ? await tenancyRepository.getUser(tx, request.serviceAccountId) : null;
        if (account && account.type !== 'service_account') throw notFound('service account', account.id);
        const roles = rolesOfNew(ctx, request, account);
        const userId = account?.id ?? (ctx.actorType === 'user' ? ctx.actorId : null);
        const key = generateKey(request.type);
        return { secret: await insertKey(tx, key, request, { roles, userId }), key };
      }),

    listKeys: (ctx: RequestContext, request: ListRequest): Promise<Page<ApiKey>> =>
      database.withTenant(ctx, (tx) => keyRepository.list(tx, request)),

    deleteKey: (ctx: RequestContext, id: string): Promise<void> =>
      database.withTenant(ctx, async (tx) => {
        await keyRepository.lock(tx, id);
        const key = await keyRepository.update(tx, id, { status: 'deleted', updatedAt: clock.now() });
        await publish(tx, clock, apiKeyEvents.deleted, shownKey(key));
        await hooks.run(tx, ACCESS_CHANGED, ctx);
      }),
  };
}
