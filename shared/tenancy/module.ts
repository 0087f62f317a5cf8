import { defineModule } from '#module/declaration.ts';
import type { Engines } from '#module/engines.ts';
import { entities } from './permissions.ts';
import { createPrincipalStore } from './principals.ts';
import { createTenancyService } from './service.ts';

/** Tenants, their environments, users and API keys. */
export const tenancy = defineModule({
  name: 'tenancy',
  entities,
  settings: async () => (await import('./settings.ts')).settingDefinitions,
  build: (app: Engines) => ({
    tenancy: () => createTenancyService(app),
    /** Who a key stands for: `access` asks. */
    principals: () => createPrincipalStore(app.database),
  }),
  routes: (app) => [
    { prefix: '/v1/tenants', load: async () => (await import('./routes.ts')).tenantRoutes(app().tenancy) },
    { prefix: '/v1/environments', load: async () => (await import('./routes.ts')).environmentRoutes(app().tenancy) },
    { prefix: '/v1/users', load: async () => (await import('./routes.ts')).userRoutes(app().tenancy) },
    { prefix: '/v1/secrets', load: async () => (await import('./routes.ts')).secretRoutes(app().tenancy) },
  ],
});
