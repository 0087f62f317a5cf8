import { DateTime } from 'luxon';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type MeteringApi, startMeteringApi } from '../support/metering-api.ts';
import type { TestTenant } from '../support/api.ts';

// Whose raw events a tenant lets in (metering.md 1.7).

const ROOT = { 'x-api-key': 'sk_root_of_filters' };
const WAIT = { timeout: 20_000, interval: 50 };
let api: MeteringApi;
let sequence = 0;
beforeAll(async () => {
  api = await startMeteringApi(DateTime.utc(2026, 3, 15, 12), {
    FLEXPRICE_AUTH_ROOT_KEY: ROOT['x-api-key'],
    FLEXPRICE_AUTH_ROOT_TENANT_ID: 'tenant_root',
  });
});
afterAll(() => api.close());

const raw = (id: string, orgId: string) => ({ id, orgId, methodName: 'chat', providerName: 'p', createdAt: '2026-03-10T00:00:00Z' });
/** Sends an item of each customer; the customers of those that are stored once the last of them is. */
async function letIn(customers: readonly string[], tenant: TestTenant = api, headers: Record<string, string> = {}): Promise<string[]> {
  const run = `filter-${++sequence}`;
  const answer = await tenant.request(
    'POST',
    '/v1/events/raw/bulk',
    { events: customers.map((customer) => raw(`${run}-${customer}`, customer)) },
    headers,
  );
  expect([answer.status, answer.body]).toMatchObject([
    202,
    { message: 'Raw events accepted for processing', batch_size: customers.length },
  ]);
  const marker = `${run}-marker`;
  await tenant.request(
    'POST',
    '/v1/events',
    { event_id: marker, event_name: 'marker', external_customer_id: 'marker', timestamp: '2026-03-10T00:00:00Z' },
    headers,
  );
  const status = async (id: string) =>
    (await tenant.request('GET', `/v1/events/lookup?id=${encodeURIComponent(id)}`, undefined, headers)).body.status;
  await vi.waitFor(async () => expect(await status(marker)).toBe('processed'), WAIT);
  const stored: string[] = [];
  for (const customer of customers) {
    // What was dropped is found as well, with the reason.
    await vi.waitFor(async () => expect(['processed', 'failed']).toContain(await status(`${run}-${customer}`)), WAIT);
    if ((await status(`${run}-${customer}`)) === 'processed') stored.push(customer);
  }
  const refused = customers.filter((customer) => !stored.includes(customer));
  expect((answer.body.dropped_items ?? []).map(({ event_id, field }: Record<string, string>) => [event_id, field])).toEqual(
    refused.map((customer) => [`${run}-${customer}`.trim(), 'event_ingestion_filter']),
  );
  return stored;
}
const set = (value: object, tenant: TestTenant = api, headers: Record<string, string> = {}) =>
  tenant.request('PUT', '/v1/settings/event_ingestion_filter', { value }, headers);
const later = () => api.clock.set(api.clock.now().plus({ seconds: 61 }));

test('it is switched on, changed and off without a restart, for the raw route alone', async () => {
  expect(await letIn(['a', 'b', 'c'])).toEqual(['a', 'b', 'c']);
  await set({ enabled: true, allowed_external_customer_ids: ['a', 'c'] });
  later();
  expect(await letIn(['a', 'b', 'c'])).toEqual(['a', 'c']);
  // Ids are compared as they are kept: without the blanks around them.
  expect(await letIn(['A', 'a ', 'a'])).toEqual(['a ', 'a']);
  await api.store('b', [{ id: 'ordinary', at: '2026-03-10T00:00:00Z' }]);
  await set({ enabled: true, allowed_external_customer_ids: ['b'] });
  later();
  expect(await letIn(['a', 'b', 'c'])).toEqual(['b']);
  await set({ enabled: false, allowed_external_customer_ids: ['b'] });
  later();
  expect(await letIn(['a', 'b'])).toEqual(['a', 'b']);
  await set({ enabled: true, allowed_external_customer_ids: [] });
  later();
  expect((await api.request('POST', '/v1/events/raw/bulk', { events: [raw('none', 'a')] })).body).toMatchObject({
    accepted: 0,
    dropped: 1,
  });
  const lookup = async () => (await api.request('GET', '/v1/events/lookup?id=none')).body;
  await vi.waitFor(async () => expect((await lookup()).acceptance.rejections).toMatchObject([{ reason: 'ingestion_filter' }]), WAIT);
  await api.request('DELETE', '/v1/settings/event_ingestion_filter');
  later();
  expect(await letIn(['a', 'b'])).toEqual(['a', 'b']);
});

test('it concerns one environment of one tenant', async () => {
  const stranger = await api.tenant('Unfiltered');
  await set({ enabled: true, allowed_external_customer_ids: ['a'] });
  later();
  expect(await letIn(['a', 'b'], stranger)).toEqual(['a', 'b']);
  const neighbour = { 'x-api-key': await api.keyWith(['super_admin'], api.environments[1]?.id) };
  expect(await letIn(['a', 'b'], api, neighbour)).toEqual(['a', 'b']);
  expect(await letIn(['a', 'b'])).toEqual(['a']);
});

test('it holds for the root key, too', async () => {
  const { environments } = await api.app.tenancy.createTenant({ ...api.ctx, tenantId: 'tenant_root' }, { name: 'Root' });
  const headers = { ...ROOT, 'x-environment-id': environments[0]?.id ?? '' };
  expect(await letIn(['a', 'b'], api, headers)).toEqual(['a', 'b']);
  await set({ enabled: true, allowed_external_customer_ids: ['b'] }, api, headers);
  // The process that changed it follows at once.
  expect(await letIn(['a', 'b'], api, headers)).toEqual(['b']);
});

test('a request asks Postgres for nothing that it did not ask for before', async () => {
  await set({ enabled: true, allowed_external_customer_ids: ['a'] });
  later();
  const send = () =>
    api.request('POST', '/v1/events/raw/bulk', { events: [raw(`quiet-${++sequence}`, 'a'), raw(`loud-${sequence}`, 'b')] });
  // What changed in a while is asked for once, for all that follow.
  for (let times = 0; times < 2; times += 1) await send();
  const asked = [vi.spyOn(api.app.database, 'withTenant'), vi.spyOn(api.app.database, 'asSystem')];
  try {
    for (let times = 0; times < 3; times += 1) expect((await send()).status).toBe(202);
    const ours = asked
      .flatMap((spy) => spy.mock.calls.map(([who]) => (typeof who === 'string' ? who : who.requestId)))
      .filter((who) => who !== 'event consumer');
    expect(ours).toEqual([]);
  } finally {
    for (const spy of asked) spy.mockRestore();
  }
});
