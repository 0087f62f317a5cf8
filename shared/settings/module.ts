import type { Engines } from '#module/engines.ts';
import { defineModule } from '#module/declaration.ts';
import { entities } from './permissions.ts';
import { createSettingService } from './service.ts';

export const settings = defineModule({
  name: 'settings',
  entities,
  build: (app: Engines) => ({ settings: () => createSettingService(app) }),
  routes: (app) => [
    {
      prefix: '/v1/settings',
      load: async () => (await import('./routes.ts')).settingRoutes(app().settings, await app().settingDefinitions()),
    },
  ],
});
