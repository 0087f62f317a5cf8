import type * as z from 'zod';
import type { RequestContext, Role } from '#kernel/context.ts';
import type { Credential } from '../auth/principal.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';
export type Entity =
  | 'Tenant'
  | 'Environment'
  | 'User'
  | 'Secret'
  | 'Customer'
  | 'Feature'
  | 'Meter'
  | 'Plan'
  | 'Price'
  | 'Entitlement'
  | 'Costsheet'
  | 'Event'
  | 'Subscription'
  | 'Invoice'
  | 'Wallet'
  | 'Payment'
  | 'CreditNote'
  | 'Coupon'
  | 'Tax'
  | 'Setting';
/** `write:Plan` and the like (api-surface.tsv, rbac_gate); with `+super_admin` a person with that role; `operator` is the root key alone, `authenticated` admits any valid credential, `public` everybody. */
export type Permission = `${'read' | 'write'}:${Entity}` | `write:${Entity}+super_admin` | 'operator' | 'authenticated' | 'public';

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
  /** The body as it came, for callers that need exact number text. */
  readonly rawBody: string;
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

/** End of the permissions that need a person with every right (wire-rules.md section 3). */
export const SUPER_ADMIN = '+super_admin';

const GRANTS: Readonly<Record<Role, (action: string, entity: string) => boolean>> = {
  super_admin: () => true,
  all_writer: (action, entity) => action === 'read' || entity !== 'User',
  all_reader: (action) => action === 'read',
  event_ingestor: (action, entity) => action === 'write' && entity === 'Event',
  event_reader: (action, entity) => action === 'read' && entity === 'Event',
};

/** Whether one of the roles admits the permission (wire-rules.md section 3). */
export function isPermitted(roles: readonly Role[], permission: Permission): boolean {
  if (permission === 'public' || permission === 'authenticated') return true;
  if (permission.endsWith(SUPER_ADMIN)) return roles.includes('super_admin');
  const [action, entity] = permission.split(':') as [string, string];
  // A stored role may come from another release: what is not known here grants nothing.
  return roles.some((role) => Object.hasOwn(GRANTS, role) && GRANTS[role](action, entity));
}
