import type { RouteModule, RoutePart } from '#platform/http/gateway-handler.ts';
import type { ModuleOf } from '#module/declaration.ts';
import { forCustomers } from '#portal/routes/for-customers.ts';

/**
 * The routes of modules that one function serves, one entry for each prefix: a table and its schemas are loaded with the first request to its resource, so that a
 * cold start pays for one resource and not for all.
 */
export function mountedRoutes<App>(modules: readonly ModuleOf<App>[], app: () => App, part: RoutePart): RouteModule[] {
  const byPrefix = Map.groupBy(
    modules
      .flatMap((module) => [...(module.routes?.(app) ?? []), ...(module.portalRoutes?.(app) ?? []).map(ofSession)])
      .filter((mounted) => (mounted.part ?? 'management') === part),
    ({ prefix }) => prefix,
  );
  return [...byPrefix].map(([prefix, parts]) => ({
    prefix,
    load: async () => (await Promise.all(parts.map((part) => part.load()))).flat(),
  }));
}

/** Whatever a module shows in the portal takes a session and nothing else. */
function ofSession({ load, ...mounted }: RouteModule): RouteModule {
  return { ...mounted, load: async () => (await load()).map(forCustomers) };
}
