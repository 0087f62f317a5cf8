import middy from '@middy/core';
import httpCors from '@middy/http-cors';
import httpRouter from '@middy/http-router';
import { type Clock, systemClock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { invalid } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import { toJson } from '#kernel/wire.ts';
import { errorFields, type Logger } from '../observability/logger.ts';
import { errorReply } from './error-body.ts';
import { handleRoute, type RouteDependencies } from './handle.ts';
import { notPartOfThisVersion, notServedBelow } from './not-served.ts';
import { answerKey, completeForClient, isPublishedClient } from './published-client/complete.ts';
import {
  type GatewayEvent,
  type GatewayResult,
  type HttpRequest,
  lowerCased,
  methodOf,
  percentDecoded,
  readRequest,
  withMethod,
} from './request.ts';
import type { Reply, Route } from './route.ts';

/** A resource's routes, loaded on its first request: building schemas is most of a cold start. */
export interface RouteModule {
  readonly prefix: string;
  readonly load: () => Promise<readonly Route[]>;
  /** The function that serves it. Default: management. */
  readonly part?: RoutePart;
}

/** The functions behind the API: the hot path has one of its own. */
export type RoutePart = 'ingest' | 'management';

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
    routes: [...modules]
      .sort((a, b) => mostSpecificFirst(a.prefix, b.prefix))
      .flatMap((module) => {
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
    const method = methodOf(event);
    // HEAD is GET without the body of the answer, wherever there is a GET.
    const asked = method === 'HEAD' ? withMethod(event, 'GET') : event;
    const routed = method === 'OPTIONS' ? NO_CONTENT : await (router as unknown as Handler)(asked, context);
    const result = routed === PAGE_NOT_FOUND ? await explained(asked) : routed;
    // Routes name their request; what no route took has a request id too.
    const headers = 'X-Request-ID' in result.headers ? result.headers : { 'X-Request-ID': requestIdOf(event), ...result.headers };
    return { ...result, headers, ...(method === 'HEAD' ? { body: '' } : {}) };
  };
  return middy()
    .use(
      httpCors({
        origin: '*',
        headers: '*',
        methods: 'GET,HEAD,POST,PUT,DELETE,OPTIONS',
        exposeHeaders: 'WWW-Authenticate,X-Request-ID,X-Usage-Watermark,X-Ignored-Fields,Retry-After',
      }),
    )
    .handler(answer as never) as unknown as Handler;
}

/** The router takes the first path that fits: one that names a segment stands before one that takes any, and a longer prefix before a shorter. */
export function mostSpecificFirst(a: string, b: string): number {
  const [left, right] = [a.split('/'), b.split('/')];
  for (let index = 0; index < Math.min(left.length, right.length); index += 1) {
    const [one = '', other = ''] = [left[index], right[index]];
    // Parameters are all one, whatever their names.
    const [takesAny, otherTakesAny] = [one.startsWith('{'), other.startsWith('{')];
    if (takesAny !== otherTakesAny) return takesAny ? 1 : -1;
    if (!takesAny && one !== other) return one < other ? -1 : 1;
  }
  return right.length - left.length;
}

/** What a preflight is answered, apart from its headers. */
const NO_CONTENT: GatewayResult = { statusCode: 204, headers: {}, body: '' };

function lazyModule(module: RouteModule, dependenciesOnce: () => Promise<GatewayDependencies>): Handler {
  let loaded: Promise<Handler> | undefined;
  const load = async (): Promise<Handler> => {
    const [routes, dependencies] = await Promise.all([module.load(), dependenciesOnce()]);
    const handlers = [
      ...routes.map((route) => ({ method: route.method, path: route.path, handler: routeHandler(route, dependencies) })),
      ...(await notServedBelow(module.prefix, routes)).map((operation) => ({ ...operation, handler: pageNotFound })),
    ];
    return httpRouter({
      routes: handlers
        .sort((a, b) => mostSpecificFirst(a.path, b.path))
        .map((route) => ({ ...route, path: route.path as `/${string}`, handler: route.handler as never })) as never,
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
      return forClient(lowerCased(event.headers), undefined, respond(requestId, errorReply(error)));
    }
  };
}

function routeHandler(route: Route, dependencies: GatewayDependencies): Handler {
  const { logEvery = 1 } = dependencies;
  const operation = answerKey(route.method, route.path);
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
        Object.entries((event as RoutedEvent).pathParameters ?? {}).map(([name, value]) => [name, pathText(name, value)]),
      );
      const answer = await handleRoute(route, request, params, requestId, dependencies, admitted);
      if (answer.status >= 400 || answer.log !== undefined || went++ % logEvery === 0)
        dependencies.logger.info('request', {
          ...log,
          ...answer.log,
          status: answer.status,
          duration_ms: Math.round(performance.now() - started),
        });
      return forClient(request.headers, operation, {
        statusCode: answer.status,
        headers: headersOf(requestId, answer.body, answer.headers),
        body: answer.body,
      });
    } catch (error) {
      const reply = errorReply(error);
      const fields = { ...log, status: reply.status, duration_ms: Math.round(performance.now() - started) };
      if (reply.status >= 500) dependencies.logger.error('request failed', { ...fields, ...errorFields(error) });
      else dependencies.logger.info('request', fields);
      return forClient(request.headers, operation, respond(requestId, reply));
    }
  };
}

/** The published TypeScript client gets what it needs besides; everybody else the answer as it is. */
async function forClient(headers: HttpRequest['headers'], operation: string | undefined, result: GatewayResult): Promise<GatewayResult> {
  if (!isPublishedClient(headers) || result.headers['Content-Type'] !== 'application/json') return result;
  return { ...result, body: await completeForClient(operation, result.statusCode, result.body) };
}

/** The answer to a request that came before its function could start. */
export function unstarted(event: GatewayEvent, error: unknown): GatewayResult {
  const { headers, ...result } = respond(requestIdOf(event), errorReply(error));
  return { ...result, headers: { ...headers, 'Access-Control-Allow-Origin': '*' } };
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

/** Until it is known whether FlexPrice has such an operation. */
const PAGE_NOT_FOUND: GatewayResult = { statusCode: 404, headers: { 'Content-Type': 'text/plain' }, body: '404 page not found' };

function pageNotFound(): never {
  // The router's contract allows any answer here; its type only knows "throws".
  return PAGE_NOT_FOUND as never;
}

/** The answer to a request that no route takes. */
async function explained(event: GatewayEvent): Promise<GatewayResult> {
  const { method, path, headers } = readRequest(event);
  const error = await notPartOfThisVersion(method, path);
  return error === null ? PAGE_NOT_FOUND : forClient(headers, undefined, respond(requestIdOf(event), errorReply(error)));
}

function pathText(name: string, value: string): string {
  const text = percentDecoded(value);
  if (text === null) throw invalid(name, 'is not UTF-8');
  if (text.includes('\u0000')) throw invalid(name, 'must not contain NUL');
  return text;
}
