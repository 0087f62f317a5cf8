import * as z from 'zod';
import type { RequestContext } from '#kernel/context.ts';
import { type Page, parseExpand } from '#kernel/pagination.ts';
import { type Camelized, fromWire, successResponse } from '#kernel/wire.ts';
import type { Entity } from '#kernel/permission.ts';
import { pageReply } from '../http/page.ts';
import { created, type ForeignKeys, noContent, ok, type Route, route } from '../http/route.ts';
import type { ListParameters, ListRequest } from './listing.ts';
import { shaped } from './shape.ts';

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly foreignKeys?: ForeignKeys;
}
/** Parameters of a list by their names on the wire. */
type Shown = Readonly<Record<string, unknown>>;
interface AnyListing {
  readonly query: z.ZodType<ListParameters & { readonly expand?: string | undefined }>;
  readonly search: z.ZodType<ListParameters & { readonly expand?: string | null | undefined }>;
  read(ctx: RequestContext, parameters: ListParameters): ListRequest;
}

/** An entity's operations under one path. Those that are left out do not exist; odd ones stand beside in the same array of routes. */
export interface CrudResource<View, Item, Create extends z.ZodType, Update extends z.ZodType> {
  readonly tag: string;
  readonly path: string;
  readonly entity: Entity;
  /** Also what the entity is shown as. */
  readonly response: z.ZodType;
  /** Works without an environment. */
  readonly withoutEnvironment?: boolean;
  readonly create?: Operation & {
    readonly body: Create;
    readonly run: (ctx: RequestContext, request: Camelized<z.output<Create>>) => Promise<View>;
  };
  readonly list?: {
    readonly listing: AnyListing;
    readonly response: z.ZodType;
    /** How an item is shown, where its contract alone does not say it. */
    readonly show?: (item: Item) => unknown;
    readonly get?: Operation;
    readonly search?: Operation;
    /** Values of `expand`. */
    readonly expand?: readonly string[];
    /** `parameters` are there for what says how the answer is shown. */
    readonly run: (ctx: RequestContext, request: ListRequest, expand: ReadonlySet<string>, parameters: Shown) => Promise<Page<Item>>;
  };
  /** With `expand` it takes a query of that name. */
  readonly get?: Operation & {
    readonly expand?: readonly string[];
    readonly run: (ctx: RequestContext, id: string, expand: ReadonlySet<string>) => Promise<View>;
  };
  readonly update?: Operation & {
    readonly body: Update;
    readonly run: (ctx: RequestContext, id: string, request: Camelized<z.output<Update>>) => Promise<View>;
  };
  /** `message` is what a client gets to read; without one the answer has no body. */
  readonly delete?: Operation & { readonly message?: string; readonly run: (ctx: RequestContext, id: string) => Promise<unknown> };
}

const ExpandQuery = z.object({ expand: z.string().max(512).optional() });
/** Parameters of a path that names one entity. */
export const byId = z.object({ id: z.string() });

/** The routes of create, list, search, get, update and delete. */
export function crudRoutes<View, Item = View, Create extends z.ZodType = z.ZodNever, Update extends z.ZodType = z.ZodNever>(
  resource: CrudResource<View, Item, Create, Update>,
): Route[] {
  const { tag, path, entity, response, withoutEnvironment = false, list } = resource;
  const show = (view: unknown) => shaped(response, view);
  const common = { tag, withoutEnvironment };
  const reading = { ...common, permission: `read:${entity}` } as const;
  const writing = { ...common, permission: `write:${entity}` } as const;
  const one = `${path}/{id}`;
  const listReply = async (ctx: RequestContext, parameters: ListParameters & { readonly expand?: string | null | undefined }) => {
    const { listing, expand = [], run } = list as NonNullable<typeof list>;
    const page = await run(ctx, listing.read(ctx, parameters), parseExpand(parameters.expand, expand), parameters as unknown as Shown);
    return ok(pageReply(page, list?.show ?? show));
  };
  const routes: (Route | false | undefined)[] = [
    resource.create &&
      route({
        ...writing,
        ...named(resource.create),
        method: 'POST',
        path,
        body: resource.create.body,
        responses: { 201: response },
        handler: async ({ ctx, body }) => created(show(await resource.create?.run(ctx, fromWire(body) as never))),
      }),
    list?.get &&
      route({
        ...reading,
        ...named(list.get),
        method: 'GET',
        path,
        query: list.listing.query,
        responses: { 200: list.response },
        handler: ({ ctx, query }) => listReply(ctx, query),
      }),
    list?.search &&
      route({
        ...reading,
        ...named(list.search),
        method: 'POST',
        path: `${path}/search`,
        body: list.listing.search,
        responses: { 200: list.response },
        handler: ({ ctx, body }) => listReply(ctx, body),
      }),
    resource.get &&
      route({
        ...reading,
        ...named(resource.get),
        method: 'GET',
        path: one,
        params: byId,
        query: resource.get.expand && ExpandQuery,
        responses: { 200: response },
        handler: async ({ ctx, params, query }) =>
          ok(show(await resource.get?.run(ctx, params.id, parseExpand(query?.expand, resource.get.expand ?? [])))),
      }),
    resource.update &&
      route({
        ...writing,
        ...named(resource.update),
        method: 'PUT',
        path: one,
        params: byId,
        body: resource.update.body,
        responses: { 200: response },
        handler: async ({ ctx, params, body }) => ok(show(await resource.update?.run(ctx, params.id, fromWire(body) as never))),
      }),
    resource.delete &&
      route({
        ...writing,
        ...named(resource.delete),
        method: 'DELETE',
        path: one,
        params: byId,
        responses: resource.delete.message === undefined ? { 204: null } : { 200: successResponse },
        handler: async ({ ctx, params }) => {
          await resource.delete?.run(ctx, params.id);
          const message = resource.delete?.message;
          return message === undefined ? noContent() : ok({ message });
        },
      }),
  ];
  return routes.filter((entry) => entry !== undefined && entry !== false);
}

function named({ operationId, summary, foreignKeys = {} }: Operation): Operation {
  return { operationId, summary, foreignKeys };
}
