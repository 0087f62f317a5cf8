import { DateTime } from 'luxon';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fixedClock } from '#kernel/clock.ts';
import { made, store } from '../support/analytics.ts';
import { startTestApi, type TestApi } from '../support/api.ts';

const clock = fixedClock(DateTime.utc(2026, 3, 1));
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ clock, clickhouse: true });
});
afterAll(() => api.close());

let keys = 0;
const aggregation = { type: 'SUM_WITH_MULTIPLIER', field: 'tokens', multiplier: '0.001' };
const source = {
  name: 'Tokens',
  type: 'metered',
  description: 'Thousands',
  unit_singular: 'token',
  unit_plural: 'tokens',
  reporting_unit: { unit_singular: 'kT', unit_plural: 'kT', conversion_rate: '0.001' },
  alert_settings: { alert_enabled: true, critical: { threshold: '10', condition: 'below' } },
  metadata: { team: 'a' },
  meter: { name: 'Tokens', event_name: 'llm', aggregation, filters: [{ key: 'model', values: ['x', 'y'] }], reset_usage: 'NEVER' },
};
const metered = () => made(api, '/v1/features', { ...source, lookup_key: `key_${keys++}` });
const clone = (id: string, body: object) => api.request('POST', `/v1/features/${id}/clone`, body);
const without = (entity: Record<string, unknown>, ...names: string[]) =>
  Object.fromEntries(Object.entries(entity).filter(([name]) => !names.includes(name)));

describe('a clone', () => {
  test('has all of the feature but its identity and its key, and a meter of its own that measures the same', async () => {
    const feature = await metered();
    clock.set(clock.now().plus({ minutes: 1 }));
    const answer = await clone(feature.id, { name: 'Copy', lookup_key: 'copy', description: 'Another', metadata: { team: 'b' } });
    expect(answer.status).toBe(201);
    const own = ['id', 'lookup_key', 'name', 'description', 'metadata', 'meter_id', 'meter', 'created_at', 'updated_at'];
    expect(without(answer.body, ...own)).toEqual(without(feature, ...own));
    expect(answer.body).toMatchObject({ name: 'Copy', lookup_key: 'copy', description: 'Another', metadata: { team: 'b' } });
    expect(answer.body.id).not.toBe(feature.id);
    expect(answer.body.meter_id).not.toBe(feature.meter_id);
    expect(answer.body.meter.id).toBe(answer.body.meter_id);
    expect(without(answer.body.meter, 'id', 'created_at', 'updated_at')).toEqual(without(feature.meter, 'id', 'created_at', 'updated_at'));
    expect((await api.request('GET', `/v1/features/${answer.body.id}`)).body).toEqual(answer.body);
  });

  test('takes name, description and metadata from the feature where they are left out, never the lookup key', async () => {
    const feature = await metered();
    const { body } = await clone(feature.id, {});
    expect(body).toMatchObject({ name: 'Tokens', description: 'Thousands', metadata: { team: 'a' } });
    expect(body).not.toHaveProperty('lookup_key');
  });

  test('counts the same history, and its meter changes alone, also where the first one is disabled', async () => {
    const feature = await metered();
    await store(
      api,
      ['x', 'z'].map((model) => ({
        id: `clone_${model}`,
        customer: 'c',
        name: 'llm',
        at: '2026-02-01T00:00:00Z',
        properties: { tokens: 5000, model },
      })),
    );
    await made(api, `/v1/meters/${feature.meter_id}/disable`, {});
    const { body } = await clone(feature.id, {});
    const usage = async (meter: string) =>
      (
        await made(api, '/v1/events/usage/meter', {
          meter_id: meter,
          external_customer_id: 'c',
          start_time: '2026-01-01T00:00:00Z',
          end_time: '2026-04-01T00:00:00Z',
        })
      ).value;
    expect([body.meter.status, await usage(feature.meter_id), await usage(body.meter_id)]).toEqual(['published', 5, 5]);
    await api.request('PUT', `/v1/features/${body.id}`, { filters: [{ key: 'model', values: ['z'] }] });
    expect([await usage(feature.meter_id), await usage(body.meter_id)]).toEqual([5, 10]);
  });

  test('of a feature without a meter has none', async () => {
    const feature = await made(api, '/v1/features', { name: 'SSO', type: 'boolean', lookup_key: 'sso' });
    const { body } = await clone(feature.id, { lookup_key: 'sso-2' });
    expect(body).toMatchObject({ type: 'boolean', lookup_key: 'sso-2' });
    expect(body).not.toHaveProperty('meter_id');
  });

  test('is not given by the entitlements of the feature', async () => {
    const feature = await metered();
    const plan = await made(api, '/v1/plans', { name: 'Plan' });
    await made(api, '/v1/entitlements', {
      entity_type: 'PLAN',
      entity_id: plan.id,
      feature_id: feature.id,
      feature_type: 'metered',
      usage_limit: 5,
      usage_reset_period: 'MONTHLY',
      is_enabled: true,
    });
    const { body } = await clone(feature.id, {});
    expect((await made(api, '/v1/entitlements/search', { feature_ids: [body.id] })).items).toEqual([]);
    expect((await api.request('DELETE', `/v1/features/${body.id}`)).status).toBe(200);
  });
});

test('a taken lookup key is refused, and no meter stays behind', async () => {
  const feature = await metered();
  const meters = async () => (await api.request('GET', '/v1/meters')).body.pagination.total;
  const before = await meters();
  expect(await clone(feature.id, { lookup_key: feature.lookup_key })).toMatchObject({
    status: 409,
    body: { code: 'already_exists', details: { field: 'lookup_key' } },
  });
  expect(await meters()).toBe(before);
});

test.each<[string, object, string]>([
  ['an empty name', { name: ' ' }, 'name'],
  ['a name that is a number', { name: 1 }, 'name'],
  ['metadata that is no map', { metadata: ['a'] }, 'metadata'],
  ['a key with NUL', { lookup_key: '\u0000' }, 'lookup_key'],
])('%s is refused by name', async (_, body, field) => {
  expect(await clone((await metered()).id, body)).toMatchObject({ status: 400, body: { code: 'validation_error', details: { field } } });
});

test('what is archived or never was cannot be cloned', async () => {
  const feature = await metered();
  await api.request('DELETE', `/v1/features/${feature.id}`);
  for (const id of [feature.id, 'feat_none'])
    expect(await clone(id, {})).toMatchObject({ status: 404, body: { code: 'not_found', details: { entity: 'feature' } } });
});
