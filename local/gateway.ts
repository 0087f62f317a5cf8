import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { MAX_BODY_BYTES } from '#platform/http/handle.ts';
import type { GatewayEvent, GatewayResult } from '#platform/http/request.ts';

type Handler = (event: GatewayEvent, context?: unknown) => Promise<GatewayResult>;

/** What API Gateway routes where: the three ingest operations have a function of their own. */
export interface GatewayTargets {
  readonly ingest: Handler;
  readonly management: Handler;
  /** Answers requests that are not part of the API, such as the reference page; false when it is not one of them. */
  readonly pages?: (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;
}

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
export async function startGateway(targets: GatewayTargets, { host, port }: { host: string; port: number }): Promise<Gateway> {
  let closing = false;
  const server = createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
    // A connection that is kept for further requests would keep a closing server open.
    response.on('finish', () => {
      if (closing) setImmediate(() => server.closeIdleConnections());
    });
    answer(targets, request, response).catch((error: unknown) => {
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

async function answer(targets: GatewayTargets, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (await targets.pages?.(request, response)) return;
  const body = await readBody(request);
  const event = toEvent(request, body);
  const result = await (isIngest(event.requestContext.http.method, event.rawPath) ? targets.ingest : targets.management)(event);
  const content = result.isBase64Encoded ? Buffer.from(result.body, 'base64') : Buffer.from(result.body ?? '', 'utf8');
  response.writeHead(result.statusCode, { ...result.headers, ...(result.statusCode === 204 ? {} : { 'Content-Length': content.length }) });
  response.end(result.statusCode === 204 ? undefined : content);
}

/** The body, or one byte more than is allowed: the handler then refuses it, and the connection stays usable. */
async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size - chunk.length <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function toEvent(request: IncomingMessage, body: string): APIGatewayProxyEventV2 {
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
    body,
    isBase64Encoded: false,
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
