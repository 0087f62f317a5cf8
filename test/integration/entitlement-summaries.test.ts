import { DateTime } from 'luxon';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { fixedClock } from '#kernel/clock.ts';
import { startTestApi, type TestApi } from '../support/api.ts';

const START = DateTime.utc(2026, 3, 1);
const clock = fixedClock(START);
let api: TestApi;
let calls: string;
let region: string;
let sso: string;
let sequence = 0;
beforeAll(async () => {
  api = await startTestApi({ clock });
  const meter = { name: 'Calls', event_name: 'call', aggregation: { type: 'COUNT' }, reset_usage: 'BILLING_PERIOD' };
  calls = (await made('/v1/features', { name: 'Calls', type: 'metered', meter })).id;
  region = (await made('/v1/features', { name: 'Region', type: 'static' })).id;
  sso = (await made('/v1/features', { name: 'SSO', type: 'boolean' })).id;
});
beforeEach(() => clock.set(START));
afterAll(() => api.close());

async function made(path: string, body: object) {
  const answer = await api.request('POST', path, body);
  expect([answer.status, answer.status === 201 ? undefined : answer.body]).toEqual([201, undefined]);
  return answer.body;
}
async function newPlan(name: string, rights: readonly object[]): Promise<string> {
  const { id } = await made('/v1/plans', { name });
  await made('/v1/prices', {
    entity_type: 'PLAN',
    entity_id: id,
    type: 'FIXED',
    billing_model: 'FLAT_FEE',
    billing_period: 'MONTHLY',
    invoice_cadence: 'ADVANCE',
    price_unit_type: 'FIAT',
    amount: '10',
    currency: 'USD',
  });
  if (rights.length > 0)
    await made('/v1/entitlements/bulk', { items: rights.map((right) => ({ entity_type: 'PLAN', entity_id: id, ...right })) });
  return id;
}
const metered = (limit: number | null, more: object = {}) => ({
  feature_id: calls,
  feature_type: 'metered',
  usage_limit: limit,
  usage_reset_period: 'MONTHLY',
  ...more,
});
const customer = async () => {
  const external_id = `customer-${++sequence}`;
  return { id: (await made('/v1/customers', { external_id, name: 'Acme' })).id as string, external_id };
};
const subscribe = async (customer_id: string, plan_id: string, more: object = {}) =>
  (
    await made('/v1/subscriptions', {
      customer_id,
      plan_id,
      currency: 'usd',
      billing_period: 'MONTHLY',
      billing_cycle: 'anniversary',
      ...more,
    })
  ).id as string;
const summaryOf = async (path: string) => {
  const { status, body } = await api.request('GET', path);
  expect(status).toBe(200);
  return body;
};

test('limits of several subscriptions add up; static values are distinct; flags are or-ed; every source is named', async () => {
  const basic = await newPlan('Basic', [
    metered(100),
    { feature_id: region, feature_type: 'static', static_value: 'eu' },
    { feature_id: sso, feature_type: 'boolean', is_enabled: false },
  ]);
  const pro = await newPlan('Pro', [
    metered(50, { is_soft_limit: true }),
    { feature_id: region, feature_type: 'static', static_value: 'eu' },
    { feature_id: sso, feature_type: 'boolean', is_enabled: true },
  ]);
  const { id, external_id } = await customer();
  const first = await subscribe(id, basic);
  const second = await subscribe(id, pro);

  const summary = await summaryOf(`/v1/customers/${id}/entitlements`);
  expect(summary.customer_id).toBe(id);
  const [metering, place, flag] = [calls, region, sso].map((feature) =>
    summary.features.find((item: { feature: { id: string } }) => item.feature.id === feature),
  );
  expect(metering).toMatchObject({
    feature: { name: 'Calls', meter: { event_name: 'call' } },
    entitlement: {
      is_enabled: true,
      is_soft_limit: true,
      usage_limit: 150,
      usage_reset_period: 'MONTHLY',
      static_values: [],
      config_values: [],
    },
  });
  expect(metering.sources.map((source: object) => ({ ...source, entitlement_id: undefined }))).toEqual([
    {
      entity_id: basic,
      entity_type: 'plan',
      entity_name: 'Basic',
      subscription_id: first,
      quantity: 1,
      is_enabled: true,
      usage_limit: 100,
      usage_reset_period: 'MONTHLY',
    },
    {
      entity_id: pro,
      entity_type: 'plan',
      entity_name: 'Pro',
      subscription_id: second,
      quantity: 1,
      is_enabled: true,
      usage_limit: 50,
      usage_reset_period: 'MONTHLY',
    },
  ]);
  expect(place.entitlement).toEqual({
    is_enabled: true,
    is_soft_limit: false,
    aggregation_mode: 'additive',
    static_values: ['eu'],
    config_values: [],
  });
  expect(flag.entitlement.is_enabled).toBe(true);
  expect(await summaryOf(`/v1/customers/external/${external_id}/entitlements`)).toEqual(summary);

  const alone = await summaryOf(`/v1/subscriptions/${first}/entitlements?feature_ids=${calls},${sso}`);
  expect([alone.subscription_id, alone.plan_id]).toEqual([first, basic]);
  expect(alone.features.map((item: { feature: { id: string }; entitlement: object }) => [item.feature.id, item.entitlement])).toMatchObject(
    [
      [calls, { usage_limit: 100, is_soft_limit: false }],
      [sso, { is_enabled: false }],
    ],
  );
  expect((await summaryOf(`/v1/subscriptions/${first}/entitlements`)).features).toHaveLength(3);
});

test('two subscriptions on one plan count twice, one unlimited source lifts the limit', async () => {
  const { id } = await customer();
  const plan = await newPlan('Basic', [metered(100)]);
  await subscribe(id, plan);
  await subscribe(id, plan);
  expect((await summaryOf(`/v1/customers/${id}/entitlements`)).features[0].entitlement.usage_limit).toBe(200);
  await subscribe(id, await newPlan('Unlimited', [metered(null)]));
  expect((await summaryOf(`/v1/customers/${id}/entitlements`)).features[0].entitlement).not.toHaveProperty('usage_limit');
});

test('subscriptions that have not begun or have ended give nothing, and neither do entitlements outside their time', async () => {
  const { id } = await customer();
  const plan = await newPlan('Basic', [
    { feature_id: sso, feature_type: 'boolean', is_enabled: true, start_date: '2026-02-01T00:00:00Z', end_date: '2026-03-15T00:00:00Z' },
  ]);
  const future = await subscribe(id, plan, { start_date: '2026-03-10T00:00:00Z' });
  const features = async () => (await summaryOf(`/v1/customers/${id}/entitlements`)).features.length;
  expect(await features()).toBe(0);
  clock.set(DateTime.utc(2026, 3, 12));
  expect(await features()).toBe(1);
  clock.set(DateTime.utc(2026, 3, 15));
  expect(await features()).toBe(0);
  clock.set(DateTime.utc(2026, 3, 12));
  expect(
    (
      await api.request('POST', `/v1/subscriptions/${future}/cancel`, {
        cancellation_type: 'immediate',
        cancel_immediately_inovice_policy: 'skip',
      })
    ).status,
  ).toBe(200);
  expect(await features()).toBe(0);
});

test('a limit is shown for every billing period that its entitlement touches: what the invoice of that period counts', async () => {
  const { id } = await customer();
  const plan = await newPlan('Basic', [metered(100, { end_date: '2026-03-15T00:00:00Z' })]);
  const running = await subscribe(id, plan, { start_date: '2026-03-01T00:00:00Z' });
  const next = await subscribe(id, plan, { start_date: '2026-03-15T00:00:00Z' });
  clock.set(DateTime.utc(2026, 3, 20));
  const limits = async (subscription: string) =>
    (await summaryOf(`/v1/subscriptions/${subscription}/entitlements`)).features.map(
      ({ entitlement }: { entitlement: { usage_limit: number } }) => entitlement.usage_limit,
    );
  expect(await limits(running)).toEqual([100]);
  expect(await limits(next)).toEqual([]);
});

test('a plan with running subscriptions cannot be deleted, one whose subscriptions are cancelled can', async () => {
  const { id } = await customer();
  const plan = await newPlan('Kept', []);
  const subscription = await subscribe(id, plan);
  const refused = await api.request('DELETE', `/v1/plans/${plan}`);
  expect([refused.status, refused.body.code, refused.body.details]).toEqual([
    400,
    'invalid_operation',
    { entity: 'plan', id: plan, used_by: 'subscription' },
  ]);
  await api.request('POST', `/v1/subscriptions/${subscription}/cancel`, {
    cancellation_type: 'immediate',
    cancel_immediately_inovice_policy: 'skip',
  });
  expect((await api.request('DELETE', `/v1/plans/${plan}`)).status).toBe(200);
});

test('unknown and foreign ids are 404', async () => {
  const { id, external_id } = await customer();
  const subscription = await subscribe(id, await newPlan('Basic', [metered(1)]));
  const stranger = await api.tenant('Stranger');
  for (const path of [
    `/v1/customers/${id}/entitlements`,
    `/v1/customers/external/${external_id}/entitlements`,
    `/v1/subscriptions/${subscription}/entitlements`,
  ]) {
    expect((await api.request('GET', path)).status).toBe(200);
    expect((await stranger.request('GET', path)).status).toBe(404);
    expect((await api.request('GET', path.replace(/_?[^/_]+\/entitlements/, '_none/entitlements'))).status).toBe(404);
  }
});
