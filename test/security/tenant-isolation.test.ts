import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Route } from '#platform/http/route.ts';
import { allRoutes } from '../../scripts/generate-openapi.ts';
import { type Answer, startTestApi, type TestApi, type TestTenant } from '../support/api.ts';
import { superuser } from '../support/engines.ts';
import { sessionFor } from '../support/portal.ts';
import { seedEverything, type World } from '../support/world.ts';
import { idFor, queryFor } from '../support/world-requests.ts';

const routes = await allRoutes();
let api: TestApi;
let world: World;
let stranger: TestTenant;
let strangersKey: string;
let neighbourKey: string;
/** A session of the portal by the key that made it. */
const sessions = new Map<string, string>();
let inspector: pg.Client;

beforeAll(async () => {
  api = await startTestApi({ clickhouse: true });
  world = await seedEverything(api);
  stranger = await api.tenant('Stranger');
  strangersKey = stranger.key;
  neighbourKey = await api.keyWith(['super_admin'], api.environments[1]?.id);
  for (const key of [strangersKey, neighbourKey]) {
    const request: TestTenant['request'] = (method, path, body) => api.send(method, path, body, { 'x-api-key': key });
    await request('POST', '/v1/customers', { external_id: 'theirs', name: 'Theirs' });
    sessions.set(key, await sessionFor({ request }, 'theirs'));
  }
  inspector = new pg.Client(superuser(api.config.postgres.database));
  await inspector.connect();
});
afterAll(async () => {
  await inspector.end();
  await api.close();
});

const credentials = (key: string) => ({ 'x-api-key': key, 'x-session-token': sessions.get(key) ?? '' });

/** All rows of the owner, to see that nothing has changed. */
async function rowsOfOwner(): Promise<string> {
  const { rows: tables } = await inspector.query<{ name: string }>(`
    select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' and n.nspname = 'public'
    and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped) order by 1`);
  const all: Record<string, unknown[]> = {};
  for (const { name } of tables)
    all[name] = (await inspector.query(`select * from ${name} t where tenant_id = $1 order by t::text`, [api.ctx.tenantId])).rows;
  return JSON.stringify(all);
}

/** Tenant-level resources belong to all environments of their tenant. */
const TENANT_LEVEL = /^\/v1\/(tenants|environments|users)/;

describe.each([
  ['another tenant', () => strangersKey, () => true],
  ['another environment', () => neighbourKey, (route: Route) => !TENANT_LEVEL.test(route.path)],
] as const)('an id of %s', (_, key, concerns) => {
  // Settings have no ids: everybody has the same keys, and values of their own (below).
  const withId = routes.filter((route) => route.path.includes('{') && !route.path.startsWith('/v1/settings/'));

  test.each(withId.map((route) => [`${route.method} ${route.path}`, route] as const))(
    '%s answers 404 and changes nothing',
    async (__, route) => {
      if (!concerns(route)) return;
      const before = await rowsOfOwner();
      const path = route.path.replace(/\{\w+\}/g, encodeURIComponent(idFor(world, api.ctx, route))) + queryFor(world, route);
      const answer = await api.send(route.method, path, route.body ? world.bodyFor(route) : undefined, credentials(key()));
      // What only the operator may do does not even say whether there is such a tenant.
      expect([answer.status, answer.body?.code]).toEqual(route.permission === 'operator' ? [403, undefined] : [404, 'not_found']);
      expect(await rowsOfOwner()).toBe(before);
    },
  );

  test('is refused inside a body, and changes nothing', async () => {
    const before = await rowsOfOwner();
    for (const [method, path, body] of world.foreignBodies()) {
      const answer = await api.send(method, path, body, { 'x-api-key': key() });
      expect([method, path, answer.status, answer.body?.code]).toEqual([method, path, 404, 'not_found']);
    }
    expect(await rowsOfOwner()).toBe(before);
  });
});

describe('lists and searches of a stranger', () => {
  const lists = routes.filter(
    (route) =>
      !route.path.includes('{') &&
      ((route.method === 'GET' && route.path.startsWith('/v1/') && !route.path.includes('lookup')) ||
        route.path.endsWith('/search') ||
        route.path === '/v1/events/query' ||
        /^\/v1\/customer\/portal\/(?!info)/.test(route.path)),
  );

  test.each(lists.map((route) => [`${route.method} ${route.path}`, route] as const))('%s shows nothing of others', async (_, route) => {
    for (const key of [strangersKey, neighbourKey]) {
      const answer: Answer = await api.send(route.method, route.path, route.body ? {} : undefined, credentials(key));
      if (route.credential === 'portal_session') expect(answer.status).toBe(route.path.endsWith('/analytics/cost') ? 403 : 200);
      expect(answer.status).toBeLessThan(500);
      for (const id of world.secretsOfOwner(TENANT_LEVEL.test(route.path) && key === neighbourKey)) expect(answer.text).not.toContain(id);
    }
  });
});

test('analytics of another tenant show neither its usage nor its lines', async () => {
  const { externalCustomerId: customer, featureId, meterId } = world;
  const range = { external_customer_id: customer, start_time: '2026-01-01T00:00:00Z', end_time: '2027-01-01T00:00:00Z' };
  const questions = [
    ['/v1/events/analytics', range],
    ['/v1/events/analytics', { ...range, include_children: true }],
    ['/v1/events/analytics', { ...range, feature_ids: [featureId], group_by: ['source'] }],
    ['/v1/meter-usage/detailed-analytics', { ...range, meter_ids: [meterId], expand: ['meter', 'price', 'feature'] }],
  ] as const;
  for (const [path, question] of questions) {
    expect((await api.request('POST', path, question)).text).toContain(world.subscriptionId);
    for (const key of [strangersKey, neighbourKey]) {
      const answer = await api.send('POST', path, question, { 'x-api-key': key });
      expect([answer.status, answer.body.items]).toEqual([200, []]);
      expect(answer.headers['X-Usage-Watermark']).toBeUndefined();
    }
  }
});

test('costs over all customers are those of the tenant and environment that asks', async () => {
  const range = { start_time: '2026-01-01T00:00:00Z', end_time: '2027-01-01T00:00:00Z', expand: ['meter', 'price'] };
  const show = (key: string) =>
    api.send('PUT', '/v1/settings/customer_portal_config', { value: { cost_analytics_enabled: true } }, { 'x-api-key': key });
  const seenByCustomer = (key: string) => api.send('POST', '/v1/customer/portal/analytics/cost', range, credentials(key));
  expect((await show(api.key)).status).toBe(200);
  expect((await api.request('POST', '/v1/costs/analytics', range)).body).toMatchObject({
    total_cost: '1',
    total_revenue: '1',
    cost_analytics: [{ costsheet_id: world.costsheetId, total_events: 1 }],
  });
  for (const key of [strangersKey, neighbourKey]) {
    // Each decides for its own customers whether they see costs.
    expect((await seenByCustomer(key)).status).toBe(403);
    expect((await show(key)).status).toBe(200);
    // Without a cost sheet nothing is computed; with one of their own, of nothing that is not theirs.
    expect((await api.send('POST', '/v1/costs/analytics', range, { 'x-api-key': key })).body.code).toBe('invalid_operation');
    expect((await api.send('POST', '/v1/costs', { name: 'Theirs', lookup_key: 'owner-costs' }, { 'x-api-key': key })).status).toBe(201);
    for (const question of [
      range,
      { ...range, external_customer_id: world.externalCustomerId, feature_ids: [world.featureId] },
      { ...range, external_customer_id: world.externalCustomerId, include_children: true },
    ]) {
      const answer = await api.send('POST', '/v1/costs/analytics', question, { 'x-api-key': key });
      expect([answer.status, answer.body.total_cost, answer.body.total_revenue, answer.body.cost_analytics]).toEqual([200, '0', '0', []]);
      expect(answer.headers['X-Usage-Watermark']).toBeUndefined();
    }
    expect(await seenByCustomer(key)).toMatchObject({ status: 200, body: { total_cost: '0', total_revenue: '0', cost_analytics: [] } });
  }
});

test('a list by a foreign parent finds nothing', async () => {
  const question = { parent_subscription_ids: [world.subscriptionId] };
  expect((await api.request('POST', '/v1/subscriptions/search', question)).body.items).toMatchObject([{ id: world.inheritedId }]);
  for (const key of [strangersKey, neighbourKey])
    expect((await api.send('POST', '/v1/subscriptions/search', question, { 'x-api-key': key })).body.items).toEqual([]);
});

test('usage of another tenant is zero', async () => {
  const question = {
    event_name: world.eventName,
    external_customer_id: world.externalCustomerId,
    aggregation_type: 'COUNT',
    start_time: '2026-01-01T00:00:00Z',
    end_time: '2027-01-01T00:00:00Z',
  };
  expect((await api.request('POST', '/v1/events/usage', question)).body.value).toBe(1);
  for (const key of [strangersKey, neighbourKey]) {
    const answer = await api.send('POST', '/v1/events/usage', question, { 'x-api-key': key });
    expect([answer.status, answer.body.value ?? 0]).toEqual([200, 0]);
  }
});

test('settings of another tenant or environment are neither seen nor changed', async () => {
  const path = '/v1/settings/event_ingestion_filter';
  await api.request('PUT', path, { value: { enabled: true, allowed_external_customer_ids: ['owner-customer'] } });
  const before = await rowsOfOwner();
  for (const key of [strangersKey, neighbourKey]) {
    const as = (method: string, body?: unknown) => api.send(method, path, body, { 'x-api-key': key });
    expect((await as('GET')).body.value).toEqual({ enabled: false, allowed_external_customer_ids: [] });
    expect((await as('DELETE')).status).toBe(404);
    expect(await rowsOfOwner()).toBe(before);
  }
  const foreign = (key: string) =>
    api.send('PUT', path, { value: { enabled: true, allowed_external_customer_ids: [] } }, { 'x-api-key': key });
  expect((await foreign(strangersKey)).status).toBe(200);
  expect(await rowsOfOwner()).toBe(before);
  expect((await foreign(neighbourKey)).status).toBe(200);
  expect((await api.request('GET', path)).body.value).toEqual({ enabled: true, allowed_external_customer_ids: ['owner-customer'] });
});
