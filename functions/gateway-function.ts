import type { App } from '#app';
import { behindEdge } from '#platform/auth/origin.ts';
import type { Config } from '#platform/config/schema.ts';
import { createGatewayHandler, type RouteModule } from '#platform/http/gateway-handler.ts';
import { withoutStage } from '#platform/http/request.ts';
import { createLogger } from '#platform/observability/logger.ts';
import { createMetrics } from '#platform/observability/metrics.ts';
import { createTracing, noTracing, type Tracing } from '#platform/observability/tracing.ts';

/**
 * The handler of a function behind API Gateway, over a configuration that is read on the first request, or over a given app.
 * What a request does not reach before its first use is no part of the cold start (test/infra/build.test.ts).
 */
export function createGatewayFunction(
  name: 'ingest' | 'management',
  modules: (app: () => App) => RouteModule[],
  source: (() => Promise<Config>) | App,
) {
  let tracing = noTracing;
  let app: App | undefined = typeof source === 'function' ? undefined : source;
  let starting: Promise<App> | undefined;
  /** One start for all who wait for it. A failed one must not stay: the next request tries again. */
  const started = async (): Promise<App> =>
    (app ??= await (starting ??= start(name, source as () => Promise<Config>)
      .then((begun) => {
        tracing = begun.tracing;
        return begun.app;
      })
      .catch((error: unknown) => {
        starting = undefined;
        throw error;
      })));
  // Routes are made of services, so the app comes first.
  const afterStart = (module: RouteModule): RouteModule => ({
    ...module,
    load: async () => {
      await started();
      return module.load();
    },
  });
  const handle = createGatewayHandler(modules(() => app as App).map(afterStart), async () => {
    const { config, authenticator, database, clock } = await started();
    return {
      authenticator: behindEdge(authenticator, config.server.origin_verify),
      database,
      clock,
      validateResponses: config.server.validate_responses,
      logger: createLogger(config, name),
      logEvery: name === 'ingest' ? config.log.ingest_every : 1,
    };
  });
  return async (event: Parameters<typeof handle>[0], context?: unknown) => {
    try {
      // The start decides whether to trace; one that fails is answered as any other error.
      await started().catch(() => undefined);
      return await tracing.trace(`## ${name}`, () => handle(withoutStage(event), context));
    } finally {
      // A sandbox may be frozen for good once it has answered.
      app?.metrics.flush();
    }
  };
}

async function start(name: string, source: () => Promise<Config>): Promise<{ app: App; tracing: Tracing }> {
  const [{ createApp }, config] = await Promise.all([import('#app'), source()]);
  // The way of events stays as short as it can be: the segment that Lambda itself makes is enough there.
  const [metrics, tracing] = await Promise.all([
    createMetrics(config, name),
    name === 'management' ? createTracing(config, name) : noTracing,
  ]);
  return { app: createApp(config, { metrics }), tracing };
}
