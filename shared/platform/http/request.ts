import { isUtf8 } from 'node:buffer';
import type { APIGatewayProxyEvent, APIGatewayProxyEventV2 } from 'aws-lambda';

/** Why a gateway has not read a body: larger than is taken, or than is taken from somebody without a key, or no memory for it. */
export type Unread = 'too_large' | 'unknown_sender' | 'busy';

/** `unread` comes from our own gateway only (local/gateway.ts); the body is then empty. */
export type GatewayEvent = (APIGatewayProxyEventV2 | APIGatewayProxyEvent) & { readonly unread?: Unread };
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
  /** Empty where it was not read, for the reason in `unread`. */
  readonly body: string;
  /** False: the bytes of the body are not UTF-8, and `body` is not what was sent. */
  readonly isText: boolean;
  /** Query parameters whose bytes are not UTF-8. */
  readonly unreadable: readonly string[];
  readonly unread?: Unread;
}

/** Reads an event of API Gateway, HTTP API (payload 2.0) or REST API (1.0). */
export function readRequest(event: GatewayEvent): HttpRequest {
  const headers = lowerCased(event.headers);
  const bytes = event.isBase64Encoded && event.body ? Buffer.from(event.body, 'base64') : null;
  const body = {
    body: bytes?.toString('utf8') ?? event.body ?? '',
    isText: bytes === null || isUtf8(bytes),
    ...(event.unread === undefined ? {} : { unread: event.unread }),
  };
  if (isV2(event)) {
    const { method } = event.requestContext.http;
    const { query, unreadable } = parseQuery(event.rawQueryString);
    return { method, path: event.rawPath, headers, query, unreadable, ...body };
  }
  return { method: event.httpMethod, path: event.path, headers, query: multiValue(event), unreadable: [], ...body };
}

/** Percent-encoded text as it was meant; null where its bytes are not UTF-8. A percent sign that encodes nothing stands for itself. */
export function percentDecoded(text: string): string | null {
  try {
    return decodeURIComponent(text.replace(/%(?![0-9a-fA-F]{2})/g, '%25'));
  } catch {
    return null;
  }
}

/** Headers under their names in lower case. */
export function lowerCased(headers: GatewayEvent['headers'] | null | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value ?? '']));
}

export function methodOf(event: GatewayEvent): string {
  return isV2(event) ? event.requestContext.http.method : event.httpMethod;
}

/** The event of the same request by another method. */
export function withMethod(event: GatewayEvent, method: string): GatewayEvent {
  if (!isV2(event)) return { ...event, httpMethod: method };
  return { ...event, requestContext: { ...event.requestContext, http: { ...event.requestContext.http, method } } };
}

function isV2(event: GatewayEvent): event is APIGatewayProxyEventV2 {
  return 'version' in event && event.version === '2.0';
}

function parseQuery(text: string): Pick<HttpRequest, 'query' | 'unreadable'> {
  const query: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>;
  for (const [name, value] of new URLSearchParams(text)) {
    const earlier = query[name];
    query[name] = earlier === undefined ? value : [...(Array.isArray(earlier) ? earlier : [earlier]), value];
  }
  // The parser above puts a replacement character where it cannot read.
  const unreadable = text
    .split('&')
    .filter((pair) => percentDecoded(pair) === null)
    .map((pair) => percentDecoded(pair.split('=', 1)[0] ?? '') ?? 'query');
  return { query, unreadable };
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
