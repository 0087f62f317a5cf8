import type { Engines } from '#module/engines.ts';
import { defineModule } from '#module/declaration.ts';
import { CUSTOMER_DELETED, type CustomerService } from '#customers/service.ts';
import { hook } from '#platform/resource/hooks.ts';
import type { SettingService } from '#settings/service.ts';
import { createPortalService } from './service/portal.ts';
import { createPortalSessionService } from './service/sessions.ts';

interface Needs extends Engines {
  readonly customers: CustomerService;
  readonly settings: SettingService;
}

/** What a customer sees of itself, with a session that its seller makes. */
export const portal = defineModule({
  name: 'portal',
  settings: async () => (await import('./settings.ts')).settingDefinitions,
  build: (app: Needs) => ({
    portalSessions: () =>
      createPortalSessionService({ database: app.database, clock: app.clock, customers: app.customers, url: app.config.portal.url }),
    portal: () => createPortalService(app),
  }),
  routes: (app) => [
    { prefix: '/v1/customers', load: async () => (await import('./routes/session.ts')).portalSessionRoutes(app().portalSessions) },
  ],
  portalRoutes: (app) => [
    { prefix: '/v1/customer/portal', load: async () => (await import('./routes/portal.ts')).portalRoutes(app().portal) },
  ],
  hooks: ({ portalSessions }) => [hook(CUSTOMER_DELETED, (tx, { id }) => portalSessions.endAllOf(tx, id))],
});
