import * as z from 'zod';
import { ErrorResponse } from './error-body.ts';
import type { Route } from './route.ts';

type JsonObject = Record<string, unknown>;

/** A contract's schemas by their names, for `components.schemas`. */
export type NamedSchemas = ReadonlyMap<z.ZodType, string>;

const SCHEMA_PATH = '#/components/schemas/';
const REQUEST_NAME = /(Request|Query|Selector)$/;
const TEXTS: Readonly<Record<number, string>> = {
  200: 'Done',
  201: 'Created',
  202: 'Accepted',
  204: 'Done, without a body',
  503: 'Not ready',
};
const ERRORS: Readonly<Record<number, string>> = {
  400: 'A field is not acceptable; `details.field` names it',
  401: 'No valid credential',
  403: 'Not permitted',
  404: 'No such entity',
  409: 'Conflicts with what exists',
};

/**
 * The OpenAPI 3.1 document of a route table. Requests are described as callers send them, answers as they come.
 * @param named schemas that get a name of their own; all others are written where they are used
 */
export function openApiDocument(
  routes: readonly Route[],
  named: NamedSchemas,
  info: { title: string; version: string; description: string },
): JsonObject {
  const requests = registryOf(named, (name) => REQUEST_NAME.test(name));
  const answers = registryOf(named, (name) => !REQUEST_NAME.test(name));
  const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): JsonObject => {
    const name = named.get(schema);
    return name !== undefined && REQUEST_NAME.test(name) === (io === 'input')
      ? { $ref: SCHEMA_PATH + name }
      : describe(schema, io, io === 'input' ? requests : answers);
  };

  const paths: Record<string, JsonObject> = {};
  for (const route of [...routes].sort((a, b) => a.path.localeCompare(b.path) || a.method.localeCompare(b.method))) {
    const operations = paths[route.path] ?? {};
    operations[route.method.toLowerCase()] = operation(route, schemaOf);
    paths[route.path] = operations;
  }
  return {
    openapi: '3.1.0',
    info,
    servers: [{ url: '/', description: 'This server' }],
    security: [{ ApiKey: [] }],
    tags: [...new Set(routes.map((route) => route.tag))].sort().map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        ApiKey: { type: 'apiKey', in: 'header', name: 'x-api-key' },
        PortalSession: { type: 'apiKey', in: 'header', name: 'X-Session-Token' },
      },
      schemas: Object.fromEntries(
        Object.entries({
          ...components(requests, 'input'),
          ...components(answers, 'output'),
          ErrorResponse: describe(ErrorResponse, 'output', answers),
        }).sort(([a], [b]) => a.localeCompare(b)),
      ),
    },
  };
}

type Registry = z.core.$ZodRegistry<{ id: string }>;

function registryOf(named: NamedSchemas, wanted: (name: string) => boolean): Registry {
  const registry = z.registry<{ id: string }>();
  for (const [schema, id] of named) if (wanted(id)) registry.add(schema, { id });
  return registry;
}

const OPTIONS = { unrepresentable: 'any' as const, uri: (id: string) => SCHEMA_PATH + id, override: tidy };

function components(registry: Registry, io: 'input' | 'output'): Record<string, JsonObject> {
  const { schemas } = z.toJSONSchema(registry, { ...OPTIONS, io });
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, strip(schema as JsonObject)]));
}

/** Named schemas inside become references; the definitions stand in `components`. */
function describe(schema: z.ZodType, io: 'input' | 'output', registry: Registry): JsonObject {
  const result = z.toJSONSchema(schema, { ...OPTIONS, io, metadata: registry as never }) as JsonObject;
  const { $defs: _definitions, ...rest } = JSON.parse(JSON.stringify(result).replaceAll('#/$defs/', SCHEMA_PATH)) as JsonObject;
  return strip(rest);
}

/** What zod cannot express of an input that is transformed afterwards stands in the schema's own metadata. */
function tidy({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodTypes; jsonSchema: JsonObject }): void {
  const meta = z.globalRegistry.get(zodSchema) as JsonObject | undefined;
  if (meta?.type === 'string') {
    delete jsonSchema.anyOf;
    delete jsonSchema.maxLength;
    Object.assign(jsonSchema, meta);
  }
}

function strip({ $schema: _schema, $id: _id, id: _name, ...schema }: JsonObject): JsonObject {
  return schema;
}

function operation(route: Route, schemaOf: (schema: z.ZodType, io: 'input' | 'output') => JsonObject): JsonObject {
  const parameters = [...pathParameters(route), ...queryParameters(route), ...(route.idempotent ? [IDEMPOTENCY_KEY] : [])];
  return {
    operationId: route.operationId,
    tags: [route.tag],
    summary: route.summary,
    ...(route.permission === 'public'
      ? { security: [] }
      : route.credential === 'portal_session'
        ? { security: [{ PortalSession: [] }] }
        : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(route.body ? { requestBody: { required: true, content: { 'application/json': { schema: schemaOf(route.body, 'input') } } } } : {}),
    responses: {
      ...Object.fromEntries(
        Object.entries(route.responses).map(([status, schema]) => [
          status,
          {
            description: TEXTS[Number(status)] ?? 'Answer',
            ...(schema ? { content: { 'application/json': { schema: schemaOf(schema, 'output') } } } : {}),
          },
        ]),
      ),
      ...(route.permission === 'public' ? {} : errorResponses(route)),
    },
  };
}

const IDEMPOTENCY_KEY: JsonObject = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  schema: { type: 'string', maxLength: 255 },
  description: 'The same key and body give the first answer again',
};

function errorResponses(route: Route): JsonObject {
  const possible = [
    401,
    403,
    ...(route.body || route.query ? [400] : []),
    ...(route.path.includes('{') || route.body ? [404] : []),
    ...(route.permission.startsWith('write') && route.body ? [409] : []),
  ];
  return Object.fromEntries(
    possible.sort().map((status) => [
      status,
      {
        description: ERRORS[status],
        content: {
          'application/json': { schema: status === 401 || status === 403 ? { type: 'object' } : { $ref: `${SCHEMA_PATH}ErrorResponse` } },
        },
      },
    ]),
  );
}

function pathParameters(route: Route): JsonObject[] {
  return [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } }));
}

function queryParameters(route: Route): JsonObject[] {
  if (!route.query) return [];
  const schema = strip(z.toJSONSchema(route.query, { ...OPTIONS, io: 'input' }) as JsonObject);
  const required = new Set((schema.required as string[] | undefined) ?? []);
  return Object.entries((schema.properties ?? {}) as Record<string, JsonObject>).map(([name, property]) => ({
    name,
    in: 'query',
    required: required.has(name),
    schema: property,
  }));
}
