import { isUtf8 } from 'node:buffer';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import type { GatewayEvent, GatewayResult } from '#platform/http/request.ts';
import { BodyMemory, type ReadBody } from './body-memory.ts';

type Handler = (event: GatewayEvent, context?: unknown) => Promise<GatewayResult>;

/** What API Gateway routes where: the three ingest operations have a function of their own. */
export interface GatewayTargets {
  readonly ingest: Handler;
  readonly management: Handler;
  /** Answers requests that are not part of the API, such as the reference page; false when it is not one of them. */
  readonly pages?: (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;
  /** Whether a request's sender has a key, asked before a large body is read. Default: yes. */
  readonly isKnown?: (headers: IncomingHttpHeaders) => Promise<boolean>;
}

export interface GatewayOptions {
  readonly host: string;
  readonly port: number;
  /** Memory of all bodies that are under way. Default: 256 MiB. */
  readonly bodyBytes?: number;
  /** From the first byte of a request to its last. Default: 30 s, as long as API Gateway waits for all of it. */
  readonly requestMs?: number;
}

const BODY_BYTES = 256 * 1024 * 1024;
const REQUEST_MS = 30_000;
/** How often requests that took longer are looked for. */
const CHECK_MS = 5_000;

const INGEST = new Set(['POST /v1/events', 'POST /v1/events/bulk', 'POST /v1/events/raw/bulk']);

/** True for the operations that the ingest function serves. */
export function isIngest(method: string, path: string): boolean {
  return INGEST.has(`${method} ${path.replace(/(.)\/$/, '$1')}`);
}

export interface Gateway {
  readonly server: Server;
  readonly port: number;
  close(): Promise<void>;
}

/** Stands in for API Gateway: turns HTTP requests into payload 2.0 events for the same handlers that Lambda runs. */
export async function startGateway(
  targets: GatewayTargets,
  { host, port, bodyBytes = BODY_BYTES, requestMs = REQUEST_MS }: GatewayOptions,
): Promise<Gateway> {
  let closing = false;
  const memory = new BodyMemory(bodyBytes);
  const limits = {
    keepAliveTimeout: 65_000,
    requestTimeout: requestMs,
    headersTimeout: requestMs,
    connectionsCheckingInterval: Math.min(CHECK_MS, requestMs),
  };
  const server = createServer(limits, (request, response) => {
    // A connection that is kept for further requests would keep a closing server open.
    response.on('finish', () => {
      if (closing) setImmediate(() => server.closeIdleConnections());
    });
    answer(targets, memory, request, response).catch((error: unknown) => {
      // Only a broken connection or a handler that broke its own promise of never throwing gets here.
      if (!response.headersSent) response.writeHead(500, { 'Content-Type': 'application/json' });
      response.end('{"code":"internal_error","message":"something went wrong on our side","http_status_code":500}');
      if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') process.emitWarning(error as Error);
    });
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  return {
    server,
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        closing = true;
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
  };
}

async function answer(targets: GatewayTargets, memory: BodyMemory, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (await targets.pages?.(request, response)) return;
  const read = await memory.read(request, async () => (await targets.isKnown?.(request.headers)) ?? true);
  try {
    send(await ask(targets, toEvent(request, read)), request, response);
  } finally {
    read.release();
  }
}

function ask(targets: GatewayTargets, event: APIGatewayProxyEventV2): Promise<GatewayResult> {
  return (isIngest(event.requestContext.http.method, event.rawPath) ? targets.ingest : targets.management)(event);
}

function send(result: GatewayResult, request: IncomingMessage, response: ServerResponse): void {
  const content = result.isBase64Encoded ? Buffer.from(result.body, 'base64') : Buffer.from(result.body ?? '', 'utf8');
  // An answer to HEAD has no body, and would say that GET's has none.
  const hasBody = result.statusCode !== 204 && request.method !== 'HEAD';
  response.writeHead(result.statusCode, { ...result.headers, ...(hasBody ? { 'Content-Length': content.length } : {}) });
  response.end(hasBody ? content : undefined);
}

/** As API Gateway hands it over: text, or the bytes where they are none. */
function bodyOf(body: Buffer): Pick<APIGatewayProxyEventV2, 'body' | 'isBase64Encoded'> {
  return isUtf8(body) ? { body: body.toString('utf8'), isBase64Encoded: false } : { body: body.toString('base64'), isBase64Encoded: true };
}

function toEvent(request: IncomingMessage, { bytes, unread }: Pick<ReadBody, 'bytes' | 'unread'>): APIGatewayProxyEventV2 & GatewayEvent {
  const url = request.url ?? '/';
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const method = request.method ?? 'GET';
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) headers[name] = Array.isArray(value) ? value.join(',') : (value ?? '');
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: path,
    rawQueryString: mark < 0 ? '' : url.slice(mark + 1),
    headers,
    ...bodyOf(bytes),
    ...(unread === undefined ? {} : { unread }),
    requestContext: {
      accountId: 'local',
      apiId: 'local',
      domainName: headers.host ?? 'localhost',
      domainPrefix: 'local',
      requestId: '',
      routeKey: '$default',
      stage: '$default',
      time: '',
      timeEpoch: 0,
      http: {
        method,
        path,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp: request.socket.remoteAddress ?? '',
        userAgent: headers['user-agent'] ?? '',
      },
    },
  };
}
