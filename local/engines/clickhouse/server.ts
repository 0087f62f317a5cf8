import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { ConnectionPool } from './connection.ts';
import { type ClickHouseRequest, readRequest } from './request.ts';

const gzipAsync = promisify(gzip);

/** Status codes of a server for the exceptions that it does not answer with 500. */
const HTTP_STATUS = new Map([
  [60, 404],
  [81, 404],
  [62, 400],
  [47, 400],
  [36, 400],
  [42, 400],
  [43, 400],
  [53, 400],
  [115, 400],
  [456, 400],
  [48, 501],
  [307, 413],
]);

interface Answer {
  readonly body: Uint8Array;
  readonly readRows: number;
  readonly readBytes: number;
  readonly writtenRows: number;
  readonly writtenBytes: number;
  readonly seconds: number;
}

export interface ServerLimits {
  readonly maxBodyBytes: number;
}

/** ClickHouse's HTTP interface over embedded connections: as much of it as `@clickhouse/client` uses. */
export function createClickHouseServer(pool: ConnectionPool, limits: ServerLimits): Server {
  const server = createServer((request, response) => {
    handle(pool, limits, request, response).catch((error: unknown) => fail(response, error));
  });
  // Longer than the client's 2.5 s, so that the client is the one that drops an idle socket and never writes into a closed one.
  server.keepAliveTimeout = 30_000;
  server.requestTimeout = 0;
  return server;
}

async function handle(pool: ConnectionPool, limits: ServerLimits, request: IncomingMessage, response: ServerResponse): Promise<void> {
  // There is no password: a web page that the user visits must not reach the engine through the browser.
  if (request.headers.origin !== undefined) {
    response.writeHead(403).end('Requests of browsers are not accepted.\n');
    return;
  }
  const path = (request.url ?? '/').split('?')[0];
  if (path === '/ping') {
    response.writeHead(200, { 'Content-Type': 'text/plain' }).end('Ok.\n');
    return;
  }
  if (path !== '/') {
    response.writeHead(404).end('There is no handle for this path.\n');
    return;
  }
  const query = await readRequest(request, limits.maxBodyBytes);
  const answer = await pool.use((connection) => run(connection, query));
  await reply(response, query, answer);
}

async function run(
  connection: Parameters<Parameters<ConnectionPool['use']>[0]>[0],
  { statement, data, state, format }: ClickHouseRequest,
): Promise<Answer> {
  if (data) {
    const nothing = { body: new Uint8Array(), readRows: 0, readBytes: 0, writtenRows: 0, writtenBytes: 0, seconds: 0 };
    if (data.length === 0) return nothing;
    const result = await connection.insert(statement, data, state);
    return { ...nothing, writtenRows: result.rowsWritten, writtenBytes: result.bytesWritten, seconds: result.elapsed };
  }
  const result = await connection.query(statement, format, state);
  return {
    body: result.bytes,
    readRows: result.rowsRead,
    readBytes: result.bytesRead,
    writtenRows: 0,
    writtenBytes: 0,
    seconds: result.elapsed,
  };
}

async function reply(response: ServerResponse, query: ClickHouseRequest, answer: Answer): Promise<void> {
  const summary = {
    read_rows: String(answer.readRows),
    read_bytes: String(answer.readBytes),
    written_rows: String(answer.writtenRows),
    written_bytes: String(answer.writtenBytes),
    total_rows_to_read: '0',
    result_rows: String(answer.writtenRows),
    result_bytes: String(answer.body.length),
    elapsed_ns: String(Math.round(answer.seconds * 1e9)),
  };
  const body = query.gzipResponse && answer.body.length > 0 ? await gzipAsync(answer.body) : answer.body;
  response
    .writeHead(200, {
      'Content-Type': 'text/plain; charset=UTF-8',
      'Content-Length': body.length,
      'X-ClickHouse-Query-Id': query.queryId ?? randomUUID(),
      'X-ClickHouse-Format': query.format,
      'X-ClickHouse-Summary': JSON.stringify(summary),
      'X-ClickHouse-Timezone': 'UTC',
      ...(body === answer.body ? {} : { 'Content-Encoding': 'gzip' }),
    })
    .end(body);
}

function fail(response: ServerResponse, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  const text = /Code: \d+\./.test(message) ? message : `Code: 1001. DB::Exception: ${message}. (STD_EXCEPTION)`;
  const code = Number(/Code: (\d+)\./.exec(text)?.[1]);
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  response
    .writeHead(HTTP_STATUS.get(code) ?? 500, {
      'Content-Type': 'text/plain; charset=UTF-8',
      'X-ClickHouse-Exception-Code': String(code),
      // A refused body may not have been read to its end.
      ...(code === 307 ? { Connection: 'close' } : {}),
    })
    .end(`${text}\n`);
}
