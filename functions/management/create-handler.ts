import type { App } from '#app';
import type { Config } from '#platform/config/schema.ts';
import { createGatewayHandler } from '#platform/http/gateway-handler.ts';
import { createLogger } from '#platform/observability/logger.ts';
import { managementModules } from './modules.ts';

/** The management handler over a configuration that is read on the first request, or over a given app. */
export function createManagementHandler(source: (() => Promise<Config>) | App) {
  let app: App | undefined = typeof source === 'function' ? undefined : source;
  return createGatewayHandler(managementModules(() => app as App), async () => {
    // Loaded here: what a request does not reach before its first use is no part of the cold start (test/infra/build.test.ts).
    app ??= (await import('#app')).createApp(await (source as () => Promise<Config>)());
    const { config, authenticator, database, clock } = app;
    return { authenticator, database, clock, validateResponses: config.server.validate_responses, logger: createLogger(config, 'management') };
  });
}
