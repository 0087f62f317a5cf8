import type { Engines } from '#module/engines.ts';
import { defineModule } from '#module/declaration.ts';
import { entities } from './permissions.ts';
import { createCustomerService } from './service.ts';

export const customers = defineModule({
  name: 'customers',
  entities,
  build: (app: Engines) => ({ customers: () => createCustomerService(app) }),
  routes: (app) => [{ prefix: '/v1/customers', load: async () => (await import('./routes.ts')).customerRoutes(app().customers) }],
});
