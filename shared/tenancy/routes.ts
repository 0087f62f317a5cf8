import { permits } from '#access/domain/roles.ts';
import { parseExpand } from '#kernel/pagination.ts';
import { fromWire, toWire } from '#kernel/wire.ts';
import { furtherPages } from '#platform/http/page.ts';
import { created, ok, type Route, route } from '#platform/http/route.ts';
import { byId, crudRoutes } from '#platform/resource/routes.ts';
import { shaped } from '#platform/resource/shape.ts';
import {
  ApiKeyList,
  ApiKeyResponse,
  CreateApiKeyRequest,
  CreateApiKeyResponse,
  CreateEnvironmentRequest,
  EnvironmentList,
  EnvironmentResponse,
  IngestTermsRequest,
  IngestTermsResponse,
  ListApiKeysResponse,
  ListEnvironmentsResponse,
  TenantResponse,
  UpdateEnvironmentRequest,
  UpdateTenantRequest,
  UserResponse,
} from './contracts.ts';
import { quotaOf, shownKey, type Tenant } from './domain.ts';
import type { TenancyService } from './service.ts';

const tenantToWire = (tenant: Tenant): unknown => shaped(TenantResponse, tenant);

const termsToWire = ({ id, ingestLazy, ingestEventsPerSecond, ingestBurst }: Tenant): unknown => {
  const quota = quotaOf(ingestEventsPerSecond, ingestBurst);
  return { tenant_id: id, lazy: ingestLazy, quota: quota === null ? null : toWire(quota) };
};

export const environmentRoutes = (tenancy: TenancyService): Route[] => [
  route({
    method: 'GET',
    path: '/v1/environments',
    operationId: 'getEnvironments',
    tag: 'Environments',
    summary: 'List environments',
    permission: 'read:Environment',
    withoutEnvironment: true,
    query: EnvironmentList.query,
    responses: { 200: ListEnvironmentsResponse },
    handler: async ({ ctx, query }) => {
      parseExpand(query.expand, []);
      const page = await tenancy.listEnvironments(ctx, EnvironmentList.read(ctx, query));
      const { items, total, offset, limit } = page;
      return ok({ environments: items.map((item) => shaped(EnvironmentResponse, item)), total, offset, limit, ...furtherPages(page) });
    },
  }),
  ...crudRoutes({
    tag: 'Environments',
    path: '/v1/environments',
    entity: 'Environment',
    withoutEnvironment: true,
    response: EnvironmentResponse,
    create: {
      operationId: 'createEnvironment',
      summary: 'Create an environment',
      body: CreateEnvironmentRequest,
      run: tenancy.createEnvironment,
    },
    get: { operationId: 'getEnvironment', summary: 'Get an environment', run: tenancy.getEnvironment },
    update: {
      operationId: 'updateEnvironment',
      summary: 'Update an environment',
      body: UpdateEnvironmentRequest,
      run: tenancy.updateEnvironment,
    },
  }),
];

export const tenantRoutes = (tenancy: TenancyService): Route[] => [
  route({
    method: 'PUT',
    path: '/v1/tenants/update',
    operationId: 'updateTenant',
    tag: 'Tenants',
    summary: 'Update the own tenant',
    permission: 'write:Tenant',
    withoutEnvironment: true,
    body: UpdateTenantRequest,
    responses: { 200: TenantResponse },
    handler: async ({ ctx, body }) => ok(tenantToWire(await tenancy.updateTenant(ctx, body))),
  }),
  route({
    method: 'GET',
    path: '/v1/tenants/{id}',
    operationId: 'getTenantById',
    tag: 'Tenants',
    summary: 'Get the own tenant',
    permission: 'read:Tenant',
    withoutEnvironment: true,
    params: byId,
    responses: { 200: TenantResponse },
    handler: async ({ ctx, params }) => ok(tenantToWire(await tenancy.getTenant(ctx, params.id))),
  }),
  route({
    method: 'GET',
    path: '/v1/tenants/{id}/ingest',
    operationId: 'getIngestTerms',
    tag: 'Tenants',
    summary: 'How events of a tenant are let in (operator)',
    permission: 'operator',
    withoutEnvironment: true,
    params: byId,
    responses: { 200: IngestTermsResponse },
    handler: async ({ ctx, params }) => ok(termsToWire(await tenancy.getTenant({ ...ctx, tenantId: params.id }, params.id))),
  }),
  route({
    method: 'PUT',
    path: '/v1/tenants/{id}/ingest',
    operationId: 'updateIngestTerms',
    tag: 'Tenants',
    summary: 'Set the quota of a tenant, or the stream of its events, without a restart (operator)',
    permission: 'operator',
    withoutEnvironment: true,
    params: byId,
    body: IngestTermsRequest,
    responses: { 200: IngestTermsResponse },
    handler: async ({ ctx, params, body }) => ok(termsToWire(await tenancy.updateIngestTerms({ ...ctx, tenantId: params.id }, body))),
  }),
];

export const userRoutes = (tenancy: TenancyService): Route[] => [
  route({
    method: 'GET',
    path: '/v1/users/me',
    operationId: 'getUserInfo',
    tag: 'Users',
    summary: 'Who the credential stands for; its tenant is shown to those who may read it',
    permission: 'authenticated',
    withoutEnvironment: true,
    responses: { 200: UserResponse },
    handler: async ({ ctx }) => {
      const { user, tenant } = await tenancy.me(ctx);
      return ok({
        ...(toWire({
          id: user.id,
          type: user.type,
          email: user.email,
          name: user.name,
          roles: ctx.roles,
          metadata: user.metadata,
        }) as object),
        ...(permits(ctx, 'read:Tenant') ? { tenant: tenantToWire(tenant) } : {}),
      });
    },
  }),
];

export const secretRoutes = (tenancy: TenancyService): Route[] => [
  route({
    method: 'POST',
    path: '/v1/secrets/api/keys',
    operationId: 'createApiKey',
    tag: 'Secrets',
    summary: 'Create an API key; its full text is shown once',
    permission: 'write:Secret',
    // The answer holds the key itself, which must not be kept: so no stored answers here.
    idempotent: false,
    body: CreateApiKeyRequest,
    responses: { 201: CreateApiKeyResponse },
    handler: async ({ ctx, body }) => {
      const { secret, key } = await tenancy.createKey(ctx, fromWire(body));
      return created(shaped(CreateApiKeyResponse, { secret: shownKey(secret), apiKey: key }));
    },
  }),
  ...crudRoutes({
    tag: 'Secrets',
    path: '/v1/secrets/api/keys',
    entity: 'Secret',
    response: ApiKeyResponse,
    list: {
      listing: ApiKeyList,
      response: ListApiKeysResponse,
      get: { operationId: 'listApiKeys', summary: 'List API keys' },
      show: (key) => shaped(ApiKeyResponse, shownKey(key)),
      run: tenancy.listKeys,
    },
    delete: {
      operationId: 'deleteApiKey',
      summary: 'Delete an API key; it stops working at once, in other processes within five seconds',
      run: tenancy.deleteKey,
    },
  }),
];
