import type * as z from 'zod';
import type { RequestContext } from '#kernel/context.ts';
import type { Permission } from '#kernel/permission.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';
/**
 * What opens a route: an API key that is kept secret, any API key (publishable ones too, which lie in browsers), or a token of the
 * customer portal. None opens what takes another.
 */
export type Credential = 'api_key' | 'any_key' | 'portal_session';

export interface Reply {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** What the request's line in the log says besides; with it the line is always written. Never anything of a request's content. */
  readonly log?: Readonly<Record<string, unknown>>;
}

/** What a handler gets: everything is parsed by the route's schemas. */
export interface RouteInput<Params, Query, Body> {
  readonly ctx: RequestContext;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
}

/** Keys of a request that FlexPrice's schemas have and ours do not, with the reason, by path (`prices[].name`). docs/compatibility.md shows them. */
export interface ForeignKeys {
  /** They are accepted and change nothing. */
  readonly ignored?: Readonly<Record<string, string>>;
  /** They would change something, and are refused as not part of this version. */
  readonly lacking?: readonly string[];
}

type Parsed<S> = S extends z.ZodType ? z.output<S> : undefined;

export interface Route {
  readonly method: Method;
  /** With `{name}` for parameters. */
  readonly path: string;
  readonly operationId: string;
  readonly tag: string;
  readonly summary: string;
  readonly permission: Permission;
  readonly credential: Credential;
  /** Works without an environment (wire-rules.md section 2: users, environments, tenants). */
  readonly withoutEnvironment: boolean;
  /** Honours the header `Idempotency-Key` (wire-rules.md section 7). */
  readonly idempotent: boolean;
  /** Keys of query and body that no schema has are refused by name, unless the operation itself says what becomes of them. */
  readonly unknownKeys: 'refused' | 'taken';
  readonly foreignKeys: ForeignKeys;
  readonly params: z.ZodType | undefined;
  readonly query: z.ZodType | undefined;
  readonly body: z.ZodType | undefined;
  readonly responses: Readonly<Record<number, z.ZodType | null>>;
  readonly handler: (input: RouteInput<never, never, never>) => Promise<Reply> | Reply;
}

interface RouteDefinition<P extends z.ZodType | undefined, Q extends z.ZodType | undefined, B extends z.ZodType | undefined> {
  readonly method: Method;
  readonly path: string;
  readonly operationId: string;
  readonly tag: string;
  readonly summary: string;
  readonly permission: Permission;
  readonly credential?: Credential;
  readonly withoutEnvironment?: boolean;
  readonly idempotent?: boolean;
  readonly unknownKeys?: Route['unknownKeys'];
  readonly foreignKeys?: ForeignKeys;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly responses: Readonly<Record<number, z.ZodType | null>>;
  readonly handler: (input: RouteInput<Parsed<P>, Parsed<Q>, Parsed<B>>) => Promise<Reply> | Reply;
}

/**
 * Declares one operation. The same table makes the Lambda router, the local gateway, the permission check and `openapi.json`.
 * A POST that answers 201 honours `Idempotency-Key` unless it says otherwise.
 */
export function route<
  P extends z.ZodType | undefined = undefined,
  Q extends z.ZodType | undefined = undefined,
  B extends z.ZodType | undefined = undefined,
>(definition: RouteDefinition<P, Q, B>): Route {
  return {
    credential: 'api_key',
    withoutEnvironment: false,
    idempotent: definition.method === 'POST' && 201 in definition.responses,
    unknownKeys: 'refused',
    foreignKeys: {},
    params: undefined,
    query: undefined,
    body: undefined,
    ...definition,
    handler: definition.handler as unknown as Route['handler'],
  };
}

export const ok = (body: unknown): Reply => ({ status: 200, body });
export const created = (body: unknown): Reply => ({ status: 201, body });
export const accepted = (body: unknown): Reply => ({ status: 202, body });
export const noContent = (): Reply => ({ status: 204 });
