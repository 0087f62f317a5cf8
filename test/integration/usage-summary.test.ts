import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { unavailable } from '#kernel/errors.ts';
import { type LimitsApi, RESET_PERIODS, startLimitsApi } from '../support/limits.ts';
import { type EventSketch, utc } from '../support/metering.ts';

const NOW = '2026-03-18T12:00:00Z';
let api: LimitsApi;
let calls: string;
let tokens: string;
beforeAll(async () => {
  api = await startLimitsApi(NOW);
  calls = await api.feature('calls');
  tokens = await api.feature('tokens', { type: 'SUM', field: 'n' });
});
beforeEach(() => api.clock.set(utc(NOW)));
afterAll(() => api.close());

let event = 0;
const at = (customer: string, times: readonly string[], more: Partial<EventSketch> = {}) =>
  times.map((time) => ({ id: `e-${++event}`, customer, name: 'calls', at: time, ...more }));
const summary = (customerId: string, query: string = '') => api.got(`/v1/customers/usage?customer_id=${customerId}${query}`);

describe('every reset period', () => {
  // The subscription runs monthly from January 31 at 10:00; events are a minute before and at each start, and one now.
  test.each(RESET_PERIODS)('%s counts from %s and begins anew at %s', async (reset, start, next) => {
    const { customerId, externalId } = await api.limited({ [calls]: { limit: 8, reset } }, { start_date: '2026-01-31T10:00:00Z' });
    await api.store(at(externalId, [utc(start).minus({ minutes: 1 }).toISO() ?? '', start, NOW]));
    const { features, period, pagination } = await summary(customerId);
    expect(features).toHaveLength(1);
    expect(features[0]).toMatchObject({
      total_limit: 8,
      current_usage: '2',
      usage_percent: '0.25',
      is_unlimited: false,
      is_enabled: true,
      is_soft_limit: false,
    });
    expect(features[0].next_usage_reset_at).toBe(next);
    expect([period, pagination]).toEqual([
      { start_time: '2026-02-28T10:00:00Z', end_time: '2026-03-31T10:00:00Z', period: 'MONTHLY' },
      { total: 1, limit: 1, offset: 0 },
    ]);
  });

  test('days are those of the customer', async () => {
    const { customerId, externalId } = await api.limited(
      { [calls]: { limit: 10, reset: 'DAILY' } },
      { start_date: '2026-01-05T00:00:00Z' },
      'Asia/Tokyo',
    );
    await api.store(at(externalId, ['2026-03-17T14:59:59Z', '2026-03-17T15:00:00Z', NOW]));
    expect((await summary(customerId)).features[0]).toMatchObject({ current_usage: '2', next_usage_reset_at: '2026-03-18T15:00:00Z' });
    api.clock.set(utc('2026-03-18T15:00:00Z'));
    expect((await summary(customerId)).features[0]).toMatchObject({
      current_usage: '0',
      usage_percent: '0',
      next_usage_reset_at: '2026-03-19T15:00:00Z',
    });
  });

  test('a billing period that is over by the clock gives way, whether or not it was closed', async () => {
    const { customerId, externalId } = await api.limited({ [calls]: { limit: 10 } }, { start_date: '2026-03-01T00:00:00Z' });
    await api.store(at(externalId, ['2026-03-31T23:59:59Z', '2026-04-01T00:00:00Z', '2026-04-01T00:00:01Z']));
    api.clock.set(utc('2026-04-02T00:00:00Z'));
    expect(await summary(customerId)).toMatchObject({
      features: [{ current_usage: '2', next_usage_reset_at: '2026-05-01T00:00:00Z' }],
      period: { start_time: '2026-04-01T00:00:00Z' },
    });
  });
});

test('soft, unlimited, disabled, boolean, static and config features are all shown, and decimals are exact', async () => {
  const sso = (await api.made('/v1/features', { name: 'SSO', type: 'boolean', lookup_key: 'sso' })).id;
  const region = (await api.made('/v1/features', { name: 'Region', type: 'static' })).id;
  const config = (await api.made('/v1/features', { name: 'Config', type: 'config' })).id;
  const extra = await api.feature('extra');
  const none = await api.feature('none');
  const { customerId, externalId, planId, subscriptionId } = await api.limited({
    [calls]: { limit: null, soft: true },
    [tokens]: { limit: 100, soft: true },
    [extra]: { limit: 5, enabled: false },
    [none]: { limit: 0 },
    [sso]: { type: 'boolean', enabled: true },
    [region]: { type: 'static', staticValue: 'eu' },
    [config]: { type: 'config', configValue: { keptAsIs: 1 } },
  });
  await api.store([
    ...at(externalId, [NOW, NOW]),
    ...at(externalId, [NOW], { name: 'tokens', properties: { n: '100.000000000000000001' } }),
  ]);
  const answer = await api.request('GET', `/v1/customers/${customerId}/usage`);
  expect([answer.status, answer.headers['X-Usage-Watermark']]).toEqual([200, NOW]);
  expect(await summary(customerId)).toEqual(answer.body);
  expect(await api.got(`/v1/customers/usage?customer_lookup_key=${externalId}`)).toEqual(answer.body);
  const by = Object.fromEntries(
    answer.body.features.map(({ feature, sources, ...rest }: { feature: { id: string }; sources: object[] }) => [
      feature.id,
      { ...rest, sources: sources.length },
    ]),
  );
  const rest = { is_enabled: true, is_soft_limit: false, is_unlimited: false, current_usage: '0', usage_percent: '0', sources: 1 };
  const next = '2026-04-18T12:00:00Z';
  expect(by).toEqual({
    [calls]: { ...rest, is_unlimited: true, is_soft_limit: true, current_usage: '2', next_usage_reset_at: next },
    [tokens]: {
      ...rest,
      is_soft_limit: true,
      total_limit: 100,
      current_usage: '100.000000000000000001',
      usage_percent: '1',
      next_usage_reset_at: next,
    },
    [extra]: { ...rest, is_enabled: false, total_limit: 0, usage_percent: '100', next_usage_reset_at: next },
    [none]: { ...rest, total_limit: 0, usage_percent: '100', next_usage_reset_at: next },
    [sso]: rest,
    [region]: rest,
    [config]: rest,
  });
  const sources = answer.body.features.flatMap((feature: { sources: object[] }) => feature.sources);
  expect(sources[0]).toMatchObject({
    subscription_id: subscriptionId,
    entity_id: planId,
    entity_type: 'plan',
    quantity: 1,
    is_enabled: true,
  });
  expect(sources).toContainEqual(expect.objectContaining({ static_value: 'eu' }));
  expect(sources).toContainEqual(expect.objectContaining({ config_value: { keptAsIs: 1 } }));

  const ids = async (query: string) =>
    (await summary(customerId, query)).features.map(({ feature }: { feature: { id: string } }) => feature.id);
  expect(await ids(`&feature_ids=${calls},${tokens}`)).toEqual([calls, tokens]);
  expect(await ids('&feature_lookup_keys=sso')).toEqual([sso]);
  expect(await ids(`&feature_ids=${calls}&feature_lookup_keys=sso,tokens`)).toEqual([calls, tokens, sso]);
  expect(await ids('&feature_ids=feat_none')).toEqual([]);
  expect(await ids('&feature_ids=')).toHaveLength(7);
});

test('several subscriptions: limits add up, an event counts once, the shorter reset wins a tie', async () => {
  const { customerId, externalId, planId, subscriptionId } = await api.limited(
    { [calls]: { limit: 100, reset: 'MONTHLY' } },
    { start_date: '2026-03-01T00:00:00Z' },
  );
  const second = await api.subscribe(customerId, planId, { start_date: '2026-03-10T00:00:00Z' });
  await api.store(at(externalId, ['2026-03-05T00:00:00Z', '2026-03-12T00:00:00Z', '2026-03-18T11:00:00Z', NOW]));
  expect((await summary(customerId)).features[0]).toMatchObject({
    total_limit: 200,
    current_usage: '4',
    usage_percent: '0.02',
    next_usage_reset_at: '2026-04-01T00:00:00Z',
  });
  expect((await summary(customerId, `&subscription_ids=${second}`)).features[0]).toMatchObject({
    total_limit: 100,
    current_usage: '3',
    next_usage_reset_at: '2026-04-10T00:00:00Z',
    sources: [{ subscription_id: second }],
  });
  expect((await summary(customerId, `&subscription_ids=${subscriptionId}`)).features[0]).toMatchObject({ current_usage: '4' });

  const daily = await api.subscribe(customerId, await api.plan({ [calls]: { limit: 5, reset: 'DAILY' } }), {
    start_date: '2026-03-10T00:00:00Z',
  });
  expect((await summary(customerId)).features[0]).toMatchObject({ total_limit: 205, current_usage: '4' });
  expect((await summary(customerId, `&subscription_ids=${second},${daily}`)).features[0]).toMatchObject({
    total_limit: 105,
    current_usage: '2',
    next_usage_reset_at: '2026-03-19T00:00:00Z',
  });
  const other = await api.limited({ [calls]: { limit: 1 } });
  expect(await summary(customerId, `&subscription_ids=${other.subscriptionId}`)).toEqual({
    customer_id: customerId,
    features: [],
    pagination: { total: 0, limit: 0, offset: 0 },
  });
});

test('usage is what the subscription is charged for: the same number as its usage endpoint', async () => {
  const { id: customerId, externalId } = await api.customer();
  const { meter_id } = await api.got(`/v1/features/${tokens}`);
  const plan = await api.plan({ [tokens]: { limit: 10 } });
  await api.made('/v1/prices', {
    entity_type: 'PLAN',
    entity_id: plan,
    type: 'USAGE',
    meter_id,
    billing_model: 'FLAT_FEE',
    billing_period: 'MONTHLY',
    invoice_cadence: 'ARREAR',
    price_unit_type: 'FIAT',
    amount: '1',
    currency: 'USD',
  });
  const charged = await api.subscribe(customerId, plan, { start_date: '2026-03-02T00:00:00Z' });
  await api.store(
    at(externalId, ['2026-03-01T23:00:00Z', '2026-03-02T00:00:00Z', '2026-04-01T23:59:59Z', '2026-04-02T00:00:00Z'], {
      name: 'tokens',
      properties: { n: 0.1 },
    }),
  );
  expect((await summary(customerId, `&subscription_ids=${charged}`)).features[0].current_usage).toBe('0.2');
  const usage = await api.made('/v1/subscriptions/usage', { subscription_id: charged });
  expect(usage.charges[0].quantity).toBe(0.2);
});

test('what cannot be known is no zero: an unreachable store fails the request, and a meter does not go while a feature needs it', async () => {
  const kept = await api.feature('kept');
  const { customerId } = await api.limited({ [calls]: { limit: 10 }, [kept]: { limit: 10 } });
  const { meter_id } = await api.got(`/v1/features/${kept}`);
  const refused = await api.request('DELETE', `/v1/meters/${meter_id}`);
  expect([refused.status, refused.body.code, refused.body.details]).toEqual([
    400,
    'invalid_operation',
    { entity: 'meter', id: meter_id, used_by: 'feature' },
  ]);
  expect((await summary(customerId)).features).toHaveLength(2);

  const query = vi.spyOn(api.app.clickhouse, 'query').mockRejectedValue(unavailable('clickhouse', new Error('away')));
  const failed = await api.request('GET', `/v1/customers/usage?customer_id=${customerId}&feature_ids=${calls}`);
  query.mockRestore();
  expect(failed.status).toBe(503);
});

test('thirty features are read in a bounded number of statements', async () => {
  const features = await Promise.all(Array.from({ length: 30 }, (_, index) => api.feature(`many-${index}`)));
  const { customerId } = await api.limited(Object.fromEntries(features.map((id) => [id, { limit: 1, reset: 'DAILY' }])));
  const query = vi.spyOn(api.app.clickhouse, 'query');
  expect((await summary(customerId)).features).toHaveLength(30);
  expect(query.mock.calls.length).toBeLessThanOrEqual(3);
  query.mockRestore();
});

test('bad input names its field; unknown and foreign customers are 404', async () => {
  const { customerId, externalId } = await api.limited({ [calls]: { limit: 1 } });
  for (const [query, field] of [
    ['', 'customer_id'],
    ['?customer_id=', 'customer_id'],
    [`?customer_id=${customerId}&customer_lookup_key=${externalId}`, 'customer_lookup_key'],
  ] as const) {
    const { status, body } = await api.request('GET', `/v1/customers/usage${query}`);
    expect([query, status, body.details?.field]).toEqual([query, 400, field]);
  }
  const stranger = await api.tenant('Stranger');
  for (const path of [
    `/v1/customers/usage?customer_id=${customerId}`,
    `/v1/customers/usage?customer_lookup_key=${externalId}`,
    `/v1/customers/${customerId}/usage`,
  ]) {
    expect((await api.request('GET', path)).status).toBe(200);
    expect((await stranger.request('GET', path)).status).toBe(404);
    expect((await api.request('GET', path.replace(customerId, 'cust_none').replace(externalId, 'none'))).status).toBe(404);
  }
});
