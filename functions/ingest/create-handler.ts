import type { IngestApp } from '#app/ingest-app.ts';
import type { Config } from '#platform/config/schema.ts';
import { createGatewayFunction } from '../gateway-function.ts';

/** The ingest handler over a configuration that is read on the first request, or over a given app. The hot path, with nothing in it but the way into the event log. */
export function createIngestHandler(source: (() => Promise<Config>) | IngestApp) {
  return createGatewayFunction(
    'ingest',
    async () => {
      const [{ createIngestApp: create, ingestModules }, { mountedRoutes }] = await Promise.all([
        import('#app/ingest-app.ts'),
        import('#app/mounted.ts'),
      ]);
      return { create, routes: (app) => mountedRoutes(ingestModules, app, 'ingest') };
    },
    source,
  );
}
