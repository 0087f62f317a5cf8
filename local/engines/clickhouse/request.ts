import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { RequestState } from './connection.ts';
import { insertsData, singleStatement } from './sql.ts';

const gunzipAsync = promisify(gunzip);

/** Keys of the URL that steer the HTTP interface; all others are settings. */
const INTERFACE_KEYS = new Set([
  'query',
  'database',
  'query_id',
  'default_format',
  'wait_end_of_query',
  'enable_http_compression',
  'compress',
  'decompress',
  'role',
  'user',
  'password',
  'quota_key',
  'session_timeout',
  'session_check',
  'buffer_size',
  'close_session',
]);

/** One request of the ClickHouse HTTP interface. `data` is there for an INSERT that brings its rows. */
export interface ClickHouseRequest {
  readonly statement: string;
  readonly data: Buffer | undefined;
  readonly state: RequestState;
  readonly queryId: string | undefined;
  readonly format: string;
  readonly gzipResponse: boolean;
}

/**
 * Reads a request: SQL in `?query=`, in the body, or both (then the body continues the SQL, or is the rows of an INSERT).
 * Throws an Error in the server's wording (`Code: N. DB::Exception: ...`) for what it cannot serve.
 */
export async function readRequest(request: IncomingMessage, maxBodyBytes: number): Promise<ClickHouseRequest> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const body = await readBody(request, maxBodyBytes);
  const form = await formOf(request, body);
  const { statement, data } =
    form === undefined ? split(url.searchParams.get('query') ?? '', body) : split(form.get('query') ?? '', Buffer.alloc(0));
  const settings = new Map<string, string>();
  const parameters = new Map<string, string>();
  for (const [key, value] of [...url.searchParams, ...(form ?? [])]) {
    if (key === 'session_id')
      throw new Error('Code: 48. DB::Exception: Sessions are not supported by the embedded engine. (NOT_IMPLEMENTED)');
    if (key.startsWith('param_')) parameters.set(checkedName(key.slice('param_'.length)), value);
    else if (!INTERFACE_KEYS.has(key)) settings.set(checkedName(key), value);
  }
  return {
    statement,
    data,
    state: { database: url.searchParams.get('database') || 'default', settings, parameters },
    queryId: url.searchParams.get('query_id') ?? undefined,
    format: url.searchParams.get('default_format') ?? headerOf(request, 'x-clickhouse-format') ?? 'TabSeparated',
    gzipResponse: url.searchParams.get('enable_http_compression') === '1' && /\bgzip\b/.test(headerOf(request, 'accept-encoding') ?? ''),
  };
}

/** Parts of a form, which the client sends when parameters are too long for a URL. */
async function formOf(request: IncomingMessage, body: Buffer): Promise<Map<string, string> | undefined> {
  const type = headerOf(request, 'content-type') ?? '';
  if (!type.startsWith('multipart/form-data')) return undefined;
  const form = await new Response(new Uint8Array(body), { headers: { 'content-type': type } }).formData();
  return new Map([...form].map(([name, value]) => [name, String(value)]));
}

function split(query: string, body: Buffer): { statement: string; data: Buffer | undefined } {
  if (query.trim() === '') return { statement: singleStatementOf(body.toString('utf8')), data: undefined };
  if (insertsData(query)) return { statement: query.trim(), data: body };
  return { statement: singleStatementOf(body.length > 0 ? `${query}\n${body.toString('utf8')}` : query), data: undefined };
}

// Rows written inside the SQL (INSERT ... FORMAT JSONEachRow {...}) may hold semicolons of their own.
function singleStatementOf(sql: string): string {
  if (sql.trim() === '') throw new Error('Code: 62. DB::Exception: Empty query. (SYNTAX_ERROR)');
  return /^\s*insert\b[^;]*\bformat\s+\w+\s/i.test(sql) ? sql : singleStatement(sql);
}

// Names go into SQL as they are.
function checkedName(name: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return name;
  throw new Error(`Code: 115. DB::Exception: Unknown setting '${name.replaceAll("'", '')}'. (UNKNOWN_SETTING)`);
}

async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new Error(`Code: 307. DB::Exception: Request body is larger than ${maxBytes} bytes. (TOO_MANY_BYTES)`);
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  const encoding = headerOf(request, 'content-encoding');
  if (!encoding || body.length === 0) return body;
  if (encoding === 'gzip') return gunzipAsync(body, { maxOutputLength: maxBytes });
  throw new Error(`Code: 49. DB::Exception: Unknown content encoding ${encoding}. (LOGICAL_ERROR)`);
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
