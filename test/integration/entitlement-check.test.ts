import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
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
const check = (customerId: string, query: string) => api.got(`/v1/customers/${customerId}/entitlements/check?${query}`);

describe('every reset period', () => {
  test.each(RESET_PERIODS)('%s counts from %s until %s, and says the same as the summary', async (reset, start, next) => {
    const { customerId, externalId } = await api.limited({ [calls]: { limit: 3, reset } }, { start_date: '2026-01-31T10:00:00Z' });
    await api.store(at(externalId, [utc(start).minus({ minutes: 1 }).toISO() ?? '', start, '2026-03-18T11:00:00Z']));
    const answer = {
      allowed: true,
      reason: 'within_limit',
      customer_id: customerId,
      feature_id: calls,
      feature_lookup_key: 'calls',
      feature_type: 'metered',
      requested_quantity: '1',
      usage: '2',
      limit: '3',
      remaining: '1',
      is_soft_limit: false,
      is_unlimited: false,
      usage_reset_period: reset,
      period_start: start,
      watermark: '2026-03-18T11:00:00Z',
      ...(next === undefined ? {} : { next_usage_reset_at: next }),
    };
    expect(await check(customerId, `feature=${calls}`)).toEqual(answer);
    expect(await check(customerId, 'feature=calls&quantity=1.01')).toEqual({
      ...answer,
      allowed: false,
      reason: 'limit_exceeded',
      requested_quantity: '1.01',
    });
    const external = await api.request('GET', `/v1/customers/external/${externalId}/entitlements/check?feature=calls`);
    expect([external.body, external.headers['X-Usage-Watermark']]).toEqual([answer, '2026-03-18T11:00:00Z']);
    const [summed] = (await api.got(`/v1/customers/${customerId}/usage`)).features;
    expect([summed.current_usage, summed.next_usage_reset_at]).toEqual([answer.usage, next]);
    if (next === undefined) return;
    api.clock.set(utc(next));
    const fresh = await check(customerId, 'feature=calls');
    expect([fresh.usage, fresh.period_start]).toEqual(['0', next]);
  });
});

test('hard and soft limits, unlimited use, and the exact border', async () => {
  const soft = await api.feature('soft');
  const free = await api.feature('free');
  const { customerId, externalId } = await api.limited({
    [tokens]: { limit: 100 },
    [soft]: { limit: 1, soft: true },
    [free]: { limit: null },
  });
  await api.store([
    ...at(externalId, [NOW], { name: 'tokens', properties: { n: '99.999999999999999999' } }),
    ...at(externalId, [NOW, NOW], { name: 'soft' }),
    ...at(externalId, [NOW], { name: 'free' }),
  ]);
  const asked = async (query: string) => {
    const { allowed, reason, usage, limit, remaining, is_soft_limit, is_unlimited } = await check(customerId, `feature=${query}`);
    return { allowed, reason, usage, limit, remaining, is_soft_limit, is_unlimited };
  };
  const hard = {
    usage: '99.999999999999999999',
    limit: '100',
    remaining: '0.000000000000000001',
    is_soft_limit: false,
    is_unlimited: false,
  };
  expect(await asked('tokens&quantity=0.000000000000000001')).toEqual({ ...hard, allowed: true, reason: 'within_limit' });
  expect(await asked('tokens&quantity=0.000000000000000002')).toEqual({ ...hard, allowed: false, reason: 'limit_exceeded' });
  expect(await asked('tokens&quantity=0')).toMatchObject({ allowed: true });
  expect(await asked('soft&quantity=5')).toEqual({
    allowed: true,
    reason: 'over_soft_limit',
    usage: '2',
    limit: '1',
    remaining: '0',
    is_soft_limit: true,
    is_unlimited: false,
  });
  expect(await asked('free&quantity=1e20')).toEqual({
    allowed: true,
    reason: 'unlimited',
    usage: '1',
    limit: undefined,
    remaining: undefined,
    is_soft_limit: false,
    is_unlimited: true,
  });
});

test('boolean, static and config features are answered, disabled and missing ones refused', async () => {
  const make = async (name: string, type: string) => (await api.made('/v1/features', { name, type, lookup_key: name })).id as string;
  const [sso, off, region, config, missing] = [
    await make('sso', 'boolean'),
    await make('off', 'boolean'),
    await make('region', 'static'),
    await make('config', 'config'),
    await make('missing', 'boolean'),
  ] as const;
  const extra = await api.feature('extra');
  const { customerId } = await api.limited({
    [sso]: { type: 'boolean', enabled: true },
    [off]: { type: 'boolean', enabled: false },
    [region]: { type: 'static', staticValue: 'eu' },
    [config]: { type: 'config', configValue: { keptAsIs: 1 } },
    [extra]: { limit: 5, enabled: false },
  });
  const plain = { customer_id: customerId, requested_quantity: '1', is_soft_limit: false, is_unlimited: false };
  expect(await check(customerId, 'feature=sso')).toEqual({
    ...plain,
    allowed: true,
    reason: 'enabled',
    feature_id: sso,
    feature_lookup_key: 'sso',
    feature_type: 'boolean',
  });
  expect(await check(customerId, `feature=${off}`)).toMatchObject({ allowed: false, reason: 'disabled' });
  expect(await check(customerId, 'feature=region')).toMatchObject({ allowed: true, reason: 'enabled', static_values: ['eu'] });
  expect(await check(customerId, 'feature=config')).toMatchObject({ allowed: true, reason: 'enabled', config_values: [{ keptAsIs: 1 }] });
  expect(await check(customerId, 'feature=extra&quantity=0')).toMatchObject({
    allowed: false,
    reason: 'disabled',
    usage: '0',
    limit: '0',
    remaining: '0',
  });
  expect(await check(customerId, 'feature=missing')).toEqual({
    ...plain,
    allowed: false,
    reason: 'not_entitled',
    feature_id: missing,
    feature_lookup_key: 'missing',
    feature_type: 'boolean',
  });
  expect(await check(customerId, 'feature=tokens')).toMatchObject({ allowed: false, reason: 'not_entitled', feature_type: 'metered' });
  const { id } = await api.customer();
  expect(await check(id, 'feature=sso')).toMatchObject({ allowed: false, reason: 'not_entitled' });
});

test('several subscriptions: limits add up, an event counts once, and what is given or taken is seen within a second', async () => {
  const { customerId, externalId, planId } = await api.limited({ [calls]: { limit: 3 } }, { start_date: '2026-03-01T00:00:00Z' });
  await api.store(at(externalId, ['2026-03-05T00:00:00Z', '2026-03-12T00:00:00Z', '2026-03-18T00:00:00Z']));
  expect(await check(customerId, 'feature=calls')).toMatchObject({ allowed: false, usage: '3', limit: '3' });
  const second = await api.subscribe(customerId, planId, { start_date: '2026-03-10T00:00:00Z' });
  api.clock.set(utc('2026-03-18T12:00:01.500Z'));
  expect(await check(customerId, 'feature=calls')).toMatchObject({
    allowed: true,
    usage: '3',
    limit: '6',
    period_start: '2026-03-01T00:00:00Z',
    next_usage_reset_at: '2026-04-01T00:00:00Z',
  });
  await api.made(`/v1/subscriptions/${second}/cancel`, { cancellation_type: 'immediate', cancel_immediately_inovice_policy: 'skip' });
  api.clock.set(utc('2026-03-18T12:00:03Z'));
  expect(await check(customerId, 'feature=calls')).toMatchObject({ allowed: false, usage: '3', limit: '3' });
});

test('an answer needs no aggregation and few statements once the counter is there', async () => {
  const { customerId } = await api.limited({ [calls]: { limit: 3 } });
  await check(customerId, 'feature=calls');
  const query = vi.spyOn(api.app.clickhouse, 'query');
  const transactions = vi.spyOn(api.app.database, 'withTenant');
  await check(customerId, 'feature=calls');
  expect([query.mock.calls.length, transactions.mock.calls.length]).toEqual([0, 1]);
  query.mockRestore();
  transactions.mockRestore();
});

test('bad input names its field', async () => {
  const { customerId } = await api.limited({ [calls]: { limit: 3 } });
  for (const [query, field] of [
    ['', 'feature'],
    ['feature=', 'feature'],
    ['feature=calls&quantity=', 'quantity'],
    ['feature=calls&quantity=-1', 'quantity'],
    ['feature=calls&quantity=many', 'quantity'],
    ['feature=calls&quantity=NaN', 'quantity'],
    ['feature=calls&quantity=0x10', 'quantity'],
    ['feature=calls&quantity=1e30', 'quantity'],
    ['feature=calls&quantity=1e-40', 'quantity'],
    ['feature=calls&quantity=1&quantity=2', 'quantity'],
  ] as const) {
    const { status, body } = await api.request('GET', `/v1/customers/${customerId}/entitlements/check?${query}`);
    expect([query, status, body.code, body.details?.field]).toEqual([query, 400, 'validation_error', field]);
  }
});

test('unknown and foreign customers and features are 404, and a stranger with the same names has its own numbers', async () => {
  const { customerId, externalId } = await api.limited({ [calls]: { limit: 3 } });
  await api.store(at(externalId, [NOW, NOW]));
  expect(await check(customerId, 'feature=calls')).toMatchObject({ usage: '2' });
  const stranger = await api.tenant('Stranger');
  for (const path of [
    `/v1/customers/${customerId}/entitlements/check?feature=calls`,
    `/v1/customers/external/${externalId}/entitlements/check?feature=${calls}`,
  ]) {
    expect((await stranger.request('GET', path)).status).toBe(404);
    expect((await api.request('GET', path.replace(customerId, 'cust_none').replace(externalId, 'none'))).status).toBe(404);
  }
  const unknown = await api.request('GET', `/v1/customers/${customerId}/entitlements/check?feature=nothing`);
  expect([unknown.status, unknown.body.details]).toEqual([404, { entity: 'feature', id: 'nothing' }]);

  await stranger.request('POST', '/v1/customers', { external_id: externalId, name: 'Same name' });
  const path = `/v1/customers/external/${externalId}/entitlements/check?feature=calls`;
  expect((await stranger.request('GET', path)).body.details).toMatchObject({ entity: 'feature' });
  await stranger.request('POST', '/v1/features', {
    name: 'calls',
    lookup_key: 'calls',
    type: 'metered',
    meter: { name: 'calls', event_name: 'calls', aggregation: { type: 'COUNT' }, reset_usage: 'BILLING_PERIOD' },
  });
  expect((await stranger.request('GET', path)).body).toMatchObject({ allowed: false, reason: 'not_entitled' });
});
