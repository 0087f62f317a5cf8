import type { App } from '#app';
import type { Config } from '#platform/config/schema.ts';
import { createGatewayHandler } from '#platform/http/gateway-handler.ts';
import { createLogger } from '#platform/observability/logger.ts';
import { createMetrics } from '#platform/observability/metrics.ts';
import { ingestModules } from './modules.ts';

/** The ingest handler over a configuration that is read on the first request, or over a given app. */
export function createIngestHandler(source: (() => Promise<Config>) | App) {
  let app: App | undefined = typeof source === 'function' ? undefined : source;
  const handle = createGatewayHandler(ingestModules(() => app as App), async () => {
    app ??= await start(source as () => Promise<Config>);
    const { config, authenticator, database, clock } = app;
    return { authenticator, database, clock, validateResponses: config.server.validate_responses, logger: createLogger(config, 'ingest') };
  });
  return async (event: Parameters<typeof handle>[0], context?: unknown) => {
    try {
      return await handle(event, context);
    } finally {
      // A sandbox may be frozen for good once it has answered.
      app?.metrics.flush();
    }
  };
}

/** Loaded here: what a request does not reach before its first use is no part of the cold start (test/infra/build.test.ts). */
async function start(source: () => Promise<Config>): Promise<App> {
  const [{ createApp }, config] = await Promise.all([import('#app'), source()]);
  return createApp(config, { metrics: await createMetrics(config, 'ingest') });
}
