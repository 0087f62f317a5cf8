import type { App } from '#app';
import type { RouteModule } from '#platform/http/gateway-handler.ts';

/** The hot path has a function of its own, with nothing in it but the way into the event log. */
export function ingestModules(app: () => App): RouteModule[] {
  return [{ prefix: '/v1/events', load: async () => (await import('#metering/routes/ingest.ts')).ingestRoutes(await app().ingest) }];
}
