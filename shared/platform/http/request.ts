import type { APIGatewayProxyEvent, APIGatewayProxyEventV2 } from 'aws-lambda';

export type GatewayEvent = APIGatewayProxyEventV2 | APIGatewayProxyEvent;
export interface GatewayResult {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly isBase64Encoded?: boolean;
}

/** A request without its gateway. Header names are lower case. */
export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** A parameter that is repeated has several values. */
  readonly query: Readonly<Record<string, string | readonly string[]>>;
  readonly body: string;
}

/** Reads an event of API Gateway, HTTP API (payload 2.0) or REST API (1.0). */
export function readRequest(event: GatewayEvent): HttpRequest {
  const headers = lowerCased(event.headers);
  const body =
    event.body === undefined || event.body === null
      ? ''
      : event.isBase64Encoded
        ? Buffer.from(event.body, 'base64').toString('utf8')
        : event.body;
  if (isV2(event)) {
    return { method: event.requestContext.http.method, path: event.rawPath, headers, query: parseQuery(event.rawQueryString), body };
  }
  return { method: event.httpMethod, path: event.path, headers, query: multiValue(event), body };
}

/** Headers under their names in lower case. */
export function lowerCased(headers: GatewayEvent['headers'] | null | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value ?? '']));
}

function isV2(event: GatewayEvent): event is APIGatewayProxyEventV2 {
  return 'version' in event && event.version === '2.0';
}

function parseQuery(text: string): Record<string, string | string[]> {
  const query: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>;
  for (const [name, value] of new URLSearchParams(text)) {
    const earlier = query[name];
    query[name] = earlier === undefined ? value : [...(Array.isArray(earlier) ? earlier : [earlier]), value];
  }
  return query;
}

/** The event with the path that routes know: an HTTP API with a named stage puts it before the path. */
export function withoutStage(event: GatewayEvent): GatewayEvent {
  if (!isV2(event)) return event;
  const { stage, http } = event.requestContext;
  const prefix = `/${stage}`;
  const strip = (path: string): string => (path.startsWith(`${prefix}/`) || path === prefix ? path.slice(prefix.length) || '/' : path);
  return stage === '$default'
    ? event
    : { ...event, rawPath: strip(event.rawPath), requestContext: { ...event.requestContext, http: { ...http, path: strip(http.path) } } };
}

function multiValue(event: APIGatewayProxyEvent): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(event.multiValueQueryStringParameters ?? {}).map(([name, values]) => [
      name,
      values?.length === 1 ? (values[0] ?? '') : (values ?? []),
    ]),
  );
}
