import * as z from 'zod';
import { descriptionOf } from '#kernel/records.ts';
import { ErrorResponse } from './error-body.ts';
import type { Route } from './route.ts';

type JsonObject = Record<string, unknown>;

/** A description of an operation, and a request that works: its parameters and its body. */
export interface OperationText {
  readonly description: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly body?: unknown;
}
export type OperationTexts = Readonly<Record<string, OperationText>>;

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
  415: 'The body is packed (`Content-Encoding`)',
  429: 'More than the quota lets in; come again after `Retry-After`',
  503: 'An engine does not answer, and nothing was changed; come again after `Retry-After`',
};

/**
 * The OpenAPI 3.1 document of a route table. Requests are described as callers send them, answers as they come.
 * @param texts what an operation says of itself, by its id
 * @param named schemas that get a name of their own; all others are written where they are used
 */
export function openApiDocument(
  routes: readonly Route[],
  named: NamedSchemas,
  info: { title: string; version: string; description: string },
  texts: OperationTexts = {},
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
    operations[route.method.toLowerCase()] = operation(route, schemaOf, texts[route.operationId]);
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

type Seen = { readonly zodSchema: z.core.$ZodTypes; readonly jsonSchema: JsonObject };
type Registry = z.core.$ZodRegistry<{ id: string }>;

function registryOf(named: NamedSchemas, wanted: (name: string) => boolean): Registry {
  const registry = z.registry<{ id: string }>();
  for (const [schema, id] of named) if (wanted(id)) registry.add(schema, { id });
  return registry;
}

const optionsFor = (io: 'input' | 'output', registry?: Registry, inner = false) => ({
  io,
  unrepresentable: 'any' as const,
  uri: (id: string) => SCHEMA_PATH + id,
  override: (seen: Seen) => {
    tidy(seen, registry);
    // Requests with keys that are not described are refused.
    if (io === 'input' && seen.zodSchema._zod.def.type === 'object') seen.jsonSchema.additionalProperties ??= false;
    // Beside a registry of names zod leaves out what schemas say of themselves.
    if (inner) Object.assign(seen.jsonSchema, z.globalRegistry.get(seen.zodSchema));
  },
});

function components(registry: Registry, io: 'input' | 'output'): Record<string, JsonObject> {
  const { schemas } = z.toJSONSchema(registry, optionsFor(io, registry));
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, strip(schema as JsonObject)]));
}

/** Named schemas inside become references; the definitions stand in `components`. */
function describe(schema: z.ZodType, io: 'input' | 'output', registry?: Registry, inner = false): JsonObject {
  const result = z.toJSONSchema(schema, {
    ...optionsFor(io, registry, inner),
    ...(registry ? { metadata: registry as never } : {}),
  }) as JsonObject;
  const { $defs: _definitions, ...rest } = JSON.parse(JSON.stringify(result).replaceAll('#/$defs/', SCHEMA_PATH)) as JsonObject;
  return strip(rest);
}

/** What zod cannot express of an input that is transformed afterwards stands in the schema's own metadata. */
function tidy({ zodSchema, jsonSchema }: Seen, registry?: Registry): void {
  const record = descriptionOf(zodSchema);
  if (record !== undefined) Object.assign(jsonSchema, describe(record, 'input', registry, true));
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

function operation(
  route: Route,
  schemaOf: (schema: z.ZodType, io: 'input' | 'output') => JsonObject,
  text: OperationText | undefined,
): JsonObject {
  const example = (parameter: JsonObject): JsonObject => {
    const value = text?.parameters[String(parameter.name)];
    return value === undefined ? parameter : { ...parameter, example: value };
  };
  const parameters = [
    ...[...pathParameters(route), ...queryParameters(route)].map(example),
    ...(route.idempotent ? [IDEMPOTENCY_KEY] : []),
  ];
  return {
    operationId: route.operationId,
    tags: [route.tag],
    summary: route.summary,
    ...(text === undefined ? {} : { description: text.description }),
    security: securityOf(route),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(route.body
      ? { requestBody: { required: true, content: { 'application/json': bodyOf(schemaOf(route.body, 'input'), text) } } }
      : {}),
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

function bodyOf(schema: JsonObject, text: OperationText | undefined): JsonObject {
  return text?.body === undefined ? { schema } : { schema, example: text.body };
}

/** The permission stands where OpenAPI names the roles that a request needs. */
function securityOf({ permission, credential }: Route): JsonObject[] {
  if (permission === 'public') return [];
  if (credential === 'portal_session') return [{ PortalSession: [] }];
  return [{ ApiKey: permission === 'authenticated' ? [] : [permission] }];
}

const IDEMPOTENCY_KEY: JsonObject = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  schema: { type: 'string', maxLength: 255 },
  description: 'The same key and body give the first answer again',
};

const NOT_CHECKED = { type: 'object' };
/** Bodies as they come; where a status has several, the most frequent. */
const ERROR_BODIES: Readonly<Record<number, JsonObject>> = {
  400: error(400, 'validation_error', 'name: is required', {
    field: 'name',
    reason: 'is required',
    errors: [{ field: 'name', reason: 'is required' }],
  }),
  401: { error: 'Unauthorized' },
  403: { error: 'forbidden', message: 'permission denied: read:Customer is needed' },
  404: error(404, 'not_found', 'customer not found', { entity: 'customer', id: 'cust_01HV6Z3N8Q4K7W2X5Y9B1C3D5E' }),
  409: error(409, 'already_exists', 'a customer with this external_id already exists', { entity: 'customer', field: 'external_id' }),
  415: error(415, 'unsupported_media_type', 'Content-Encoding: gzip is not taken, send the body as it is', { field: 'Content-Encoding' }),
  429: error(429, 'too_many_requests', 'the quota of this tenant is used up, try again later', { retry_after_seconds: 1 }),
  503: error(503, 'service_unavailable', 'postgres is unavailable, try again', { engine: 'postgres' }),
};

function error(status: number, code: string, message: string, details: JsonObject): JsonObject {
  return { code, message, http_status_code: status, details };
}

function errorResponses(route: Route): JsonObject {
  const isIngest = route.unknownKeys === 'taken';
  const possible = [
    401,
    403,
    ...(route.body || route.query || route.path.includes('{') ? [400] : []),
    ...(route.body ? [415] : []),
    ...(isIngest ? [429] : []),
    ...(!isIngest && (route.path.includes('{') || route.body) ? [404] : []),
    ...(!isIngest && route.permission.startsWith('write') && route.body ? [409] : []),
    503,
  ];
  return Object.fromEntries(
    possible.sort().map((status) => [
      status,
      {
        description: ERRORS[status],
        ...(status === 429 || status === 503
          ? { headers: { 'Retry-After': { schema: { type: 'integer' }, description: 'Seconds' } } }
          : {}),
        content: {
          'application/json': {
            schema: status === 401 || status === 403 ? NOT_CHECKED : { $ref: `${SCHEMA_PATH}ErrorResponse` },
            example: ERROR_BODIES[status],
          },
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
  const schema = strip(z.toJSONSchema(route.query, optionsFor('input')) as JsonObject);
  const required = new Set((schema.required as string[] | undefined) ?? []);
  return Object.entries((schema.properties ?? {}) as Record<string, JsonObject>).map(([name, property]) => ({
    name,
    in: 'query',
    required: required.has(name),
    schema: property,
  }));
}
