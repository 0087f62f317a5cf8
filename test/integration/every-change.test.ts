import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '#app/create-app.ts';
import { createManagementHandler } from '#functions/management/create-handler.ts';
import { allRoutes } from '../../scripts/generate-openapi.ts';
import { type Answer, startTestApi, type TestApi, toGatewayEvent } from '../support/api.ts';
import { superuser } from '../support/engines.ts';
import { sessionFor } from '../support/portal.ts';
import { seedEverything, type World } from '../support/world.ts';

// Every operation that changes something says so in the outbox, with who and in answer to which request; and every one that
// creates something does all its work in the one transaction that an Idempotency-Key needs.

const routes = (await allRoutes()).filter(
  (route) => route.method !== 'GET' && route.permission.startsWith('write:') && route.permission !== 'write:Event',
);
let api: TestApi;
let world: World;
let database: pg.Client;
let actor: string;
let token: string;
let send: (method: string, path: string, body: unknown, headers: Record<string, string>) => Promise<Answer>;
let closeApp: () => Promise<void>;

beforeAll(async () => {
  api = await startTestApi({ clickhouse: true });
  world = await seedEverything(api);
  database = new pg.Client(superuser(api.config.postgres.database));
  await database.connect();
  token = await sessionFor(api, world.externalCustomerId);
  actor = (await api.request('GET', '/v1/users/me')).body.id;
  // One connection: whoever asks for a second one within a request waits for itself, and fails.
  const app = createApp({ ...api.config, postgres: { ...api.config.postgres, pool_max: 1 } });
  const handle = createManagementHandler(app);
  closeApp = () => app.close();
  send = async (method, path, body, headers) => {
    const result = await handle(toGatewayEvent(method, path, body, { 'x-api-key': api.key, 'x-session-token': token, ...headers }));
    return {
      status: result.statusCode,
      text: result.body,
      headers: result.headers,
      body: result.body === '' ? undefined : JSON.parse(result.body),
    };
  };
});
afterAll(async () => {
  await Promise.all([closeApp(), database.end()]);
  await api.close();
});

const price = () => ({
  entity_type: 'PLAN',
  entity_id: world.planId,
  type: 'FIXED',
  billing_model: 'FLAT_FEE',
  billing_period: 'MONTHLY',
  billing_period_count: 1,
  price_unit_type: 'FIAT',
  currency: 'usd',
  amount: '1',
  invoice_cadence: 'ADVANCE',
});
const meter = { name: 'M', event_name: 'm', aggregation: { type: 'COUNT' }, reset_usage: 'BILLING_PERIOD' };
const entitlement = (id: string, plan: string) => ({
  entity_type: 'PLAN',
  entity_id: plan,
  feature_id: id,
  feature_type: 'boolean',
  is_enabled: true,
});
const make = async (path: string, body: unknown): Promise<string> => (await api.request('POST', path, body)).body.id;
const feature = (key: string) => make('/v1/features', { name: key, type: 'boolean', lookup_key: key });
const plan = (key: string) => make('/v1/plans', { name: key, lookup_key: key });
const costsheet = async (): Promise<string> => (await api.request('POST', '/v1/costs', { name: 'gone' })).body.costsheet.id;
const secret = async (): Promise<string> =>
  (await api.request('POST', '/v1/secrets/api/keys', { name: 'gone', type: 'private_key' })).body.secret.id;
const draft = async (status: string): Promise<string> => {
  const { body } = await api.request('POST', '/v1/invoices/search', { subscription_id: world.subscriptionId });
  const {
    rows: [row],
  } = await database.query(
    `update invoices set invoice_status = $2, finalized_at = null, invoice_number = null where id = $1 returning id`,
    [body.items[0].id, status],
  );
  return row.id;
};

type Change = () => Promise<readonly [path: string, body?: unknown]>;
/** A request for each operation that would be accepted. A new operation needs a line here. */
const CHANGES: Readonly<Record<string, Change>> = {
  updateTenant: async () => ['/v1/tenants/update', { name: 'Renamed' }],
  createEnvironment: async () => ['/v1/environments', { name: 'Stage', type: 'development' }],
  updateEnvironment: async () => [`/v1/environments/${world.environmentId}`, { name: 'Renamed' }],
  createApiKey: async () => ['/v1/secrets/api/keys', { name: 'more', type: 'private_key' }],
  deleteApiKey: async () => [`/v1/secrets/api/keys/${await secret()}`],
  createCustomer: async () => ['/v1/customers', { external_id: 'change', name: 'Change' }],
  updateCustomer: async () => [`/v1/customers?id=${world.customerId}`, { name: 'Renamed' }],
  updateCustomerById: async () => [`/v1/customers/${world.customerId}`, { name: 'Renamed again' }],
  updatePortalCustomer: async () => ['/v1/customer/portal/info', { name: 'Renamed by itself' }],
  deleteCustomer: async () => [`/v1/customers/${await make('/v1/customers', { external_id: 'gone', name: 'Gone' })}`],
  createMeter: async () => ['/v1/meters', meter],
  updateMeter: async () => [`/v1/meters/${await make('/v1/meters', meter)}`, { filters: [{ key: 'model', values: ['x'] }] }],
  disableMeter: async () => [`/v1/meters/${await make('/v1/meters', meter)}/disable`],
  deleteMeter: async () => [`/v1/meters/${await make('/v1/meters', meter)}`],
  createFeature: async () => ['/v1/features', { name: 'Change', type: 'metered', lookup_key: 'change', meter }],
  updateFeature: async () => [`/v1/features/${world.featureId}`, { name: 'Renamed' }],
  deleteFeature: async () => [`/v1/features/${await feature('gone')}`],
  cloneFeature: async () => [`/v1/features/${world.featureId}/clone`, { name: 'Cloned', lookup_key: 'cloned' }],
  createCostsheet: async () => ['/v1/costs', { name: 'Change', lookup_key: 'change' }],
  updateCostsheet: async () => [`/v1/costs/${world.costsheetId}`, { name: 'Renamed' }],
  deleteCostsheet: async () => [`/v1/costs/${await costsheet()}`],
  createPlan: async () => ['/v1/plans', { name: 'Change', lookup_key: 'change' }],
  updatePlan: async () => [`/v1/plans/${world.planId}`, { name: 'Renamed' }],
  deletePlan: async () => [`/v1/plans/${await plan('gone')}`],
  createPrice: async () => ['/v1/prices', price()],
  createPricesBulk: async () => ['/v1/prices/bulk', { items: [price(), { ...price(), amount: '2' }] }],
  updatePrice: async () => [`/v1/prices/${await make('/v1/prices', price())}`, { metadata: { a: 'b' } }],
  deletePrice: async () => [`/v1/prices/${await make('/v1/prices', price())}`, {}],
  createEntitlement: async () => ['/v1/entitlements', entitlement(await feature('granted'), world.planId)],
  createEntitlementsBulk: async () => [
    '/v1/entitlements/bulk',
    { items: [entitlement(await feature('granted-1'), world.planId), entitlement(await feature('granted-2'), world.planId)] },
  ],
  updateEntitlement: async () => [`/v1/entitlements/${world.entitlementId}`, { usage_limit: 20 }],
  deleteEntitlement: async () => [
    `/v1/entitlements/${await make('/v1/entitlements', entitlement(await feature('revoked'), world.planId))}`,
  ],
  createSubscription: async () => [
    '/v1/subscriptions',
    {
      customer_id: world.customerId,
      plan_id: world.planId,
      currency: 'usd',
      billing_period: 'MONTHLY',
      billing_period_count: 1,
      billing_cycle: 'anniversary',
      start_date: '2026-11-01T00:00:00Z',
    },
  ],
  finalizeInvoice: async () => [`/v1/invoices/${await draft('DRAFT')}/finalize`],
  voidInvoice: async () => [`/v1/invoices/${world.invoiceId}/void`, {}],
  cancelSubscription: async () => [`/v1/subscriptions/${world.subscriptionId}/cancel`, { cancellation_type: 'immediate' }],
  updateSettingByKey: async () => ['/v1/settings/event_ingestion_filter', { value: { enabled: false } }],
  deleteSettingByKey: async () => {
    await api.request('PUT', '/v1/settings/customer_onboarding', { value: { actions: [] } });
    return ['/v1/settings/customer_onboarding'];
  },
};
const inOrder = Object.keys(CHANGES).map((operation) => {
  const route = routes.find(({ operationId }) => operationId === operation);
  if (!route) throw new Error(`there is no operation ${operation}`);
  return [operation, route] as const;
});

test('every operation that changes something is here', () => {
  expect(routes.map(({ operationId }) => operationId).filter((operation) => !(operation in CHANGES))).toEqual([]);
});

const outboxOf = async (requestId: string) =>
  (await database.query('select distinct tenant_id, environment_id, actor_id, actor_type from outbox where request_id = $1', [requestId]))
    .rows;

describe('one connection is enough, and the outbox tells who did it', () => {
  test.each(inOrder)('%s', async (operation, route) => {
    const [path, body] = await (CHANGES[operation] as Change)();
    const requestId = `change-${operation}`;
    const key: Record<string, string> = route.idempotent ? { 'idempotency-key': `key of ${operation}` } : {};
    const answer = await send(route.method, path, body, { 'x-request-id': requestId, ...key });
    expect([operation, answer.status, answer.status >= 300 ? answer.text : '']).toEqual([
      operation,
      Number(Object.keys(route.responses)[0]),
      '',
    ]);
    const who =
      route.credential === 'portal_session'
        ? { actor_id: world.customerId, actor_type: 'customer' }
        : { actor_id: actor, actor_type: 'api_key' };
    expect(await outboxOf(requestId)).toEqual([{ tenant_id: api.ctx.tenantId, environment_id: api.ctx.environmentId, ...who }]);

    if (!route.idempotent) return;
    const again = await send(route.method, path, body, { 'x-request-id': `${requestId}-again`, ...key });
    expect([again.status, again.text]).toEqual([answer.status, answer.text]);
    expect(await outboxOf(`${requestId}-again`)).toEqual([]);
    // The same request, written in another way.
    const other = await send(route.method, path, ` ${JSON.stringify(body)}`, key);
    expect([other.status, other.body.code]).toEqual([409, 'already_exists']);
  });
});

describe('an Idempotency-Key', () => {
  test('belongs to one operation, one environment and one tenant', async () => {
    const key = { 'idempotency-key': 'shared' };
    const stranger = await api.tenant('Stranger');
    const neighbour = { 'x-api-key': await api.keyWith(['super_admin'], api.environments[1]?.id), ...key };
    const customer = { name: 'Shared', external_id: 'shared' };
    const plan = { name: 'Shared', lookup_key: 'shared' };
    const made = [
      await api.request('POST', '/v1/customers', customer, key),
      await api.request('POST', '/v1/plans', plan, key),
      await api.request('POST', '/v1/costs', plan, key),
      await stranger.request('POST', '/v1/customers', customer, key),
      await api.send('POST', '/v1/customers', customer, neighbour),
    ];
    expect(made.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201]);
    expect(new Set(made.map(({ body }) => body.id ?? body.costsheet.id)).size).toBe(5);
  });

  test('that is too long is refused, one whose request fails may be used again', async () => {
    const long = await api.request('POST', '/v1/customers', { external_id: 'k', name: 'K' }, { 'idempotency-key': 'x'.repeat(256) });
    expect([long.status, long.body.details.field]).toEqual([400, 'Idempotency-Key']);
    const key = { 'idempotency-key': 'failing' };
    for (const [body, status] of [
      [{ name: 'no id' }, 400],
      [{ external_id: 'change', name: 'taken' }, 409],
      [{ external_id: 'failing', name: 'good' }, 201],
    ] as const) {
      expect((await api.request('POST', '/v1/customers', body, key)).status).toBe(status);
    }
  });

  test('of requests at once gives all of them one answer, and makes one entity', async () => {
    const at = {
      customer_id: await make('/v1/customers', { external_id: 'at-once', name: 'A' }),
      plan_id: world.planId,
      currency: 'usd',
      billing_period: 'MONTHLY',
      billing_period_count: 1,
      billing_cycle: 'anniversary',
      start_date: '2026-11-01T00:00:00Z',
    };
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => api.request('POST', '/v1/subscriptions', at, { 'idempotency-key': 'at-once' })),
    );
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(answers[0]?.status).toBe(201);
    expect((await database.query('select 1 from subscriptions where customer_id = $1', [at.customer_id])).rowCount).toBe(1);
  });
});
