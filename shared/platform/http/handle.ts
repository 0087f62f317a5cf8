import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import * as z from 'zod';
import { invalid, invalidOperation } from '#kernel/errors.ts';
import { toJson } from '#kernel/wire.ts';
import type { Database } from '../postgres/database.ts';
import { assertRead } from './body.ts';
import { validationError } from './error-body.ts';
import { once } from './idempotency.ts';
import type { HttpRequest } from './request.ts';
import { bodyOf, knownKeys } from './known-keys.ts';
import type { Reply, Route } from './route.ts';
import type { Turns } from './turns.ts';

/** Lambda answers 6 MiB at most, headers and the gateway's own frame included. */
const MAX_ANSWER_BYTES = 6_000_000;

/** Lets a request in by what its route asks for, and says whose it is. Throws UnauthorizedError or ForbiddenError. */
export type Admit = (
  route: Pick<Route, 'permission' | 'credential' | 'withoutEnvironment'>,
  headers: HttpRequest['headers'],
  requestId: string,
) => Promise<RequestContext>;

export interface RouteDependencies {
  readonly admit: Admit;
  readonly database: Database;
  readonly clock: Clock;
  /** Checks answers against their schemas: a mismatch is a bug, and a 500. */
  readonly validateResponses: boolean;
  readonly turns: Turns;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly log?: Reply['log'];
  readonly ctx: RequestContext | null;
}

/**
 * Answers one request by one route: credential, environment, permission, parsing, idempotency, handler, answer.
 * Throws what the error mapper turns into an error body; `onAdmitted` has then told whose request it was.
 */
export async function handleRoute(
  route: Route,
  request: HttpRequest,
  params: Readonly<Record<string, string>>,
  requestId: string,
  dependencies: RouteDependencies,
  onAdmitted: (ctx: RequestContext) => void = () => {},
): Promise<HttpAnswer> {
  const ctx = route.permission === 'public' ? null : await dependencies.admit(route, request.headers, requestId);
  if (ctx !== null) onAdmitted(ctx);
  const [unreadable] = request.unreadable;
  if (unreadable !== undefined) throw invalid(unreadable, 'is not UTF-8');
  if (route.method !== 'GET') assertRead(request);
  const input = {
    params: parse(route.params, params),
    query: parse(route.query, knownKeys(route, route.query, request.query)),
    body: parse(route.body, bodyOf(route, request)),
  };

  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    // By the route's own path: the router leaves in `params` what it matched on the way, such as `proxy` for a whole resource.
    const [, name = ''] = /\{(\w+)\}/.exec(route.path) ?? [];
    const id = params[name];
    return ctx === null || id === undefined || !route.permission.startsWith('write:')
      ? work()
      : dependencies.turns.take(JSON.stringify([ctx.tenantId, ctx.environmentId, id]), work);
  };

  const run = async (runCtx: RequestContext | null): Promise<Omit<HttpAnswer, 'ctx'>> => {
    const reply = await route.handler({ ctx: runCtx, ...input } as never);
    if (dependencies.validateResponses) checkReply(route, reply.status, reply.body);
    const body = reply.body === undefined ? '' : typeof reply.body === 'string' ? reply.body : toJson(reply.body);
    assertFits(route, body);
    return {
      status: reply.status,
      body,
      headers: reply.headers ?? {},
      ...(reply.log === undefined ? {} : { log: reply.log }),
    };
  };

  const key = request.headers['idempotency-key'];
  if (key && ctx && route.idempotent) {
    const content = `${request.path}\n${request.body}`;
    return {
      headers: {},
      ...(await inTurn(() => once(dependencies.database, dependencies.clock, ctx, { key, operation: route.operationId, content }, run))),
      ctx,
    };
  }
  return { ...(await inTurn(() => run(ctx))), ctx };
}

function parse(schema: Route['body'], value: unknown): unknown {
  if (!schema) return undefined;
  const result = schema.safeParse(value, { reportInput: true });
  if (!result.success) throw validationError(result.error);
  return result.data;
}

/**
 * A page of large rows is refused by us, with the way out: the gateway would say only that something went wrong. What was written stands,
 * but nothing that is written is as large as this.
 */
function assertFits(route: Route, body: string): void {
  // A character has three bytes of UTF-8 at most.
  if (body.length * 3 <= MAX_ANSWER_BYTES) return;
  const bytes = Buffer.byteLength(body);
  if (bytes <= MAX_ANSWER_BYTES) return;
  const size = `the answer would have ${(bytes / 1e6).toFixed(1)} MB, more than the ${MAX_ANSWER_BYTES / 1e6} that one may have`;
  const given = { ...shapeOf(route.query), ...shapeOf(route.body) };
  if ('limit' in given) throw invalid('limit', `${size}: ask for fewer at a time`, { answer_bytes: bytes });
  throw invalidOperation(`${size}: ask for less of it`, { answer_bytes: bytes });
}

function shapeOf(schema: Route['body']): object {
  return schema instanceof z.ZodObject ? schema.shape : {};
}

function checkReply(route: Route, status: number, body: unknown): void {
  if (!(status in route.responses)) throw new Error(`${route.operationId} answered ${status}, which it does not declare`);
  const schema = route.responses[status];
  if (!schema || typeof body === 'string') return;
  const shown: unknown = JSON.parse(toJson(body));
  const result = schema.safeParse(shown);
  if (!result.success)
    throw new Error(`${route.operationId} answered ${status} with a body that does not fit its schema: ${result.error.message}`);
  const unnamed = [...unnamedIn(shown, result.data)];
  if (unnamed.length > 0)
    throw new Error(`${route.operationId} answered ${status} with what its schema does not name: ${unnamed.join(', ')}`);
}

/** Paths of fields that a schema let go: it does not name them, so nobody has decided that they leave. */
function* unnamedIn(shown: unknown, named: unknown, path = ''): Generator<string> {
  if (typeof shown !== 'object' || shown === null || typeof named !== 'object' || named === null) return;
  for (const [key, inner] of Object.entries(shown)) {
    const here = Array.isArray(shown) ? `${path}[]` : `${path}.${key}`;
    if (Object.hasOwn(named, key)) yield* unnamedIn(inner, (named as Readonly<Record<string, unknown>>)[key], here);
    // A name of the caller's own, which records of zod leave out.
    else if (key !== '__proto__') yield here;
  }
}
