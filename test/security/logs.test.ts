import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '#local/ports.ts';
import { startChild } from '#local/supervisor/child-process.ts';
import { childEnvironment } from '#local/supervisor/environment.ts';
import type { Running } from '#local/supervisor/keeper.ts';
import type { Config } from '#platform/config/schema.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { superuser } from '../support/engines.ts';
import { ensureTopics } from '../support/events.ts';
import { sessionFor } from '../support/portal.ts';

// All that the real processes print at the level DEBUG, over good requests, bad ones and broken engines: who and which
// request, but never a credential and nothing of an event's content.

const WAIT = { timeout: 30_000, interval: 50 };
const CONTENT = {
  value: 'content-of-a-property',
  key: 'name-of-a-property',
  source: 'content-of-a-source',
  name: 'name-of-an-event',
  customer: 'id-of-a-customer',
  email: 'someone@example.test',
} as const;
const WRONG_KEY = 'sk_test_not_a_key_of_ours';
const WRONG_TOKEN = 'ps_not_a_token_of_ours';
const CLICKHOUSE_PASSWORD = 'password-of-clickhouse';

interface Line {
  readonly level: string;
  readonly message: string;
  readonly request_id?: string;
  readonly operation?: string;
  readonly status?: number;
  readonly [field: string]: unknown;
}

let api: TestApi;
let database: pg.Client;
let folder: string;
let token: string;
let processes: Running[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flexprice-logs-'));
  api = await startTestApi({ clickhouse: true });
  await ensureTopics(api.app);
  await api.request('POST', '/v1/customers', { external_id: 'portal', name: 'Portal' });
  token = await sessionFor(api, 'portal');
  database = new pg.Client(superuser(api.config.postgres.database));
  await database.connect();
});
afterAll(async () => {
  await Promise.all(processes.map((running) => running.stop()));
  await database.end();
  await api.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Starts one of our processes with its own log. */
async function start(name: string, script: string, change: (config: Config) => Config): Promise<Running> {
  const config = change({
    ...api.config,
    log: { ...api.config.log, level: 'DEBUG' },
    consumer: { ...api.config.consumer, max_wait_ms: 20 },
  });
  const running = await startChild({
    name,
    script,
    env: childEnvironment(config),
    logFile: join(folder, `${name}.log`),
    signal: new AbortController().signal,
  });
  processes.push(running);
  return running;
}

async function startServer(
  name: string,
  change: (config: Config) => Config = (config) => config,
): Promise<(path: string, body: unknown, requestId: string, headers?: Record<string, string>) => Promise<number>> {
  const port = await freePort();
  await start(name, 'local/api.ts', (config) => change({ ...config, server: { ...config.server, port } }));
  return async (path, body, requestId, headers = {}) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      body: text,
      headers: { 'x-api-key': api.key, 'x-request-id': requestId, ...headers },
    });
    await answer.arrayBuffer();
    return answer.status;
  };
}

const logOf = (name: string): string => readFileSync(join(folder, `${name}.log`), 'utf8');
const linesOf = (name: string): Line[] =>
  logOf(name)
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line);
const lineOf = (name: string, requestId: string): Line | undefined => linesOf(name).find((line) => line.request_id === requestId);
const event = (id: string, more: object = {}) => ({
  event_id: id,
  event_name: CONTENT.name,
  external_customer_id: CONTENT.customer,
  source: CONTENT.source,
  properties: { [CONTENT.key]: CONTENT.value },
  ...more,
});
const who = () => ({ tenant_id: api.ctx.tenantId, environment_id: api.ctx.environmentId });

function expectNothingSecret(name: string): void {
  const { postgres } = api.config;
  const secrets = {
    ...CONTENT,
    key_of_the_tenant: api.key,
    wrong_key: WRONG_KEY,
    session: token,
    wrong_session: WRONG_TOKEN,
    postgres: postgres.password as string,
    migrator: postgres.migrator_password as string,
    clickhouse: CLICKHOUSE_PASSWORD,
  };
  const log = logOf(name);
  expect(
    Object.entries(secrets)
      .filter(([, secret]) => log.includes(secret))
      .map(([what]) => what),
  ).toEqual([]);
}

test('requests, good and bad, are told by id, operation, tenant and environment', async () => {
  const send = await startServer('api');
  expect(await send('/v1/events', event('good'), 'req-good')).toBe(202);
  expect(await send('/v1/events', event('good'), 'req-one-of-many')).toBe(202);
  expect(await send('/v1/events/bulk', { events: [event('bulk-1'), event('bulk-2')] }, 'req-bulk')).toBe(202);
  const raw = {
    id: 'raw-1',
    orgId: CONTENT.customer,
    methodName: CONTENT.name,
    providerName: CONTENT.source,
    createdAt: '2026-01-01T00:00:00Z',
    data: { [CONTENT.key]: CONTENT.value },
  };
  expect(
    await send(
      '/v1/events/raw/bulk',
      { events: [raw, { ...raw, createdAt: CONTENT.value }, { ...raw, createdAt: '' }, { ...raw, id: '' }] },
      'req-raw-1',
    ),
  ).toBe(202);
  expect(await send('/v1/events/raw/bulk', { events: [{ ...raw, id: null }] }, 'req-raw-2')).toBe(202);
  expect(await send('/v1/customers', { external_id: CONTENT.customer, name: 'Someone', email: CONTENT.email }, 'req-customer')).toBe(201);
  expect(await send('/v1/customers', { external_id: CONTENT.customer, name: 'Someone', email: CONTENT.email }, 'req-twice')).toBe(409);
  expect(await send('/v1/events', event('bad', { timestamp: CONTENT.value }), 'req-invalid')).toBe(400);
  expect(await send('/v1/events', `{"properties":"${CONTENT.value}`, 'req-malformed')).toBe(400);
  expect(await send('/v1/events', event('unknown'), 'req-unknown', { 'x-api-key': WRONG_KEY })).toBe(401);
  expect(
    await send(
      '/v1/events/usage',
      { event_name: CONTENT.name, aggregation_type: 'COUNT', filters: { [CONTENT.key]: [CONTENT.value] } },
      'req-usage',
    ),
  ).toBe(200);
  expect(await send('/v1/customer/portal/invoices', {}, 'req-portal', { 'x-session-token': token })).toBe(200);
  expect(await send('/v1/customer/portal/invoices', {}, 'req-no-session', { 'x-session-token': WRONG_TOKEN })).toBe(401);
  await database.query('revoke insert on event_log.batches, event_log.ingest_overflow from flexprice_app');
  try {
    expect(await send('/v1/events', event('lost'), 'req-away')).toBe(503);
  } finally {
    await database.query('grant insert on event_log.batches, event_log.ingest_overflow to flexprice_app');
  }

  const expected: readonly [id: string, operation: string, status: number][] = [
    ['req-good', 'ingestEvent', 202],
    ['req-bulk', 'ingestEventsBulk', 202],
    ['req-customer', 'createCustomer', 201],
    ['req-twice', 'createCustomer', 409],
    ['req-invalid', 'ingestEvent', 400],
    ['req-malformed', 'ingestEvent', 400],
    ['req-usage', 'getUsageStatistics', 200],
    ['req-portal', 'listPortalInvoices', 200],
  ];
  for (const [id, operation, status] of expected)
    expect(lineOf('api', id)).toMatchObject({ level: 'INFO', message: 'request', operation, status, ...who() });
  // Of accepted events one request in a hundred has a line, the first one for a start.
  expect(lineOf('api', 'req-one-of-many')).toBeUndefined();
  // What was dropped is always told, by the fields that were wrong.
  expect(lineOf('api', 'req-raw-1')).toMatchObject({
    operation: 'ingestRawEventsBulk',
    status: 202,
    dropped: 3,
    dropped_for: ['createdAt', 'id', 'timestamp'],
    ...who(),
  });
  expect(lineOf('api', 'req-raw-2')).toMatchObject({ status: 202, dropped: 1, dropped_for: ['id'] });
  expect(lineOf('api', 'req-unknown')).toMatchObject({ level: 'INFO', operation: 'ingestEvent', status: 401 });
  expect(lineOf('api', 'req-unknown')).not.toHaveProperty('tenant_id');
  // An operator is told why: which engine, and what it said.
  expect(lineOf('api', 'req-away')).toMatchObject({ level: 'ERROR', message: 'request failed', status: 503, ...who() });
  expect(JSON.stringify(lineOf('api', 'req-away'))).toContain('permission denied');
  expectNothingSecret('api');
}, 60_000);

test('a ClickHouse that is away is told without what was asked', async () => {
  const port = await freePort();
  const away = (config: Config): Config => ({
    ...config,
    clickhouse: { ...config.clickhouse, url: `http://127.0.0.1:${port}`, password: CLICKHOUSE_PASSWORD },
  });
  const send = await startServer('api-alone', away);
  expect(
    await send(
      '/v1/events/usage',
      { event_name: CONTENT.name, aggregation_type: 'COUNT', filters: { [CONTENT.key]: [CONTENT.value] } },
      'req-usage',
    ),
  ).toBe(503);
  expect(lineOf('api-alone', 'req-usage')).toMatchObject({ level: 'ERROR', operation: 'getUsageStatistics', status: 503, ...who() });
  expectNothingSecret('api-alone');

  const consumer = await start('consumer-alone', 'workers/consumer/main.ts', away);
  await expect
    .poll(() => linesOf('consumer-alone').filter(({ level }) => level === 'WARN' || level === 'ERROR').length, WAIT)
    .toBeGreaterThan(0);
  await consumer.stop();
  processes = processes.filter((running) => running !== consumer);
  expect(logOf('consumer-alone')).toContain('clickhouse is unavailable');
  expectNothingSecret('consumer-alone');
}, 60_000);

test('the consumer tells what it stored, and what ClickHouse refuses, without the events', async () => {
  await start('consumer', 'workers/consumer/main.ts', (config) => config);
  await expect
    .poll(
      () =>
        // A batch with rejected events says so in its line, beside what it stored.
        linesOf('consumer').reduce((sum, { stored = 0 }) => sum + Number(stored), 0),
      WAIT,
    )
    .toBe(4);

  // The engine's complaint about a row that it cannot read quotes the row.
  const failures = () => linesOf('consumer').filter(({ message }) => message.includes('handling failed')).length;
  expect(failures()).toBe(0);
  const { clickhouse } = api.app;
  await clickhouse.command('ALTER TABLE events DROP COLUMN properties');
  await clickhouse.command('ALTER TABLE events ADD COLUMN properties UInt64');
  expect((await api.request('POST', '/v1/events', event('unreadable'))).status).toBe(202);
  await expect.poll(failures, WAIT).toBeGreaterThan(0);
  expectNothingSecret('consumer');

  const send = await startServer('api-broken');
  expect(
    await send(
      '/v1/events/usage',
      { event_name: CONTENT.name, aggregation_type: 'SUM', property_name: CONTENT.key, filters: { [CONTENT.key]: [CONTENT.value] } },
      'req-usage',
    ),
  ).toBe(500);
  expect(lineOf('api-broken', 'req-usage')).toMatchObject({ level: 'ERROR', status: 500, ...who() });
  expectNothingSecret('api-broken');
}, 60_000);
