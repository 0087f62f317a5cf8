import { DateTime } from 'luxon';
import { sql } from 'kysely';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type App, createApp } from '#app/create-app.ts';
import { createIngestHandler } from '#functions/ingest/create-handler.ts';
import { createManagementHandler } from '#functions/management/create-handler.ts';
import { fixedClock } from '#kernel/clock.ts';
import { isIngest } from '#local/gateway.ts';
import { TOPICS } from '#platform/event-log/topics.ts';
import { type Answer, startTestApi, type TestApi, type TestTenant, toGatewayEvent } from '../support/api.ts';
import { superuser } from '../support/engines.ts';
import { ensureTopics, validEvent } from '../support/events.ts';
import { type Wire, wireTo } from '../support/severed.ts';

// What is taken away holds at once where it was taken away, and within five seconds everywhere else. The processes share a clock that stands.

const clock = fixedClock(DateTime.utc(2026, 11, 1));
const ROOT = { 'x-api-key': 'sk_root_of_revocation' };
/** The first process; the second is connected to the same database by a wire that can be cut. */
let api: TestApi;
let other: { readonly app: App; readonly wire: Wire; send(method: string, path: string, key: string, body?: unknown): Promise<Answer> };
let tenant: TestTenant;
let tenants = 0;

async function secondProcess(): Promise<typeof other> {
  const wire = await wireTo(api.config.postgres.host ?? '', api.config.postgres.port);
  const postgres = { ...api.config.postgres, host: wire.host, port: wire.port };
  const app = createApp({ ...api.config, postgres }, { clock });
  const [management, ingest] = [createManagementHandler(app), createIngestHandler(app)];
  return {
    app,
    wire,
    async send(method, path, key, body) {
      const handler = isIngest(method, path) ? ingest : management;
      const { statusCode, body: text = '', headers } = await handler(toGatewayEvent(method, path, body, { 'x-api-key': key }));
      return { status: statusCode, text, headers, body: text === '' ? undefined : JSON.parse(text) };
    },
  };
}

beforeAll(async () => {
  api = await startTestApi({ clock, env: { FLEXPRICE_AUTH_ROOT_KEY: ROOT['x-api-key'], FLEXPRICE_AUTH_ROOT_TENANT_ID: 'tenant_root' } });
  await ensureTopics(api.app);
  other = await secondProcess();
});
afterAll(async () => {
  await other?.app.close();
  await other?.wire.close();
  await api.close();
});
afterEach(() => vi.restoreAllMocks());

const later = (seconds: number): void => clock.set(clock.now().plus({ seconds }));
const fresh = async (): Promise<TestTenant> => {
  tenant = await api.tenant(`Revoked ${tenants++}`);
  return tenant;
};
const here = (method: string, path: string, body?: unknown, key = tenant.key) => api.send(method, path, body, { 'x-api-key': key });
const there = (method: string, path: string, body?: unknown, key = tenant.key) => other.send(method, path, key, body);
const both = async (method: string, path: string, body?: unknown, key = tenant.key): Promise<number[]> => [
  (await here(method, path, body, key)).status,
  (await there(method, path, body, key)).status,
];
const batch = (count: number) => ({ events: Array.from({ length: count }, () => validEvent({ timestamp: clock.now().toISO() })) });
const endOf = async (topic: string) => (await (await api.app.eventLog).lag('test', topic)).reduce((sum, { end }) => sum + end, 0n);
/** An operator's act, as there is no operation for it. */
const suspend = () =>
  api.app.database.withTenant(tenant.ctx, (tx) => tx.updateTable('tenants').set({ internalStatus: 'suspended' }).execute());

test('a key that is deleted', async () => {
  await fresh();
  const { body: made } = await tenant.request('POST', '/v1/secrets/api/keys', { name: 'leaked', type: 'private_key' });
  expect(await both('GET', '/v1/users/me', undefined, made.api_key)).toEqual([200, 200]);
  expect((await here('DELETE', `/v1/secrets/api/keys/${made.secret.id}`)).status).toBe(204);
  expect((await here('GET', '/v1/users/me', undefined, made.api_key)).status).toBe(401);
  later(5);
  expect(await both('GET', '/v1/users/me', undefined, made.api_key)).toEqual([401, 401]);
  // The tenant's other keys are not in question.
  expect(await both('GET', '/v1/users/me')).toEqual([200, 200]);
});

test('a key that expires, to the millisecond in every process', async () => {
  await fresh();
  const expires_at = clock.now().plus({ seconds: 3 });
  const { body: made } = await tenant.request('POST', '/v1/secrets/api/keys', {
    name: 'short',
    type: 'private_key',
    expires_at: expires_at.toISO(),
  });
  expect(await both('GET', '/v1/users/me', undefined, made.api_key)).toEqual([200, 200]);
  clock.set(expires_at.minus({ milliseconds: 1 }));
  expect(await both('GET', '/v1/users/me', undefined, made.api_key)).toEqual([200, 200]);
  clock.set(expires_at);
  expect(await both('GET', '/v1/users/me', undefined, made.api_key)).toEqual([401, 401]);
});

test('a tenant that is suspended, and lets write again', async () => {
  await fresh();
  expect(await both('POST', '/v1/events', validEvent({ timestamp: clock.now().toISO() }))).toEqual([202, 202]);
  await suspend();
  later(5);
  expect(await both('POST', '/v1/events', validEvent({ timestamp: clock.now().toISO() }))).toEqual([403, 403]);
  await api.app.database.withTenant(tenant.ctx, (tx) => tx.updateTable('tenants').set({ internalStatus: 'active' }).execute());
  later(5);
  expect(await both('POST', '/v1/events', validEvent({ timestamp: clock.now().toISO() }))).toEqual([202, 202]);
});

test('a quota, and the stream of a tenant', async () => {
  await fresh();
  const terms = (body: object) => api.send('PUT', `/v1/tenants/${tenant.ctx.tenantId}/ingest`, body, ROOT);
  expect(await both('POST', '/v1/events/bulk', batch(1000))).toEqual([202, 202]);
  expect((await terms({ quota: { events_per_second: 1, burst: 1000 } })).status).toBe(200);
  expect((await here('POST', '/v1/events/bulk', batch(1000))).status).toBe(202);
  expect((await here('POST', '/v1/events/bulk', batch(1000))).status).toBe(429);
  later(5);
  expect(await both('POST', '/v1/events/bulk', batch(1000))).toEqual([429, 429]);
  expect((await terms({ quota: null, lazy: true })).status).toBe(200);
  const before = await endOf(TOPICS.eventsLazy);
  expect((await here('POST', '/v1/events/bulk', batch(1))).status).toBe(202);
  expect(await endOf(TOPICS.eventsLazy)).toBeGreaterThan(before);
  later(5);
  const between = await endOf(TOPICS.eventsLazy);
  expect((await there('POST', '/v1/events/bulk', batch(1000))).status).toBe(202);
  expect(await endOf(TOPICS.eventsLazy)).toBeGreaterThan(between);
});

test('the filter of raw events', async () => {
  await fresh();
  const item = (orgId: string) => ({
    events: [{ id: `raw-${orgId}`, orgId, methodName: 'chat', providerName: 'p', createdAt: clock.now().toISO() }],
  });
  const taken = async (send: typeof here, customer: string) => {
    const { status, body } = await send('POST', '/v1/events/raw/bulk', item(customer));
    expect(status).toBe(202);
    return body.dropped_items === undefined;
  };
  const filter = '/v1/settings/event_ingestion_filter';
  expect([await taken(here, 'b'), await taken(there, 'b')]).toEqual([true, true]);
  expect((await here('PUT', filter, { value: { enabled: true, allowed_external_customer_ids: ['a'] } })).status).toBe(200);
  expect([await taken(here, 'a'), await taken(here, 'b')]).toEqual([true, false]);
  later(5);
  expect([await taken(there, 'a'), await taken(there, 'b')]).toEqual([true, false]);
  expect((await here('DELETE', filter)).status).toBe(200);
  expect(await taken(here, 'b')).toBe(true);
  later(5);
  expect(await taken(there, 'b')).toBe(true);
});

test('an environment for the root key', async () => {
  await fresh();
  const { environments } = await api.app.tenancy.createTenant({ ...api.ctx, tenantId: 'tenant_root', environmentId: '' }, { name: 'Root' });
  const headers = { ...ROOT, 'x-environment-id': environments[1]?.id ?? '' };
  expect((await api.send('GET', '/v1/customers', undefined, headers)).status).toBe(200);
  await api.app.database.withTenant({ ...api.ctx, tenantId: 'tenant_root', environmentId: '' }, (tx) =>
    tx
      .updateTable('environments')
      .set({ status: 'archived' })
      .where('id', '=', environments[1]?.id ?? '')
      .execute(),
  );
  later(5);
  expect((await api.send('GET', '/v1/customers', undefined, headers)).status).toBe(403);
});

test('what a change takes away is not given back by one that is rolled back, nor taken by it', async () => {
  await fresh();
  await both('GET', '/v1/users/me');
  const failed = api.app.database.withTenant(tenant.ctx, async (tx) => {
    await tx.updateTable('tenants').set({ internalStatus: 'suspended' }).execute();
    throw new Error('rolled back');
  });
  await expect(failed).rejects.toThrow('rolled back');
  later(5);
  expect(await both('POST', '/v1/events', validEvent({ timestamp: clock.now().toISO() }))).toEqual([202, 202]);
});

test('a change that took long to commit, beside others that did not', async () => {
  await fresh();
  const slow = new pg.Client(superuser(api.config.postgres.database));
  await slow.connect();
  await slow.query('begin');
  await slow.query(`update tenants set internal_status = 'suspended' where id = $1`, [tenant.ctx.tenantId]);
  const suspended = tenant;
  for (let times = 0; times < 3; times += 1) {
    await fresh();
    await tenant.request('GET', '/v1/users/me');
    await suspend();
    later(5);
    expect((await there('POST', '/v1/events', validEvent({ timestamp: clock.now().toISO() }), suspended.key)).status).toBe(202);
  }
  await slow.query('commit');
  await slow.end();
  later(5);
  expect((await there('POST', '/v1/events', validEvent({ timestamp: clock.now().toISO() }), suspended.key)).status).toBe(403);
});

test('requests ask Postgres for nothing: two seconds of them for one question, about all keys at once', async () => {
  await fresh();
  const keys = [tenant.key, await tenant.keyWith(['event_ingestor']), await tenant.keyWith(['all_writer'])];
  const send = (key: string) => there('POST', '/v1/events', validEvent({ timestamp: clock.now().toISO() }), key);
  for (const key of keys) await send(key);
  const asked = vi.spyOn(other.app.database, 'asSystem');
  for (let second = 0; second < 60; second += 1) {
    for (const key of keys) expect((await send(key)).status).toBe(202);
    later(1);
  }
  const reasons = asked.mock.calls.map(([reason]) => reason);
  expect(reasons.filter((reason) => reason === 'api key look-up')).toEqual([]);
  expect(reasons.filter((reason) => reason === 'access changes').length).toBeLessThanOrEqual(31);
  expect(reasons.filter((reason) => reason === 'access changes').length).toBeGreaterThanOrEqual(28);
});

test('the use of a key is shown, once a minute, and is no change of it', async () => {
  await fresh();
  const { body: made } = await tenant.request('POST', '/v1/secrets/api/keys', { name: 'used', type: 'private_key' });
  const shown = async () =>
    (await tenant.request('GET', '/v1/secrets/api/keys?limit=100')).body.items.find((key: { id: string }) => key.id === made.secret.id);
  expect((await shown()).last_used_at).toBeUndefined();
  const first = clock.now().toISO({ suppressMilliseconds: true });
  await there('GET', '/v1/users/me', undefined, made.api_key);
  await expect.poll(async () => (await shown()).last_used_at).toBe(first);
  later(30);
  await there('GET', '/v1/users/me', undefined, made.api_key);
  await here('GET', '/v1/users/me', undefined, made.api_key);
  later(31);
  expect((await shown()).last_used_at).toBe(first);
  const second = clock.now().toISO({ suppressMilliseconds: true });
  await there('GET', '/v1/users/me', undefined, made.api_key);
  await expect.poll(async () => (await shown()).last_used_at).toBe(second);
  expect((await shown()).updated_at).toBe((made as { secret: { updated_at: string } }).secret.updated_at);
  const changed = await api.app.database.withTenant(tenant.ctx, async (tx) => {
    const { rows } = await sql`select 1 from access_changes`.execute(tx);
    return rows.length;
  });
  expect(changed).toBe(0);
});

describe('while Postgres is away', () => {
  test('known keys go on sending events, unknown ones are told to try again, and what changed meanwhile holds afterwards', async () => {
    await fresh();
    const cut = await secondProcess();
    const send = (key = tenant.key) => cut.send('POST', '/v1/events', key, validEvent({ timestamp: clock.now().toISO() }));
    // The log is of the same database here: only the way of the credentials is cut.
    const ingest = vi.spyOn(await cut.app.ingest, 'ingest').mockResolvedValue('event_1');
    try {
      expect((await send()).status).toBe(202);
      await cut.wire.cut();
      for (const seconds of [1, 5, 60, 600, 1800]) {
        later(seconds);
        expect([seconds, (await send()).status]).toEqual([seconds, 202]);
      }
      expect((await send('sk_nobody')).status).toBe(503);
      expect(ingest).toHaveBeenCalledTimes(6);
      later(3_600);
      expect((await send()).status).toBe(503);
    } finally {
      await cut.app.close();
      await cut.wire.close();
    }
  });

  test('an engine that hangs holds up one second of requests, and no more', async () => {
    await fresh();
    const hung = await secondProcess();
    const send = () => hung.send('POST', '/v1/events', tenant.key, validEvent({ timestamp: clock.now().toISO() }));
    vi.spyOn(await hung.app.ingest, 'ingest').mockResolvedValue('event_1');
    try {
      expect((await send()).status).toBe(202);
      hung.wire.mute();
      later(10);
      const started = performance.now();
      expect((await Promise.all(Array.from({ length: 20 }, send))).map(({ status }) => status)).toEqual(
        Array.from({ length: 20 }, () => 202),
      );
      const waited = performance.now() - started;
      expect(waited).toBeGreaterThan(900);
      for (let times = 0; times < 20; times += 1) expect((await send()).status).toBe(202);
      expect(performance.now() - started - waited).toBeLessThan(900);
    } finally {
      await hung.wire.cut();
      await hung.app.close();
    }
  });
});
