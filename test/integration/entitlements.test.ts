import { DateTime } from 'luxon';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fixedClock } from '#kernel/clock.ts';
import { type Answer, startTestApi, type TestApi } from '../support/api.ts';

let api: TestApi;
const features: Record<string, string> = {};
beforeAll(async () => {
  api = await startTestApi({ clock: fixedClock(DateTime.utc(2026, 3, 1)) });
  const meter = { name: 'Calls', event_name: 'call', aggregation: { type: 'COUNT' }, reset_usage: 'BILLING_PERIOD' };
  for (const type of ['metered', 'boolean', 'static', 'config']) {
    features[type] = (await post('/v1/features', { name: type, type, ...(type === 'metered' && { meter }) })).body.id;
  }
});
afterAll(() => api.close());

const post = (path: string, body: unknown, headers?: Record<string, string>) => api.request('POST', path, body, headers);
const newPlan = async () => (await post('/v1/plans', { name: 'Pro' })).body.id as string;
const right = (plan: string, type: string, more: object = {}) => ({
  entity_type: 'PLAN',
  entity_id: plan,
  feature_id: features[type],
  feature_type: type,
  ...more,
});
const VALUES: Record<string, object> = {
  metered: { usage_limit: 1000, usage_reset_period: 'MONTHLY', is_soft_limit: true },
  boolean: { is_enabled: false },
  static: { static_value: 'gold' },
  config: { config_value: { maxSeats: 5, nested: { deepKey: ['a'] } } },
};
const expectError = (answer: Answer, status: number, code: string, details: object) => {
  expect(answer.body).toMatchObject({ code, http_status_code: status, details });
  expect(answer.status).toBe(status);
};

describe('create, read, change, delete', () => {
  test.each(Object.keys(VALUES))('%s', async (type) => {
    const plan = await newPlan();
    const created = await post('/v1/entitlements', right(plan, type, VALUES[type]));
    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({
      ...right(plan, type, VALUES[type]),
      plan_id: plan,
      is_enabled: type !== 'boolean',
      status: 'published',
      aggregation_mode: 'additive',
    });
    const read = await api.request('GET', `/v1/entitlements/${created.body.id}`);
    expect(read.body).toMatchObject({ ...created.body, feature: { id: features[type], type } });
    expectError(await post('/v1/entitlements', right(plan, type, VALUES[type])), 409, 'already_exists', { field: 'feature_id' });

    const listed = await api.request('GET', `/v1/plans/${plan}/entitlements`);
    expect(listed.body.items).toMatchObject([{ id: created.body.id, feature: { id: features[type] } }]);
    expect(listed.body.pagination.total).toBe(1);

    const changed = await api.request('PUT', `/v1/entitlements/${created.body.id}`, { is_enabled: type === 'boolean' });
    expect(changed.body).toEqual({ ...created.body, is_enabled: type === 'boolean' });

    expect((await api.request('DELETE', `/v1/entitlements/${created.body.id}`)).body).toEqual({
      message: 'entitlement deleted successfully',
    });
    expect((await api.request('GET', `/v1/entitlements/${created.body.id}`)).status).toBe(404);
    expect((await post('/v1/entitlements', right(plan, type, VALUES[type]))).status).toBe(201);
    const events = await api.app.database.withTenant(api.ctx, (tx) =>
      tx.selectFrom('outbox').select('eventName').where('entityId', '=', created.body.id).orderBy('position').execute(),
    );
    expect(events.map((event) => event.eventName)).toEqual(['entitlement.created', 'entitlement.updated', 'entitlement.deleted']);
  });

  test('a limit is an integer of 64 bits; null lifts it, and so does leaving it out at creation', async () => {
    const plan = await newPlan();
    const created = await post(
      '/v1/entitlements',
      JSON.stringify(right(plan, 'metered', { usage_limit: 1 })).replace('"usage_limit":1', '"usage_limit":9223372036854775807'),
    );
    expect(created.text).toContain('"usage_limit":9223372036854775807,');
    expect((await api.request('GET', `/v1/entitlements/${created.body.id}`)).text).toContain('"usage_limit":9223372036854775807,');
    const lifted = await api.request('PUT', `/v1/entitlements/${created.body.id}`, { usage_limit: null });
    expect(lifted.body).not.toHaveProperty('usage_limit');
    const zero = await api.request('PUT', `/v1/entitlements/${created.body.id}`, { usage_limit: 0 });
    expect(zero.body.usage_limit).toBe(0);
    const unlimited = await post('/v1/entitlements', right(await newPlan(), 'metered'));
    expect(unlimited.body).not.toHaveProperty('usage_limit');
  });

  test('plan_id is short for the plan as owner', async () => {
    const plan = await newPlan();
    const created = await post('/v1/entitlements', {
      plan_id: plan,
      feature_id: features.boolean,
      feature_type: 'boolean',
      is_enabled: true,
    });
    expect([created.status, created.body.entity_type, created.body.entity_id]).toEqual([201, 'PLAN', plan]);
  });

  test('bulk is all or none', async () => {
    const plan = await newPlan();
    const all = await post('/v1/entitlements/bulk', { items: Object.keys(VALUES).map((type) => right(plan, type, VALUES[type])) });
    expect([all.status, all.body.items.map((item: { feature_type: string }) => item.feature_type)]).toEqual([201, Object.keys(VALUES)]);
    const other = await newPlan();
    expectError(
      await post('/v1/entitlements/bulk', { items: [right(other, 'boolean', { is_enabled: true }), right(other, 'static')] }),
      400,
      'validation_error',
      { field: 'static_value' },
    );
    expect((await api.request('GET', `/v1/plans/${other}/entitlements`)).body.items).toEqual([]);
  });
});

test.each<[string, (plan: string) => object, string]>([
  ['a negative limit', (plan) => right(plan, 'metered', { usage_limit: -1 }), 'usage_limit'],
  ['a limit of a fraction', (plan) => right(plan, 'metered', { usage_limit: 1.5 }), 'usage_limit'],
  ['a limit beyond 64 bits', (plan) => right(plan, 'metered', { usage_limit: '9223372036854775808' }), 'usage_limit'],
  ['an unknown reset period', (plan) => right(plan, 'metered', { usage_reset_period: 'HOURLY' }), 'usage_reset_period'],
  ['a static feature without value', (plan) => right(plan, 'static'), 'static_value'],
  ['a config feature without value', (plan) => right(plan, 'config'), 'config_value'],
  [
    'a config value of 100 levels',
    (plan) => right(plan, 'config', { config_value: { a: JSON.parse(`${'['.repeat(99)}${']'.repeat(99)}`) } }),
    'config_value',
  ],
  ['a flag that is neither on nor off', (plan) => right(plan, 'boolean'), 'is_enabled'],
  ['a limit on a flag', (plan) => right(plan, 'boolean', { is_enabled: true, usage_limit: 5 }), 'usage_limit'],
  ['a static value on a metered feature', (plan) => right(plan, 'metered', { static_value: 'x' }), 'static_value'],
  [
    'the type of another feature',
    (plan) => ({ ...right(plan, 'boolean', { is_enabled: true }), feature_id: features.static }),
    'feature_type',
  ],
  ['an unknown feature type', (plan) => right(plan, 'boolean', { feature_type: 'magic' }), 'feature_type'],
  ['an unknown owner type', (plan) => right(plan, 'boolean', { entity_type: 'CUSTOMER' }), 'entity_type'],
  ['an owner without id', (plan) => right(plan, 'boolean', { entity_id: '' }), 'entity_id'],
  ['no feature', (plan) => right(plan, 'boolean', { feature_id: undefined }), 'feature_id'],
  [
    'a grant',
    (plan) => right(plan, 'metered', { grant_measure: 'quantity', grant_quota: '10', grant_duration_unit: 'day', grant_duration_value: 1 }),
    'grant_measure',
  ],
  [
    'an end before the start',
    (plan) => right(plan, 'metered', { start_date: '2026-03-02T00:00:00Z', end_date: '2026-03-01T00:00:00Z' }),
    'end_date',
  ],
])('%s is refused, naming the field', async (_, body, field) => {
  const plan = await newPlan();
  expectError(await post('/v1/entitlements', body(plan)), 400, 'validation_error', { field });
  expect((await api.request('GET', `/v1/plans/${plan}/entitlements`)).body.items).toEqual([]);
});

test('a change is checked like a creation', async () => {
  const created = await post('/v1/entitlements', right(await newPlan(), 'static', VALUES.static));
  const path = `/v1/entitlements/${created.body.id}`;
  expectError(await api.request('PUT', path, { static_value: '' }), 400, 'validation_error', { field: 'static_value' });
  expectError(await api.request('PUT', path, { usage_limit: 3 }), 400, 'validation_error', { field: 'usage_limit' });
  expect((await api.request('GET', path)).body.static_value).toBe('gold');
});

test('unknown and foreign ids are 404', async () => {
  const plan = await newPlan();
  expectError(await post('/v1/entitlements', right('plan_none', 'metered')), 404, 'not_found', { entity: 'plan' });
  expectError(await post('/v1/entitlements', { ...right(plan, 'metered'), feature_id: 'feat_none' }), 404, 'not_found', {
    entity: 'feature',
  });
  expectError(await api.request('GET', '/v1/plans/plan_none/entitlements'), 404, 'not_found', { entity: 'plan' });
  const created = (await post('/v1/entitlements', right(plan, 'metered'))).body;
  const stranger = await api.tenant('Stranger');
  const own = (await stranger.request('POST', '/v1/plans', { name: 'Mine' })).body.id;
  expect((await stranger.request('POST', '/v1/entitlements', right(own, 'metered'))).body.details).toMatchObject({ entity: 'feature' });
  for (const [method, body] of [
    ['GET', undefined],
    ['PUT', { is_enabled: false }],
    ['DELETE', undefined],
  ] as const) {
    expect((await stranger.request(method, `/v1/entitlements/${created.id}`, body)).status).toBe(404);
  }
  expect((await stranger.request('POST', '/v1/entitlements/search', {})).body.items).toEqual([]);
  expect((await api.request('GET', `/v1/entitlements/${created.id}`)).body.is_enabled).toBe(true);
});

test('search by owner, feature, type and state; pages; features on request', async () => {
  const plan = await newPlan();
  await post('/v1/entitlements/bulk', { items: Object.keys(VALUES).map((type) => right(plan, type, VALUES[type])) });
  const types = async (body: object) =>
    (
      await post('/v1/entitlements/search', { plan_ids: [plan], sort: [{ field: 'feature_type', direction: 'asc' }], ...body })
    ).body.items.map((item: { feature_type: string }) => item.feature_type);
  expect(await types({})).toEqual(['boolean', 'config', 'metered', 'static']);
  expect(await types({ feature_type: 'static' })).toEqual(['static']);
  expect(await types({ is_enabled: false })).toEqual(['boolean']);
  expect(await types({ has_grant_config: true })).toEqual([]);
  expect(await types({ entity_type: 'PLAN', entity_ids: [plan], feature_ids: [features.config, features.metered] })).toEqual([
    'config',
    'metered',
  ]);
  expect(await types({ limit: 2, offset: 1 })).toEqual(['config', 'metered']);
  expect(await types({ filters: [{ field: 'usage_limit', operator: 'gt', data_type: 'number', value: { number: 999 } }] })).toEqual([
    'metered',
  ]);
  const listed = await api.request(
    'GET',
    `/v1/entitlements?plan_ids=${plan}&feature_ids=${features.static}&is_enabled=true&expand=features`,
  );
  expect(listed.body.items).toMatchObject([{ static_value: 'gold', feature: { name: 'static' } }]);
  expect((await api.request('GET', `/v1/entitlements?plan_ids=${plan}`)).body.items[0]).not.toHaveProperty('feature');
  expectError(await api.request('GET', '/v1/entitlements?expand=customers'), 400, 'validation_error', { field: 'expand' });
});
