import type { App } from '#app';
import type { RouteModule } from '#platform/http/gateway-handler.ts';

/**
 * Where each resource's routes live. Only prefixes stand here: a table and its schemas are loaded with the first request
 * to its resource, so that a cold start pays for one resource and not for all.
 */
export function managementModules(app: () => App): RouteModule[] {
  return [
    { prefix: '/health', load: async () => (await import('./health-routes.ts')).healthRoutes(app()) },
    { prefix: '/v1/tenants', load: async () => (await import('#tenancy/routes.ts')).tenantRoutes(app().tenancy) },
    { prefix: '/v1/environments', load: async () => (await import('#tenancy/routes.ts')).environmentRoutes(app().tenancy) },
    { prefix: '/v1/users', load: async () => (await import('#tenancy/routes.ts')).userRoutes(app().tenancy) },
    { prefix: '/v1/secrets', load: async () => (await import('#tenancy/routes.ts')).secretRoutes(app().tenancy) },
    { prefix: '/v1/rbac', load: async () => (await import('#tenancy/routes.ts')).rbacRoutes() },
    { prefix: '/v1/customers', load: async () => (await import('#customers/routes.ts')).customerRoutes(app().customers) },
  ];
}
