import type { Engines } from '#module/engines.ts';
import type { RouteModule } from '#platform/http/gateway-handler.ts';

/** Where load balancers ask. */
export function healthModule(app: () => Engines): RouteModule {
  return { prefix: '/health', load: async () => (await import('./health-routes.ts')).healthRoutes(app()) };
}
