import { createIngestHandler } from '#functions/ingest/create-handler.ts';
import { createManagementHandler } from '#functions/management/create-handler.ts';
import { type App, createApp } from '#app/create-app.ts';
import { type Clock, systemClock } from '#kernel/clock.ts';
import { type RequestContext, systemContext } from '#kernel/context.ts';
import { newId } from '#kernel/ids.ts';
import { isIngest } from '#local/gateway.ts';
import type { Config } from '#platform/config/schema.ts';
import type { GatewayEvent } from '#platform/http/request.ts';
import { createTestClickHouse, createTestPostgres, testConfig } from './engines.ts';
import { ensureTopics } from './events.ts';

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
  readonly body: any;
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface TestTenant {
  readonly ctx: RequestContext;
  /** Full rights, bound to the development environment. */
  readonly key: string;
  readonly environments: readonly { readonly id: string; readonly type: string }[];
  request(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** A key with these roles in one of the tenant's environments. */
  keyWith(roles: readonly string[], environmentId?: string): Promise<string>;
}

export interface TestApi extends TestTenant {
  readonly app: App;
  readonly config: Config;
  /** Another tenant on the same database. */
  tenant(name: string): Promise<TestTenant>;
  /** A request with exactly these headers: `body` is sent as it is when it is text. */
  send(method: string, path: string, body: unknown, headers: Record<string, string>): Promise<Answer>;
  close(): Promise<void>;
}

export interface TestApiOptions {
  readonly clock?: Clock;
  /** Also a ClickHouse database of its own. */
  readonly clickhouse?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

/** The real handlers on a fresh database, with one tenant: what a test at the HTTP boundary needs. */
export async function startTestApi({ clock = systemClock, clickhouse = false, env = {} }: TestApiOptions = {}): Promise<TestApi> {
  const [postgres, analytics] = await Promise.all([createTestPostgres(), clickhouse ? createTestClickHouse() : null]);
  const base = testConfig({ FLEXPRICE_SERVER_VALIDATE_RESPONSES: 'true', FLEXPRICE_LOG_LEVEL: 'ERROR', ...env });
  const config: Config = { ...base, postgres: postgres.config, clickhouse: analytics?.config ?? base.clickhouse };
  const app = createApp(config, { clock });
  const [management, ingest] = [createManagementHandler(app), createIngestHandler(app)];
  let topics: Promise<void> | undefined;
  /** The log has its topics once something is sent to it: few tests do. */
  const withTopics =
    (handler: typeof ingest): typeof ingest =>
    async (event) => {
      await (topics ??= ensureTopics(app));
      return handler(event);
    };

  const send: TestApi['send'] = async (method, path, body, headers) => {
    const handler = isIngest(method, path.split('?', 1)[0] ?? '')
      ? withTopics(ingest)
      : path.startsWith('/v1/events/dead-letters')
        ? withTopics(management)
        : management;
    const result = await handler(toGatewayEvent(method, path, body, headers));
    const text = result.body ?? '';
    return { status: result.statusCode, text, headers: result.headers, body: parse(text) };
  };

  const tenant = async (name: string): Promise<TestTenant> => {
    const key = `sk_test_${newId('secret', clock)}`;
    const operator = systemContext(newId('tenant', clock), '', 'test');
    const { environments } = await app.tenancy.createTenant(operator, { name, key });
    const ctx = { ...operator, environmentId: environments[0]?.id ?? '' };
    return {
      ctx,
      key,
      environments,
      request: (method, path, body, headers = {}) => send(method, path, body, { 'x-api-key': key, ...headers }),
      keyWith: async (roles, environmentId = ctx.environmentId) =>
        (await app.tenancy.createKey({ ...ctx, environmentId }, { name: 'narrow', type: 'private_key', roles: roles as never })).key,
    };
  };

  return {
    ...(await tenant('Test tenant')),
    app,
    config,
    tenant,
    send,
    close: async () => {
      await app.close();
      await Promise.all([postgres.drop(), analytics?.drop()]);
    },
  };
}

/** A request as API Gateway (payload 2.0) hands it over. */
export function toGatewayEvent(method: string, path: string, body: unknown, headers: Record<string, string>): GatewayEvent {
  const [rawPath = '', rawQueryString = ''] = path.split('?', 2);
  const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath,
    rawQueryString,
    headers,
    ...(text === undefined ? {} : { body: text }),
    isBase64Encoded: false,
    requestContext: {
      accountId: 'test',
      apiId: 'test',
      domainName: 'localhost',
      domainPrefix: 'test',
      requestId: 'gateway-request',
      routeKey: '$default',
      stage: '$default',
      time: '',
      timeEpoch: 0,
      http: { method, path: rawPath, protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'test' },
    },
  };
}

function parse(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return text;
  }
}
