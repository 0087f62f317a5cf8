import * as z from 'zod';
import { listOptions } from '#kernel/pagination.ts';
import { fromWire, toWire } from '#kernel/wire.ts';
import { pageReply } from '#platform/http/page.ts';
import { created, noContent, ok, type Route, route } from '#platform/http/route.ts';
import {
  ApiKeyListQuery,
  CreateApiKeyRequest,
  CreateApiKeyResponse,
  CreateEnvironmentRequest,
  EnvironmentListQuery,
  EnvironmentResponse,
  IngestTermsRequest,
  IngestTermsResponse,
  ListApiKeysResponse,
  ListEnvironmentsResponse,
  RolesResponse,
  TenantResponse,
  UpdateEnvironmentRequest,
  UpdateTenantRequest,
  UserResponse,
} from './contracts.ts';
import { type ApiKey, type Environment, quotaOf, type Tenant } from './domain.ts';
import type { TenancyService } from './service.ts';

const byId = z.object({ id: z.string() });

const environmentToWire = (environment: Environment): unknown =>
  toWire({
    id: environment.id,
    name: environment.name,
    type: environment.type,
    createdAt: environment.createdAt,
    updatedAt: environment.updatedAt,
  });

const tenantToWire = (tenant: Tenant): unknown =>
  toWire({
    id: tenant.id,
    name: tenant.name,
    status: tenant.status,
    billingDetails: tenant.billingDetails,
    metadata: tenant.metadata,
    createdAt: tenant.createdAt,
    updatedAt: tenant.updatedAt,
  });

const termsToWire = ({ id, ingestLazy, ingestEventsPerSecond, ingestBurst }: Tenant): unknown => {
  const quota = quotaOf(ingestEventsPerSecond, ingestBurst);
  return { tenant_id: id, lazy: ingestLazy, quota: quota === null ? null : toWire(quota) };
};

/** The hash stays inside. */
function keyToWire({
  keyHash: _hash,
  tenantId: _tenant,
  environmentId: _environment,
  createdBy: _creator,
  updatedBy: _editor,
  ingestEventsPerSecond,
  ingestBurst,
  ...key
}: ApiKey): unknown {
  return toWire({ ...key, provider: 'flexprice', ingestQuota: quotaOf(ingestEventsPerSecond, ingestBurst) });
}

export const environmentRoutes = (tenancy: TenancyService): Route[] => [
  route({
    method: 'GET',
    path: '/v1/environments',
    operationId: 'getEnvironments',
    tag: 'Environments',
    summary: 'List environments',
    permission: 'read:Environment',
    withoutEnvironment: true,
    query: EnvironmentListQuery,
    responses: { 200: ListEnvironmentsResponse },
    handler: async ({ ctx, query }) => {
      const page = await tenancy.listEnvironments(ctx, listOptions(query));
      return ok({ environments: page.items.map(environmentToWire), total: page.total, offset: page.offset, limit: page.limit });
    },
  }),
  route({
    method: 'POST',
    path: '/v1/environments',
    operationId: 'createEnvironment',
    tag: 'Environments',
    summary: 'Create an environment',
    permission: 'write:Environment',
    withoutEnvironment: true,
    body: CreateEnvironmentRequest,
    responses: { 201: EnvironmentResponse },
    handler: async ({ ctx, body }) => created(environmentToWire(await tenancy.createEnvironment(ctx, body))),
  }),
  route({
    method: 'GET',
    path: '/v1/environments/{id}',
    operationId: 'getEnvironment',
    tag: 'Environments',
    summary: 'Get an environment',
    permission: 'read:Environment',
    withoutEnvironment: true,
    params: byId,
    responses: { 200: EnvironmentResponse },
    handler: async ({ ctx, params }) => ok(environmentToWire(await tenancy.getEnvironment(ctx, params.id))),
  }),
  route({
    method: 'PUT',
    path: '/v1/environments/{id}',
    operationId: 'updateEnvironment',
    tag: 'Environments',
    summary: 'Update an environment',
    permission: 'write:Environment',
    withoutEnvironment: true,
    params: byId,
    body: UpdateEnvironmentRequest,
    responses: { 200: EnvironmentResponse },
    handler: async ({ ctx, params, body }) => ok(environmentToWire(await tenancy.updateEnvironment(ctx, params.id, body))),
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
    permission: 'authenticated',
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
    summary: 'Who the credential stands for',
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
          roles: user.roles,
          metadata: user.metadata,
        }) as object),
        tenant: tenantToWire(tenant),
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
      return created({ secret: keyToWire(secret), api_key: key });
    },
  }),
  route({
    method: 'GET',
    path: '/v1/secrets/api/keys',
    operationId: 'listApiKeys',
    tag: 'Secrets',
    summary: 'List API keys',
    permission: 'read:Secret',
    query: ApiKeyListQuery,
    responses: { 200: ListApiKeysResponse },
    handler: async ({ ctx, query }) => ok(pageReply(await tenancy.listKeys(ctx, listOptions(query)), keyToWire)),
  }),
  route({
    method: 'DELETE',
    path: '/v1/secrets/api/keys/{id}',
    operationId: 'deleteApiKey',
    tag: 'Secrets',
    summary: 'Delete an API key; it stops working within a minute',
    permission: 'write:Secret',
    params: byId,
    responses: { 204: null },
    handler: async ({ ctx, params }) => {
      await tenancy.deleteKey(ctx, params.id);
      return noContent();
    },
  }),
];

const ROLES = [
  { id: 'super_admin', name: 'Super admin', description: 'Everything' },
  { id: 'all_writer', name: 'Writer', description: 'Reads and writes everything except the administration of people' },
  { id: 'all_reader', name: 'Reader', description: 'Reads everything' },
  { id: 'event_ingestor', name: 'Event ingestor', description: 'Sends events' },
  { id: 'event_reader', name: 'Event reader', description: 'Reads events' },
];

export const rbacRoutes = (): Route[] => [
  route({
    method: 'GET',
    path: '/v1/rbac/roles',
    operationId: 'listRbacRoles',
    tag: 'RBAC',
    summary: 'List roles',
    permission: 'authenticated',
    withoutEnvironment: true,
    responses: { 200: RolesResponse },
    handler: () => ok({ roles: ROLES }),
  }),
];
