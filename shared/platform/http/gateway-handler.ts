import middy from '@middy/core';
import httpCors from '@middy/http-cors';
import httpRouter from '@middy/http-router';
import { type Clock, systemClock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { newId } from '#kernel/ids.ts';
import { toJson } from '#kernel/wire.ts';
import { errorFields, type Logger } from '../observability/logger.ts';
import { errorReply } from './error-body.ts';
import { handleRoute, type RouteDependencies } from './handle.ts';
import { type GatewayEvent, type GatewayResult, type HttpRequest, lowerCased, readRequest } from './request.ts';
import type { Reply, Route } from './route.ts';

/** A resource's routes, loaded on its first request: building schemas is most of a cold start. */
export interface RouteModule {
  readonly prefix: string;
  readonly load: () => Promise<readonly Route[]>;
}

export interface GatewayDependencies extends RouteDependencies {
  readonly logger: Logger;
  readonly clock: Clock;
  /** One of so many requests that went well has a line in the log. Default 1: each. */
  readonly logEvery?: number;
}
type Handler = (event: GatewayEvent, context?: unknown) => Promise<GatewayResult>;
type RoutedEvent = GatewayEvent & { pathParameters?: Record<string, string> };

/** The Lambda handler of a set of route modules. `dependencies` is called once, on the first request. */
export function createGatewayHandler(modules: readonly RouteModule[], dependencies: () => Promise<GatewayDependencies>): Handler {
  let ready: Promise<GatewayDependencies> | undefined;
  // A failed start must not stay: the next request tries again.
  const dependenciesOnce = () =>
    (ready ??= dependencies().catch((error: unknown) => {
      ready = undefined;
      throw error;
    }));
  const router = httpRouter({
    routes: modules.flatMap((module) => {
      const handler = lazyModule(module, dependenciesOnce);
      return [module.prefix, `${module.prefix}/{proxy+}`].map((path) => ({
        method: 'ANY' as const,
        path: path as `/${string}`,
        handler: handler as never,
      }));
    }),
    notFoundResponse: pageNotFound,
  });
  const answer: Handler = async (event, context) => {
    const result = isPreflight(event) ? { statusCode: 204, headers: {}, body: '' } : await (router as unknown as Handler)(event, context);
    // Routes name their request; what no route took has a request id too.
    return 'X-Request-ID' in result.headers ? result : { ...result, headers: { 'X-Request-ID': requestIdOf(event), ...result.headers } };
  };
  return middy()
    .use(
      httpCors({
        origin: '*',
        headers: '*',
        methods: 'GET,POST,PUT,DELETE,OPTIONS',
        exposeHeaders: 'X-Request-ID,X-Usage-Watermark,Retry-After',
      }),
    )
    .handler(answer as never) as unknown as Handler;
}

function isPreflight(event: GatewayEvent): boolean {
  return ('httpMethod' in event ? event.httpMethod : event.requestContext.http.method) === 'OPTIONS';
}

function lazyModule(module: RouteModule, dependenciesOnce: () => Promise<GatewayDependencies>): Handler {
  let loaded: Promise<Handler> | undefined;
  const load = async (): Promise<Handler> => {
    const [routes, dependencies] = await Promise.all([module.load(), dependenciesOnce()]);
    return httpRouter({
      routes: routes.map((route) => ({
        method: route.method,
        path: route.path as `/${string}`,
        handler: routeHandler(route, dependencies) as never,
      })),
      notFoundResponse: pageNotFound,
    }) as unknown as Handler;
  };
  return async (event, context) => {
    loaded ??= load().catch((error: unknown) => {
      loaded = undefined;
      throw error;
    });
    try {
      return await (await loaded)(event, context);
    } catch (error) {
      const requestId = requestIdOf(event);
      await dependenciesOnce().then(
        ({ logger }) =>
          logger.error('a resource could not be loaded', { prefix: module.prefix, request_id: requestId, ...errorFields(error) }),
        () => undefined,
      );
      return respond(requestId, errorReply(error));
    }
  };
}

function routeHandler(route: Route, dependencies: GatewayDependencies): Handler {
  const { logEvery = 1 } = dependencies;
  let went = 0;
  return async (event, context) => {
    const request = readRequest(event);
    const started = performance.now();
    const requestId = requestIdFrom(request.headers) ?? newId('req', dependencies.clock);
    let log: Record<string, unknown> = { operation: route.operationId, request_id: requestId, ...invocationOf(context) };
    const admitted = (ctx: RequestContext): void => {
      log = { ...log, tenant_id: ctx.tenantId, environment_id: ctx.environmentId };
    };
    try {
      const params = Object.fromEntries(
        Object.entries((event as RoutedEvent).pathParameters ?? {}).map(([name, value]) => [name, decode(value)]),
      );
      const answer = await handleRoute(route, request, params, requestId, dependencies, admitted);
      if (answer.status >= 400 || answer.log !== undefined || went++ % logEvery === 0)
        dependencies.logger.info('request', {
          ...log,
          ...answer.log,
          status: answer.status,
          duration_ms: Math.round(performance.now() - started),
        });
      return { statusCode: answer.status, headers: headersOf(requestId, answer.body, answer.headers), body: answer.body };
    } catch (error) {
      const reply = errorReply(error);
      const fields = { ...log, status: reply.status, duration_ms: Math.round(performance.now() - started) };
      if (reply.status >= 500) dependencies.logger.error('request failed', { ...fields, ...errorFields(error) });
      else dependencies.logger.info('request', fields);
      return respond(requestId, reply);
    }
  };
}

/** Joins our lines with those that Lambda writes about the same invocation. */
function invocationOf(context: unknown): Record<string, unknown> {
  const { awsRequestId } = (context ?? {}) as { awsRequestId?: unknown };
  return awsRequestId === undefined ? {} : { function_request_id: awsRequestId };
}

/** The id of a request that reaches no route: the caller's, the gateway's, or one of our own. */
function requestIdOf(event: GatewayEvent): string {
  return requestIdFrom(lowerCased(event.headers)) ?? (event.requestContext.requestId || newId('req', systemClock));
}

function requestIdFrom(headers: HttpRequest['headers']): string | undefined {
  return headers['x-request-id']?.slice(0, 128) || undefined;
}

function respond(requestId: string, reply: Reply): GatewayResult {
  const body = toJson(reply.body);
  return { statusCode: reply.status, headers: headersOf(requestId, body, reply.headers ?? {}), body };
}

function headersOf(requestId: string, body: string, extra: Readonly<Record<string, string>>): Record<string, string> {
  return { 'X-Request-ID': requestId, ...(body === '' ? {} : { 'Content-Type': 'application/json' }), ...extra };
}

function pageNotFound(): never {
  // The router's contract allows any answer here; its type only knows "throws".
  return { statusCode: 404, headers: { 'Content-Type': 'text/plain' }, body: '404 page not found' } as never;
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
