import type { App } from '#app/create-app.ts';
import type { Config } from '#platform/config/schema.ts';
import { createGatewayFunction } from '../gateway-function.ts';
import { healthModule } from './health.ts';

/** The management handler over a configuration that is read on the first request, or over a given app. */
export function createManagementHandler(source: (() => Promise<Config>) | App) {
  return createGatewayFunction(
    'management',
    async () => {
      const [{ createApp: create, modules }, { mountedRoutes }] = await Promise.all([
        import('#app/create-app.ts'),
        import('#app/mounted.ts'),
      ]);
      return { create, routes: (app) => [healthModule(app), ...mountedRoutes(modules, app, 'management')] };
    },
    source,
  );
}
