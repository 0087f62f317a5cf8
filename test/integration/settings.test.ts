import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { newId } from '#kernel/ids.ts';
import { systemClock } from '#kernel/clock.ts';
import { type Answer, startTestApi, type TestApi, type TestTenant } from '../support/api.ts';
import { outboxOf } from '../support/follow-up.ts';

const ROOT = { 'x-api-key': 'sk_root_of_settings' };
const FILTER = '/v1/settings/event_ingestion_filter';
const ONBOARDING = '/v1/settings/customer_onboarding';
const PORTAL = '/v1/settings/customer_portal_config';
const SUBSCRIBE = { action: 'create_subscription', plan_id: 'plan_1', currency: 'USD', billing_period: 'MONTHLY' };

let api: TestApi;
let tenant: TestTenant;
let tenants = 0;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());
beforeEach(async () => {
  tenant = await api.tenant(`Settings ${tenants++}`);
});

const put = (path: string, value: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  tenant.request('PUT', path, { value }, headers);

test('what nobody set is its default; what was set stays until it is deleted', async () => {
  const named = { tenant_id: tenant.ctx.tenantId, environment_id: tenant.ctx.environmentId, status: 'published' };
  expect((await tenant.request('GET', FILTER)).body).toEqual({
    key: 'event_ingestion_filter',
    value: { enabled: false, allowed_external_customer_ids: [] },
    ...named,
  });
  expect((await tenant.request('GET', ONBOARDING)).body).toEqual({ key: 'customer_onboarding', value: { actions: [] }, ...named });
  expect((await tenant.request('GET', PORTAL)).body).toEqual({
    key: 'customer_portal_config',
    value: { cost_analytics_enabled: false },
    ...named,
  });
  for (const value of [{ cost_analytics_enabled: true }, {}])
    expect((await put(PORTAL, value)).body.value).toEqual({ cost_analytics_enabled: false, ...value });
  const first = await put(FILTER, { enabled: true, allowed_external_customer_ids: ['a', ' b'] });
  expect(first).toMatchObject({
    status: 200,
    body: {
      id: expect.stringMatching(/^setting_/),
      key: 'event_ingestion_filter',
      value: { enabled: true, allowed_external_customer_ids: ['a', 'b'] },
      ...named,
      created_at: expect.any(String),
      updated_at: expect.any(String),
    },
  });
  expect((await tenant.request('GET', FILTER)).body).toEqual(first.body);
  // The whole value is replaced, and it is still the same row.
  expect((await put(FILTER, { enabled: true })).body).toMatchObject({
    id: first.body.id,
    value: { enabled: true, allowed_external_customer_ids: [] },
  });
  expect(await tenant.request('DELETE', FILTER)).toMatchObject({ status: 200, body: { message: expect.any(String) } });
  expect((await tenant.request('GET', FILTER)).body.value.enabled).toBe(false);
  expect(await tenant.request('DELETE', FILTER)).toMatchObject({ status: 404, body: { code: 'not_found' } });
  expect([
    (await outboxOf(api.app, tenant.ctx, 'setting.updated')).length,
    (await outboxOf(api.app, tenant.ctx, 'setting.deleted')).length,
  ]).toEqual([4, 1]);
});

test('onboarding is a list of actions, alone or in an object; keys of metadata stay as they are', async () => {
  const actions = [{ action: 'create_customer' }, { ...SUBSCRIBE, metadata: { ownKey: 'x', own_key: 'y' } }];
  const stored = [{ action: 'create_customer' }, { ...SUBSCRIBE, currency: 'usd', metadata: { ownKey: 'x', own_key: 'y' } }];
  for (const value of [actions, { actions }]) {
    expect(await put(ONBOARDING, value)).toMatchObject({ status: 200, body: { value: { actions: stored } } });
    expect((await tenant.request('GET', ONBOARDING)).body.value).toEqual({ actions: stored });
  }
});

const first = { action: 'create_customer' };
test.each<[what: string, path: string, value: unknown, field: string]>([
  ['no value', FILTER, undefined, 'value'],
  ['a text', FILTER, 'on', 'value'],
  ['a filter that is not said to be on or off', FILTER, {}, 'value.enabled'],
  ['text for a flag', FILTER, { enabled: 'yes' }, 'value.enabled'],
  ['an id that is a number', FILTER, { enabled: true, allowed_external_customer_ids: ['a', 7] }, 'value.allowed_external_customer_ids[1]'],
  ['an empty id', FILTER, { enabled: true, allowed_external_customer_ids: [''] }, 'value.allowed_external_customer_ids[0]'],
  ['an unknown field', FILTER, { enabled: true, allowed: [] }, 'value.allowed'],
  ['a list for a filter', FILTER, [], 'value'],
  [
    'too many ids',
    FILTER,
    { enabled: true, allowed_external_customer_ids: Array.from({ length: 10_001 }, (_, index) => String(index)) },
    'value.allowed_external_customer_ids',
  ],
  [
    'ids that are too long together',
    FILTER,
    { enabled: true, allowed_external_customer_ids: Array.from({ length: 600 }, () => 'x'.repeat(512)) },
    'value',
  ],
  ['text for a flag of the portal', PORTAL, { cost_analytics_enabled: 'yes' }, 'value.cost_analytics_enabled'],
  ['a part of the portal that does not exist', PORTAL, { costs: true }, 'value.costs'],
  ['an unknown action', ONBOARDING, [first, { action: 'create_world' }], 'value.actions[1].action'],
  ['an action without a name', ONBOARDING, [first, {}], 'value.actions[1].action'],
  ['wallets, which do not exist yet', ONBOARDING, [first, { action: 'create_wallet', currency: 'usd' }], 'value.actions[1].action'],
  ['another first action', ONBOARDING, [SUBSCRIBE], 'value.actions[0].action'],
  ['two customers', ONBOARDING, [first, first], 'value.actions[1].action'],
  ['no plan', ONBOARDING, [first, { ...SUBSCRIBE, plan_id: undefined }], 'value.actions[1].plan_id'],
  ['two plans', ONBOARDING, [first, { ...SUBSCRIBE, plan_lookup_key: 'p' }], 'value.actions[1].plan_id'],
  ['no currency', ONBOARDING, [first, { ...SUBSCRIBE, currency: undefined }], 'value.actions[1].currency'],
  ['an unknown period', ONBOARDING, [first, { ...SUBSCRIBE, billing_period: 'FORTNIGHTLY' }], 'value.actions[1].billing_period'],
  ['a field that is not supported', ONBOARDING, [first, { ...SUBSCRIBE, trial_period_days: 3 }], 'value.actions[1].trial_period_days'],
  ['too many actions', ONBOARDING, [first, ...Array.from({ length: 20 }, () => SUBSCRIBE)], 'value.actions'],
])('%s is refused, and changes nothing', async (_, path, value, field) => {
  await put(
    path,
    {
      [FILTER]: { enabled: true, allowed_external_customer_ids: ['kept'] },
      [PORTAL]: { cost_analytics_enabled: true },
      [ONBOARDING]: [first],
    }[path],
  );
  const before = await tenant.request('GET', path);
  expect(await put(path, value)).toMatchObject({ status: 400, body: { code: 'validation_error', details: { field } } });
  expect((await tenant.request('GET', path)).body).toEqual(before.body);
});

test.each([ONBOARDING, PORTAL])('a value for %s that is nested so deep that nobody could print it is refused by name', async (path) => {
  const levels = 60_000;
  const headers = { 'x-api-key': tenant.key, 'content-type': 'application/json' };
  for (const value of [`${'['.repeat(levels)}${']'.repeat(levels)}`, `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`])
    expect(await api.send('PUT', path, `{"value":${value}}`, headers)).toMatchObject({
      status: 400,
      body: { details: { field: 'value', reason: 'must not be nested deeper than 20 levels' } },
    });
});

test.each(['invoice_config', 'tenant_config', 'wallet_balance_alert_config', 'nonsense', 'EVENT_INGESTION_FILTER'])(
  '%s is no key yet',
  async (key) => {
    for (const [method, body] of [['GET'], ['PUT', { value: {} }], ['DELETE']] as const) {
      const answer = await tenant.request(method, `/v1/settings/${key}`, body);
      expect(answer).toMatchObject({
        status: 400,
        body: { details: { field: 'key', reason: 'must be one of customer_onboarding, customer_portal_config, event_ingestion_filter' } },
      });
    }
  },
);

test('set by a person with every right, or with a key of the tenant that has them; read by readers', async () => {
  const statuses = async (headers: Record<string, string>) => [
    (await api.send('GET', FILTER, undefined, headers)).status,
    (await api.send('PUT', FILTER, { value: { enabled: false } }, headers)).status,
    (await api.send('DELETE', FILTER, undefined, headers)).status,
  ];
  const key = async (roles: readonly string[]) => ({ 'x-api-key': await tenant.keyWith(roles) });
  expect(await statuses(await key(['super_admin']))).toEqual([200, 200, 200]);
  expect(await statuses(await key(['all_writer']))).toEqual([200, 403, 403]);
  expect(await statuses(await key(['all_reader']))).toEqual([200, 403, 403]);
  expect(await statuses(await key(['event_ingestor']))).toEqual([403, 403, 403]);
  // A service account is no person, whatever its roles.
  const userId = await api.app.database.withTenant(tenant.ctx, async (tx) => {
    const at = systemClock.now();
    const { id } = await tx
      .insertInto('users')
      .values({
        id: newId('user', systemClock),
        email: null,
        name: 'robot',
        type: 'service_account',
        roles: ['super_admin'],
        createdAt: at,
        updatedAt: at,
      })
      .returning('id')
      .executeTakeFirstOrThrow();
    return id;
  });
  const robot = await tenant.request('POST', '/v1/secrets/api/keys', { name: 'robot', type: 'private_key', service_account_id: userId });
  expect(robot.status).toBe(201);
  expect(await statuses({ 'x-api-key': robot.body.api_key })).toEqual([200, 403, 403]);
});

test('the root key of the deployment sets them in the environment that it names', async () => {
  const rooted = await startTestApi({ env: { FLEXPRICE_AUTH_ROOT_KEY: ROOT['x-api-key'], FLEXPRICE_AUTH_ROOT_TENANT_ID: 'tenant_root' } });
  try {
    const { environments } = await rooted.app.tenancy.createTenant({ ...rooted.ctx, tenantId: 'tenant_root' }, { name: 'Root' });
    const headers = { ...ROOT, 'x-environment-id': environments[1]?.id ?? '' };
    expect((await rooted.send('PUT', FILTER, { value: { enabled: true } }, headers)).body).toMatchObject({
      tenant_id: 'tenant_root',
      environment_id: environments[1]?.id,
      value: { enabled: true },
    });
    expect(
      (await rooted.send('GET', FILTER, undefined, { ...ROOT, 'x-environment-id': environments[0]?.id ?? '' })).body.value.enabled,
    ).toBe(false);
    expect((await rooted.send('PUT', FILTER, { value: { enabled: true } }, ROOT)).status).toBe(403);
  } finally {
    await rooted.close();
  }
});

test('of values that are set at once one stands, whole, in one row', async () => {
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, index) => put(FILTER, { enabled: true, allowed_external_customer_ids: [`only-${index}`] })),
  );
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 200));
  expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
  expect(answers.map(({ body }) => body.value)).toContainEqual((await tenant.request('GET', FILTER)).body.value);
});
