import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { DomainError, ForbiddenError } from '#kernel/errors.ts';
import { parseExactJson } from '#kernel/json.ts';
import { toJson } from '#kernel/wire.ts';
import type { Authenticator } from '../auth/authenticate.ts';
import type { Database } from '../postgres/database.ts';
import { validationError } from './error-body.ts';
import { once } from './idempotency.ts';
import type { HttpRequest } from './request.ts';
import { isPermitted, type Reply, type Route, SUPER_ADMIN } from './route.ts';

/** 32 MiB, padding included (metering.md 1.3). */
export const MAX_BODY_BYTES = 32 * 1024 * 1024;

export interface RouteDependencies {
  readonly authenticator: Authenticator;
  readonly database: Database;
  readonly clock: Clock;
  /** Checks answers against their schemas: a mismatch is a bug, and a 500. */
  readonly validateResponses: boolean;
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
  const ctx = route.permission === 'public' ? null : await admit(route, request, requestId, dependencies);
  if (ctx !== null) onAdmitted(ctx);
  const input = {
    params: parse(route.params, params, ''),
    query: parse(route.query, request.query, ''),
    body: readBody(route, request),
    rawBody: request.body,
  };

  const run = async (runCtx: RequestContext | null): Promise<Omit<HttpAnswer, 'ctx'>> => {
    const reply = await route.handler({ ctx: runCtx, ...input } as never);
    if (dependencies.validateResponses) checkReply(route, reply.status, reply.body);
    return {
      status: reply.status,
      body: reply.body === undefined ? '' : typeof reply.body === 'string' ? reply.body : toJson(reply.body),
      headers: reply.headers ?? {},
      ...(reply.log === undefined ? {} : { log: reply.log }),
    };
  };

  const key = request.headers['idempotency-key'];
  if (key && ctx && route.idempotent) {
    const content = `${request.path}\n${request.body}`;
    return {
      headers: {},
      ...(await once(dependencies.database, dependencies.clock, ctx, { key, operation: route.operationId, content }, run)),
      ctx,
    };
  }
  return { ...(await run(ctx)), ctx };
}

async function admit(route: Route, request: HttpRequest, requestId: string, { authenticator }: RouteDependencies): Promise<RequestContext> {
  const principal = await authenticator.authenticate(request.headers, route.credential);
  const ctx = await authenticator.contextOf(principal, request.headers, requestId, !route.withoutEnvironment);
  const permitted =
    route.permission === 'operator'
      ? principal.operator === true
      : // A session has no roles: what it may do is what takes one.
        route.credential === 'portal_session' || isPermitted(principal.roles, route.permission);
  if (!permitted || (route.permission.endsWith(SUPER_ADMIN) && principal.serviceAccount))
    throw new ForbiddenError({ message: 'insufficient permissions' });
  if (principal.tenantSuspended && route.permission.startsWith('write:'))
    throw new ForbiddenError({ message: 'tenant account is suspended' });
  return ctx;
}

function readBody(route: Route, request: HttpRequest): unknown {
  if (!route.body) return undefined;
  if (Buffer.byteLength(request.body) > MAX_BODY_BYTES)
    throw new DomainError('validation_error', 'request body too large', { field: 'body', limit_bytes: MAX_BODY_BYTES });
  let value: unknown;
  try {
    value = request.body.trim() === '' ? {} : parseExactJson(request.body);
  } catch {
    throw new DomainError('validation_error', 'invalid request payload', { field: 'body', reason: 'is not valid JSON' });
  }
  return parse(route.body, value, '');
}

function parse(schema: Route['body'], value: unknown, prefix: string): unknown {
  if (!schema) return value;
  const result = schema.safeParse(value, { reportInput: true });
  if (!result.success) throw validationError(result.error, prefix);
  return result.data;
}

function checkReply(route: Route, status: number, body: unknown): void {
  if (!(status in route.responses)) throw new Error(`${route.operationId} answered ${status}, which it does not declare`);
  const schema = route.responses[status];
  if (!schema || typeof body === 'string') return;
  const result = schema.safeParse(JSON.parse(toJson(body)));
  if (!result.success)
    throw new Error(`${route.operationId} answered ${status} with a body that does not fit its schema: ${result.error.message}`);
}
