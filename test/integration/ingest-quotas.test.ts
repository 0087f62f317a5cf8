import fc from 'fast-check';
import { DateTime } from 'luxon';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createApp } from '#app/create-app.ts';
import { createIngestHandler } from '#functions/ingest/create-handler.ts';
import { createQuotas, type Quotas } from '#ingestion/service/quotas.ts';
import type { IngestQuota, RequestContext } from '#kernel/context.ts';
import { unavailable } from '#kernel/errors.ts';
import { TOPICS } from '#platform/event-log/topics.ts';
import { startTestApi, type TestApi, type TestTenant, toGatewayEvent } from '../support/api.ts';
import { validEvent } from '../support/events.ts';

let now = DateTime.utc(2026, 11, 1, 12);
const clock = { now: () => now };
const ROOT = { 'x-api-key': 'sk_root_of_quotas' };

let api: TestApi;
let tenant: TestTenant;
let tenants = 0;
beforeAll(async () => {
  api = await startTestApi({
    clock,
    env: { FLEXPRICE_AUTH_ROOT_KEY: ROOT['x-api-key'], FLEXPRICE_AUTH_ROOT_TENANT_ID: 'tenant_root', FLEXPRICE_AUTH_CACHE_SECONDS: '0' },
  });
});
afterAll(() => api.close());
beforeEach(async () => {
  tenant = await api.tenant(`Quota ${tenants++}`);
});

const batch = (count: number) => ({ events: Array.from({ length: count }, () => validEvent({ timestamp: now.toISO() })) });
const agree = (body: object, id = tenant.ctx.tenantId) => api.send('PUT', `/v1/tenants/${id}/ingest`, body, ROOT);
const sendBatch = async (count: number, headers: Record<string, string> = {}) =>
  tenant.request('POST', '/v1/events/bulk', batch(count), headers);
const endOf = async (topic: string) => (await (await api.app.eventLog).lag('test', topic)).reduce((sum, { end }) => sum + end, 0n);

test('without a quota everything is let in; a quota holds from the next request on and goes again', async () => {
  for (let round = 0; round < 5; round += 1) expect((await sendBatch(1000)).status).toBe(202);
  expect(await agree({ quota: { events_per_second: 100, burst: 1000 } })).toMatchObject({
    status: 200,
    body: { tenant_id: tenant.ctx.tenantId, lazy: false, quota: { events_per_second: 100, burst: 1000 } },
  });
  expect((await sendBatch(1000)).status).toBe(202);
  const refused = await sendBatch(500);
  expect(refused).toMatchObject({
    status: 429,
    headers: { 'Retry-After': '5' },
    body: {
      code: 'too_many_requests',
      http_status_code: 429,
      details: {
        quota: 'tenant',
        events_per_second: 100,
        burst: 1000,
        requested: 500,
        retry_after_seconds: 5,
        reset_at: now.plus({ seconds: 5 }).toISO(),
      },
    },
  });
  now = now.plus({ seconds: 5 });
  expect((await sendBatch(500)).status).toBe(202);
  expect((await sendBatch(1)).status).toBe(429);
  expect((await agree({ quota: null })).body.quota).toBeNull();
  expect((await sendBatch(1000)).status).toBe(202);
});

test('what is refused is not in the log, and what is not valid costs nothing', async () => {
  await agree({ quota: { events_per_second: 1, burst: 1000 } });
  expect((await tenant.request('POST', '/v1/events/bulk', { events: [...batch(500).events, { event_name: '' }] })).status).toBe(400);
  expect((await sendBatch(1000)).status).toBe(202);
  const before = await endOf(TOPICS.events);
  expect((await sendBatch(1000)).status).toBe(429);
  expect((await tenant.request('POST', '/v1/events', validEvent({ timestamp: now.toISO() }))).status).toBe(429);
  expect(await endOf(TOPICS.events)).toBe(before);
});

test('a noisy tenant takes nothing from another', async () => {
  await agree({ quota: { events_per_second: 10, burst: 1000 } });
  const other = await api.tenant('Quiet');
  await agree({ quota: { events_per_second: 10, burst: 1000 } }, other.ctx.tenantId);
  await sendBatch(1000);
  expect((await sendBatch(1)).status).toBe(429);
  expect((await other.request('POST', '/v1/events/bulk', batch(1000))).status).toBe(202);
});

test('a key has a quota of its own, within that of its tenant', async () => {
  await agree({ quota: { events_per_second: 1000, burst: 2000 } });
  const made = await tenant.request('POST', '/v1/secrets/api/keys', {
    name: 'gateway',
    type: 'publishable_key',
    ingest_quota: { events_per_second: 10, burst: 1000 },
  });
  expect(made).toMatchObject({ status: 201, body: { secret: { ingest_quota: { events_per_second: 10, burst: 1000 } } } });
  const narrow = { 'x-api-key': made.body.api_key };
  expect((await sendBatch(1000, narrow)).status).toBe(202);
  expect(await sendBatch(100, narrow)).toMatchObject({ status: 429, body: { details: { quota: 'key', retry_after_seconds: 10 } } });
  // The tenant's other key may still send what is left for all of them.
  expect((await sendBatch(1000)).status).toBe(202);
  expect(await sendBatch(100)).toMatchObject({ status: 429, body: { details: { quota: 'tenant' } } });
});

test('what the tenant refuses is given back to the key', async () => {
  await agree({ quota: { events_per_second: 1, burst: 1000 } });
  const made = await tenant.request('POST', '/v1/secrets/api/keys', {
    name: 'gateway',
    type: 'publishable_key',
    ingest_quota: { events_per_second: 1, burst: 1000 },
  });
  const narrow = { 'x-api-key': made.body.api_key };
  expect((await sendBatch(600)).status).toBe(202);
  for (let round = 0; round < 3; round += 1)
    expect(await sendBatch(500, narrow)).toMatchObject({ status: 429, body: { details: { quota: 'tenant' } } });
  await agree({ quota: null });
  expect((await sendBatch(1000, narrow)).status).toBe(202);
});

test('processes share a quota: together they let in no more than it says', async () => {
  await agree({ quota: { events_per_second: 200, burst: 1000 } });
  const apps = [createApp(api.config, { clock }), createApp(api.config, { clock }), createApp(api.config, { clock })];
  try {
    const handlers = apps.map((app) => createIngestHandler(app));
    const event = toGatewayEvent('POST', '/v1/events/bulk', batch(10), { 'x-api-key': tenant.key });
    let accepted = 0;
    const seconds = 3;
    for (let step = 0; step <= seconds * 10; step += 1) {
      const answers = await Promise.all(handlers.flatMap((handler) => Array.from({ length: 12 }, () => handler(event))));
      accepted += 10 * answers.filter(({ statusCode }) => statusCode === 202).length;
      for (const { statusCode } of answers) expect([202, 429]).toContain(statusCode);
      now = now.plus({ milliseconds: 100 });
    }
    expect(accepted).toBeLessThanOrEqual(1000 + 200 * (seconds + 0.1));
    // What it promises is there, too, but for the shares that lie with a process.
    expect(accepted).toBeGreaterThanOrEqual(1000 + 200 * seconds - apps.length * 20);
  } finally {
    await Promise.all(apps.map((app) => app.close()));
  }
});

describe('requests at once, while the clock stands', () => {
  /** What is let in of these sizes, all asked for in one moment; whoever is refused gets a reason, never an accident. */
  const letIn = async (quotas: Quotas, ctx: RequestContext, sizes: readonly number[]): Promise<number> => {
    const answers = await Promise.allSettled(sizes.map((size) => quotas.admit(ctx, size)));
    for (const answer of answers)
      if (answer.status === 'rejected') expect(answer.reason).toMatchObject({ name: 'DomainError', code: 'too_many_requests' });
    return answers.reduce((sum, { status }, index) => sum + (status === 'fulfilled' ? (sizes[index] ?? 0) : 0), 0);
  };
  const termsOf = (quota: IngestQuota): RequestContext => ({
    ...tenant.ctx,
    ingest: { lazy: false, tenantQuota: quota, keyId: 'key', keyQuota: null },
  });

  test('are let in up to the burst and not one more', async () => {
    const quotas = createQuotas({ database: api.app.database, clock });
    const ctx = termsOf({ eventsPerSecond: 2000, burst: 9110 });
    expect(await letIn(quotas, ctx, Array(400).fill(100))).toBe(9100);
    expect(await letIn(quotas, ctx, Array(400).fill(1))).toBe(10);
    // Large ones are refused as ever, not broken by what small ones have taken.
    expect(await letIn(quotas, ctx, Array(20).fill(1000))).toBe(0);
    now = now.plus({ milliseconds: 500 });
    expect(await letIn(quotas, ctx, Array(1200).fill(1))).toBe(1000);
  });

  test('never let in more than the quota, whatever their sizes and in however many processes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 3000 }),
        async (rounds, eventsPerSecond) => {
          const ctx = { ...termsOf({ eventsPerSecond, burst: 1000 }), tenantId: (await api.tenant('Any')).ctx.tenantId };
          const processes = [1, 2].map(() => createQuotas({ database: api.app.database, clock }));
          let accepted = 0;
          for (const [round, sizes] of rounds.entries()) {
            if (round > 0) now = now.plus({ milliseconds: 100 });
            const parts = await Promise.all(processes.map((quotas) => letIn(quotas, ctx, sizes)));
            accepted += parts.reduce((sum, part) => sum + part, 0);
            expect(accepted).toBeLessThanOrEqual(1000 + Math.floor((eventsPerSecond * round) / 10));
          }
        },
      ),
      { numRuns: 15 },
    );
  });

  test('of a key whose tenant refuses them take nothing from the key', async () => {
    const quotas = createQuotas({ database: api.app.database, clock });
    const keyQuota = { eventsPerSecond: 1, burst: 1000 };
    const ctx = { ...tenant.ctx, ingest: { lazy: false, tenantQuota: { eventsPerSecond: 1, burst: 2000 }, keyId: 'narrow', keyQuota } };
    const others = { ...ctx, ingest: { ...ctx.ingest, keyId: 'wide', keyQuota: null } };
    expect(await letIn(quotas, others, Array(15).fill(100))).toBe(1500);
    expect(await letIn(quotas, ctx, Array(20).fill(300))).toBe(300);
    const alone = { ...ctx, ingest: { ...ctx.ingest, tenantQuota: null } };
    expect(await letIn(quotas, alone, Array(20).fill(100))).toBe(700);
  });

  test('all go on when the bucket cannot be asked, and nobody waits for each of the others to find out', async () => {
    let asked = 0;
    const away = {
      ...api.app.database,
      withTenant: async (): Promise<never> => {
        asked += 1;
        throw unavailable('postgres', new Error('away'));
      },
    };
    const quotas = createQuotas({ database: away, clock });
    expect(await letIn(quotas, termsOf({ eventsPerSecond: 1, burst: 1000 }), Array(50).fill(1000))).toBe(50_000);
    expect(asked).toBe(1);
  });
});

test('a tenant is put aside and brought back without a restart', async () => {
  const [events, lazy] = [await endOf(TOPICS.events), await endOf(TOPICS.eventsLazy)];
  await agree({ lazy: true });
  expect((await sendBatch(10)).status).toBe(202);
  expect([await endOf(TOPICS.events), await endOf(TOPICS.eventsLazy)]).toEqual([events, lazy + 1n]);
  expect((await agree({ lazy: false })).body.lazy).toBe(false);
  expect((await sendBatch(10)).status).toBe(202);
  expect(await endOf(TOPICS.events)).toBe(events + 1n);
});

test('only the operator agrees on terms, with values that make sense', async () => {
  const path = `/v1/tenants/${tenant.ctx.tenantId}/ingest`;
  expect((await tenant.request('PUT', path, { lazy: true })).status).toBe(403);
  expect((await tenant.request('GET', path)).status).toBe(403);
  expect((await api.send('GET', path, undefined, ROOT)).body).toEqual({ tenant_id: tenant.ctx.tenantId, lazy: false, quota: null });
  expect((await agree({ lazy: true }, 'tenant_nobody')).status).toBe(404);
  for (const [quota, field] of [
    [{ events_per_second: 0, burst: 1000 }, 'quota.events_per_second'],
    [{ events_per_second: 1, burst: 999 }, 'quota.burst'],
    [{ events_per_second: 1 }, 'quota.burst'],
  ] as const) {
    expect(await agree({ quota })).toMatchObject({ status: 400, body: { details: { field } } });
  }
});
