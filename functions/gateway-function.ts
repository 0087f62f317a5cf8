import type { Engines, EngineOptions } from '#module/engines.ts';
import type { Config } from '#platform/config/schema.ts';
import type { Admit } from '#platform/http/handle.ts';
import { createGatewayHandler, type RouteModule, type RoutePart, unstarted } from '#platform/http/gateway-handler.ts';
import { type GatewayEvent, type GatewayResult, withoutStage } from '#platform/http/request.ts';
import { createTurns } from '#platform/http/turns.ts';
import { createLogger } from '#platform/observability/logger.ts';
import { createMetrics } from '#platform/observability/metrics.ts';
import { createTracing, noTracing, type Tracing } from '#platform/observability/tracing.ts';

/** What of an app the frame of a function needs. */
export type Served = Engines & { readonly admit: Admit };

/** The part of the product that a function serves: loaded on the first request, so that a cold start pays for what it reaches. */
export interface ServedPart<App extends Served> {
  create(config: Config, options: EngineOptions): App;
  routes(app: () => App): readonly RouteModule[];
}

/** Of those who change one entity two hold a connection; the others wait before they take one. */
const CHANGES_OF_ONE_ENTITY = { atOnce: 2, waitMs: 3_000 } as const;

type Handler = (event: GatewayEvent, context?: unknown) => Promise<GatewayResult>;

interface Started<App> {
  readonly app: App;
  readonly tracing: Tracing;
  readonly handle: Handler;
}

/**
 * The handler of a function behind API Gateway, over a configuration that is read on the first request, or over a given app.
 * What a request does not reach before its first use is no part of the cold start (test/infra/build.test.ts).
 */
export function createGatewayFunction<App extends Served>(
  name: RoutePart,
  load: () => Promise<ServedPart<App>>,
  source: (() => Promise<Config>) | App,
): Handler {
  let starting: Promise<Started<App>> | undefined;
  /** One start for all who wait for it. A failed one must not stay: the next request tries again. */
  const started = (): Promise<Started<App>> =>
    (starting ??= start(name, load, source).catch((error: unknown) => {
      starting = undefined;
      throw error;
    }));

  return async (event, context) => {
    let ready: Started<App>;
    try {
      ready = await started();
    } catch (error) {
      return unstarted(event, error);
    }
    try {
      return await ready.tracing.trace(`## ${name}`, () => ready.handle(withoutStage(event), context));
    } finally {
      // A sandbox may be frozen for good once it has answered.
      ready.app.metrics.flush();
    }
  };
}

async function start<App extends Served>(
  name: RoutePart,
  load: () => Promise<ServedPart<App>>,
  source: (() => Promise<Config>) | App,
): Promise<Started<App>> {
  const part = await load();
  const { app, tracing } = typeof source === 'function' ? await open(name, part, await source()) : { app: source, tracing: noTracing };
  const { config, admit, database, clock } = app;
  const turns = createTurns(CHANGES_OF_ONE_ENTITY);
  const handle = createGatewayHandler(
    part.routes(() => app),
    async () => ({
      admit,
      database,
      clock,
      validateResponses: config.server.validate_responses,
      turns,
      logger: createLogger(config, name),
      logEvery: name === 'ingest' ? config.log.ingest_every : 1,
    }),
  );
  return { app, tracing, handle };
}

async function open<App extends Served>(name: RoutePart, part: ServedPart<App>, config: Config): Promise<{ app: App; tracing: Tracing }> {
  // The way of events stays as short as it can be: the segment that Lambda itself makes is enough there.
  const [metrics, tracing] = await Promise.all([
    createMetrics(config, name),
    name === 'management' ? createTracing(config, name) : noTracing,
  ]);
  return { app: part.create(config, { metrics }), tracing };
}
