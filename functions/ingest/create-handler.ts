import { type App, createApp } from '#app';
import type { Config } from '#platform/config/schema.ts';
import { createGatewayHandler } from '#platform/http/gateway-handler.ts';
import { createLogger } from '#platform/observability/logger.ts';
import { ingestModules } from './modules.ts';

/** The ingest handler over a configuration that is read on the first request, or over a given app. */
export function createIngestHandler(source: (() => Promise<Config>) | App) {
  let app: App | undefined = typeof source === 'function' ? undefined : source;
  return createGatewayHandler(ingestModules(() => app as App), async () => {
    app ??= createApp(await (source as () => Promise<Config>)());
    const { config, authenticator, database, clock } = app;
    return { authenticator, database, clock, validateResponses: config.server.validate_responses, logger: createLogger(config, 'ingest') };
  });
}
