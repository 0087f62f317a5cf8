import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createIngestHandler } from '#functions/ingest/create-handler.ts';
import { createManagementHandler } from '#functions/management/create-handler.ts';
import { systemContext } from '#kernel/context.ts';
import { childEnvironment } from '#local/supervisor/environment.ts';
import type { GatewayEvent, GatewayResult } from '#platform/http/request.ts';
import { TOPICS } from '#platform/event-log/topics.ts';
import { buildFunctions } from '../../build.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { type BuiltFunction, startBuiltFunction } from '../support/built-function.ts';
import { ensureTopics, loggedRecords } from '../support/events.ts';

// Events in the form that API Gateway hands to functions, payload 2.0 (HTTP APIs) and 1.0 (REST APIs), for the sources and for what is deployed.

const FOLDER = join(import.meta.dirname, '../fixtures/api-gateway');
const KEY = 'sk_recorded_0123456789abcdefghijABCDEFGHIJ';
interface Expected {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Record<string, string> /** Of an ingest: whether anything comes into the log. */;
  readonly stores?: boolean;
}
const customers = (...ids: string[]) => ({
  items: expect.arrayContaining(ids.map((id) => expect.objectContaining({ external_id: id }))) as unknown,
  pagination: expect.objectContaining({ total: ids.length }) as unknown,
});
const unauthorized = { error: 'Invalid API key' };

/** In this order: later ones read what earlier ones made. */
const EXPECTED: Readonly<Record<string, Expected>> = {
  'v2-health': { status: 200, body: { status: 'ok' } },
  'v2-create-customer-base64': {
    status: 201,
    body: { external_id: 'recorded-a', name: 'Zoë Grüße 世界' },
    headers: { 'X-Request-ID': 'req-recorded-1', 'Content-Type': 'application/json' },
  },
  'v2-create-customer-stage': { status: 201, body: { external_id: 'recorded-b' } },
  'v2-list-customers-repeated-query': { status: 200, body: customers('recorded-a', 'recorded-b') },
  'v2-get-customer-encoded': { status: 200, body: { external_id: 'recorded-a' } },
  'v2-preflight': { status: 204, headers: { 'Access-Control-Allow-Origin': '*' } },
  'v2-unknown-page': { status: 404 },
  'v2-wrong-key': { status: 401, body: unauthorized },
  'v2-bad-json': { status: 400, body: { code: 'validation_error' } },
  'v2-ingest-event': { status: 202, body: { event_id: 'recorded-1' }, stores: true },
  'v2-ingest-bulk-base64': { status: 202, body: { event_ids: 'recorded-2,recorded-3' }, stores: true },
  'v2-ingest-refused': { status: 400, body: { code: 'validation_error' }, stores: false },
  'v1-health': { status: 200, body: { status: 'ok' } },
  'v1-create-customer-base64': { status: 201, body: { external_id: 'recorded-c', name: 'Zoë Grüße 世界' } },
  'v1-list-customers-repeated-query': { status: 200, body: customers('recorded-a', 'recorded-c') },
  'v1-wrong-key': { status: 401, body: unauthorized },
  'v1-ingest-event': { status: 202, body: { event_id: 'recorded-4' }, stores: true },
  'v1-ingest-bulk-base64': { status: 202, body: { event_ids: 'recorded-5,recorded-6' }, stores: true },
};

let folder: string;
let dist: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flexprice-gateway-'));
  dist = join(folder, 'dist');
  await buildFunctions(dist);
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('every event has an expectation', () => {
  expect(
    readdirSync(FOLDER)
      .map((name) => name.replace('.json', ''))
      .sort(),
  ).toEqual(Object.keys(EXPECTED).sort());
});

test('the management bundle sends its segment to X-Ray, and names the invocation in its log', async () => {
  const daemon = createSocket('udp4');
  const segments: Record<string, unknown>[] = [];
  daemon.on('message', (message) => {
    segments.push(JSON.parse(message.toString().split('\n')[1] ?? '{}') as Record<string, unknown>);
  });
  daemon.bind(0, '127.0.0.1');
  await once(daemon, 'listening');
  const lambda = {
    PATH: process.env.PATH,
    AWS_LAMBDA_FUNCTION_NAME: 'management',
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    LAMBDA_TASK_ROOT: folder,
    AWS_REGION: 'us-east-1',
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    _X_AMZN_TRACE_ID: 'Root=1-6741a0b2-1f2e3d4c5b6a798081929394;Parent=53995c3f42cd8ad8;Sampled=1',
    AWS_XRAY_DAEMON_ADDRESS: `127.0.0.1:${daemon.address().port}`,
  };
  const management = await startBuiltFunction(join(dist, 'functions/management/index.mjs'), {
    ...lambda,
    FLEXPRICE_TRACING_ENABLED: 'true',
  });
  try {
    expect((await management.invoke(JSON.parse(readFileSync(join(FOLDER, 'v2-health.json'), 'utf8')))).statusCode).toBe(200);
    await expect
      .poll(() => segments, { timeout: 20_000 })
      .toContainEqual(
        expect.objectContaining({
          name: '## management',
          trace_id: '1-6741a0b2-1f2e3d4c5b6a798081929394',
          annotations: { ColdStart: true, Service: 'management' },
        }),
      );
    await expect.poll(() => management.output(), { timeout: 20_000 }).toContain('"function_request_id":"request-of-the-runtime"');
  } finally {
    await management.stop();
    daemon.close();
  }
});

type Invoke = (name: 'ingest' | 'management', event: GatewayEvent) => Promise<GatewayResult>;
interface Runner {
  readonly invoke: Invoke;
  stop(): Promise<void>;
}

const RUNNERS: Readonly<Record<string, (api: TestApi) => Promise<Runner>>> = {
  sources: async ({ app }) => {
    const handlers = { ingest: createIngestHandler(app), management: createManagementHandler(app) };
    return { invoke: (name, event) => handlers[name](event), stop: async () => undefined };
  },
  bundles: async ({ config }) => {
    const env = childEnvironment({ ...config, deployment: { ...config.deployment, mode: 'api' } }, { PATH: process.env.PATH });
    const [ingest, management] = (await Promise.all(
      (['ingest', 'management'] as const).map((name) => startBuiltFunction(join(dist, 'functions', name, 'index.mjs'), env)),
    )) as [BuiltFunction, BuiltFunction];
    return {
      invoke: (name, event) => ({ ingest, management })[name].invoke(event),
      stop: async () => {
        await Promise.all([ingest.stop(), management.stop()]);
      },
    };
  },
};

describe.each(Object.keys(RUNNERS))('the %s', (kind) => {
  let api: TestApi;
  let runner: Runner;
  beforeAll(async () => {
    api = await startTestApi();
    const operator = systemContext('tenant_recorded', '', 'test');
    await Promise.all([api.app.tenancy.createTenant(operator, { name: 'Recorded', key: KEY }), ensureTopics(api.app)]);
    runner = await (RUNNERS[kind] as (typeof RUNNERS)[string])(api);
  });
  afterAll(async () => {
    await runner.stop();
    await api.close();
  });

  test.each(Object.entries(EXPECTED))('answer %s', async (name, { status, body, headers, stores }) => {
    const event = JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8')) as GatewayEvent;
    const before = stores === undefined ? 0n : await loggedRecords(api.app);
    const result = await runner.invoke(stores === undefined ? 'management' : 'ingest', event);
    expect({ status: result.statusCode, text: result.body }).toMatchObject({ status });
    // The gateway takes a status, text and flat headers, and nothing else.
    expect(typeof (result.body ?? '')).toBe('string');
    for (const value of Object.values(result.headers)) expect(value).toBeTypeOf('string');
    if (body !== undefined) expect(JSON.parse(result.body)).toMatchObject(body as object);
    if (headers !== undefined) expect(result.headers).toMatchObject(headers);
    if (stores !== undefined) expect((await loggedRecords(api.app)) > before).toBe(stores);
  });

  test('what was accepted is in the log as it was sent', async () => {
    const values: string[] = [];
    const log = await api.app.eventLog;
    const subscription = await log.subscribe({
      group: `read-${kind}`,
      topics: [TOPICS.events],
      handler: async ({ messages }) => {
        values.push(...messages.map(({ value }) => value.toString('utf8')));
      },
    });
    try {
      await expect
        .poll(
          () =>
            values
              .join('\n')
              .match(/recorded-[1-6]"/g)
              ?.sort(),
          { timeout: 20_000 },
        )
        .toEqual([1, 2, 3, 4, 5, 6].map((n) => `recorded-${n}"`));
    } finally {
      await subscription.stop();
    }
    expect(values.join('\n').match(/Grüße, 世界 🌍/g)).toHaveLength(6);
  });
});
