import { DateTime } from 'luxon';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fixedClock } from '#kernel/clock.ts';
import { type Answer, startTestApi, type TestApi } from '../support/api.ts';

const clock = fixedClock(DateTime.utc(2026, 3, 1));
let api: TestApi;
let sequence = 0;
beforeAll(async () => {
  api = await startTestApi({ clock });
});
afterAll(() => api.close());

const unique = (text: string) => `${text}-${++sequence}`;
const METER = {
  name: 'Tokens',
  event_name: 'llm.call',
  aggregation: { type: 'SUM', field: 'tokens' },
  reset_usage: 'BILLING_PERIOD',
  filters: [{ key: 'model', values: ['small'] }],
};
const post = (path: string, body: unknown, headers?: Record<string, string>) => api.request('POST', path, body, headers);

async function made(answer: Promise<Answer>) {
  const { status, body } = await answer;
  expect([status, status === 201 ? undefined : body]).toEqual([201, undefined]);
  return body;
}
const metered = (more: object = {}) => made(post('/v1/features', { name: 'Tokens', type: 'metered', meter: METER, ...more }));
const plan = (more: object = {}) => made(post('/v1/plans', { name: 'Pro', ...more }));
const expectError = (answer: Answer, status: number, code: string, details: object) => {
  expect(answer.body).toMatchObject({ code, http_status_code: status, details });
  expect(answer.status).toBe(status);
};

describe('features', () => {
  test('a metered feature comes with its meter, in one answer and one transaction', async () => {
    const feature = await metered({
      lookup_key: unique('tokens'),
      description: 'LLM tokens',
      unit_singular: 'token',
      unit_plural: 'tokens',
      metadata: { teamName: 'ml' },
      reporting_unit: { unit_singular: 'million', unit_plural: 'millions', conversion_rate: 0.000001 },
      alert_settings: {
        alert_enabled: true,
        critical: { threshold: '10', condition: 'below' },
        warning: { threshold: 50, condition: 'below' },
      },
    });
    expect(feature).toMatchObject({
      type: 'metered',
      status: 'published',
      tenant_id: api.ctx.tenantId,
      environment_id: api.ctx.environmentId,
      metadata: { teamName: 'ml' },
      reporting_unit: { unit_singular: 'million', unit_plural: 'millions', conversion_rate: 0.000001 },
      alert_settings: {
        alert_enabled: true,
        critical: { threshold: '10', condition: 'below' },
        warning: { threshold: '50', condition: 'below' },
      },
      meter: { event_name: 'llm.call', aggregation: { type: 'SUM', field: 'tokens' }, filters: [{ key: 'model', values: ['small'] }] },
    });
    expect(feature.meter.id).toBe(feature.meter_id);
    expect((await api.request('GET', `/v1/features/${feature.id}`)).body).toEqual(feature);
    expect((await api.request('GET', `/v1/meters/${feature.meter_id}`)).status).toBe(200);

    const before = (await api.request('GET', '/v1/meters')).body.pagination.total;
    expectError(
      await post('/v1/features', { name: 'Again', type: 'metered', lookup_key: feature.lookup_key, meter: METER }),
      409,
      'already_exists',
      { field: 'lookup_key' },
    );
    expect((await api.request('GET', '/v1/meters')).body.pagination.total).toBe(before);
    expectError(await post('/v1/features', { name: 'Thief', type: 'metered', meter_id: feature.meter_id }), 409, 'already_exists', {
      field: 'meter_id',
    });
  });

  test('update keeps what it does not name, adds filters to the meter, and refuses them elsewhere', async () => {
    const feature = await metered({ description: 'before', metadata: { a: '1' } });
    const answer = await api.request('PUT', `/v1/features/${feature.id}`, {
      name: 'Renamed',
      metadata: { b: '2' },
      filters: [{ key: 'model', values: ['large'] }],
    });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      name: 'Renamed',
      description: 'before',
      metadata: { b: '2' },
      meter: { filters: [{ key: 'model', values: ['small', 'large'] }] },
    });
    const flag = await made(post('/v1/features', { name: 'SSO', type: 'boolean' }));
    expectError(await api.request('PUT', `/v1/features/${flag.id}`, { filters: [{ key: 'a', values: ['b'] }] }), 400, 'validation_error', {
      field: 'filters',
    });
  });

  test('delete archives, and is refused while an entitlement gives the feature', async () => {
    const key = unique('gone');
    const feature = await made(post('/v1/features', { name: 'SSO', type: 'boolean', lookup_key: key }));
    const right = await made(
      post('/v1/entitlements', {
        entity_type: 'PLAN',
        entity_id: (await plan()).id,
        feature_id: feature.id,
        feature_type: 'boolean',
        is_enabled: true,
      }),
    );
    expectError(await api.request('DELETE', `/v1/features/${feature.id}`), 400, 'invalid_operation', { entity: 'feature', id: feature.id });
    expect((await api.request('DELETE', `/v1/entitlements/${right.id}`)).status).toBe(200);
    expect((await api.request('DELETE', `/v1/features/${feature.id}`)).body).toEqual({ message: 'feature deleted successfully' });
    expect((await api.request('GET', `/v1/features/${feature.id}`)).status).toBe(404);
    expect((await post('/v1/features/search', { status: 'archived', lookup_keys: [key] })).body.items).toHaveLength(1);
    await made(post('/v1/features', { name: 'SSO', type: 'boolean', lookup_key: key }));
  });

  test.each([
    ['no name', { type: 'boolean' }, 'name'],
    ['an unknown type', { name: 'a', type: 'magic' }, 'type'],
    ['metered without a meter', { name: 'a', type: 'metered' }, 'meter'],
    ['a meter on a flag', { name: 'a', type: 'boolean', meter: METER }, 'meter'],
    [
      'a meter that cannot be measured',
      { name: 'a', type: 'metered', meter: { ...METER, aggregation: { type: 'SUM' } } },
      'aggregation.field',
    ],
    [
      'an unknown aggregation',
      { name: 'a', type: 'metered', meter: { ...METER, aggregation: { type: 'MEDIAN' } } },
      'meter.aggregation.type',
    ],
    [
      'a rate of zero',
      { name: 'a', type: 'boolean', reporting_unit: { unit_singular: 'k', unit_plural: 'k', conversion_rate: 0 } },
      'reporting_unit.conversion_rate',
    ],
    [
      'a rate beyond all numbers',
      { name: 'a', type: 'boolean', reporting_unit: { unit_singular: 'k', unit_plural: 'k', conversion_rate: '1e400' } },
      'reporting_unit.conversion_rate',
    ],
    ['half a character', { name: 'a', type: 'boolean', metadata: { a: '\ud800' } }, 'metadata.a'],
    [
      'levels out of order',
      {
        name: 'a',
        type: 'boolean',
        alert_settings: { critical: { threshold: '5', condition: 'above' }, warning: { threshold: '6', condition: 'above' } },
      },
      'alert_settings',
    ],
  ])('%s is refused, naming the field', async (_, body, field) => {
    expectError(await post('/v1/features', body), 400, 'validation_error', { field });
  });

  test('unknown meters and groups are 404', async () => {
    expectError(await post('/v1/features', { name: 'a', type: 'metered', meter_id: 'meter_none' }), 404, 'not_found', { entity: 'meter' });
    expectError(await post('/v1/features', { name: 'a', type: 'boolean', group_id: 'group_none' }), 404, 'not_found', { entity: 'group' });
  });
});

describe('plans', () => {
  test('create, read with everything, update, delete', async () => {
    const key = unique('pro');
    const created = await plan({ lookup_key: key, description: 'For teams', display_order: 2, metadata: { tierName: 'x' } });
    expect(created).toMatchObject({ name: 'Pro', lookup_key: key, display_order: 2, metadata: { tierName: 'x' }, status: 'published' });
    expectError(await post('/v1/plans', { name: 'Pro', lookup_key: key }), 409, 'already_exists', { field: 'lookup_key' });
    const feature = await metered();
    const price = await made(
      post('/v1/prices', {
        entity_type: 'PLAN',
        entity_id: created.id,
        type: 'USAGE',
        billing_model: 'FLAT_FEE',
        amount: '0.01',
        currency: 'USD',
        billing_period: 'MONTHLY',
        invoice_cadence: 'ARREAR',
        meter_id: feature.meter_id,
      }),
    );
    const right = await made(
      post('/v1/entitlements', {
        entity_type: 'PLAN',
        entity_id: created.id,
        feature_id: feature.id,
        feature_type: 'metered',
        usage_limit: 100,
      }),
    );

    const shown = (await api.request('GET', `/v1/plans/${created.id}`)).body;
    expect(shown).toMatchObject({
      ...created,
      prices: [{ id: price.id, meter: { id: feature.meter_id } }],
      entitlements: [{ id: right.id, usage_limit: 100, feature: { id: feature.id, meter: { id: feature.meter_id } } }],
      credit_grants: [],
    });

    const bare = (await post('/v1/plans/search', { plan_ids: [created.id] })).body.items[0];
    expect([bare.prices, bare.entitlements]).toEqual([undefined, undefined]);
    const [some] = (await post('/v1/plans/search', { plan_ids: [created.id], expand: 'prices.meters,entitlements.features' })).body.items;
    expect([some.prices[0].meter.id, some.entitlements[0].feature.id]).toEqual([feature.meter_id, feature.id]);
    const [fewer] = (await api.request('GET', `/v1/plans?plan_ids=${created.id}&expand=prices,entitlements`)).body.items;
    expect([fewer.prices[0].id, fewer.prices[0].meter, fewer.entitlements[0].feature]).toEqual([price.id, undefined, undefined]);
    expectError(await post('/v1/plans/search', { expand: 'prices.secrets' }), 400, 'validation_error', { field: 'expand' });

    const updated = await api.request('PUT', `/v1/plans/${created.id}`, { description: '', metadata: {} });
    expect([updated.status, updated.body.name, updated.body.description, updated.body.metadata]).toEqual([200, 'Pro', undefined, {}]);
    expect((await api.request('DELETE', `/v1/plans/${created.id}`)).body).toEqual({ message: 'plan deleted successfully' });
    for (const [method, body] of [
      ['GET', undefined],
      ['PUT', { name: 'x' }],
      ['DELETE', undefined],
    ] as const) {
      expectError(await api.request(method, `/v1/plans/${created.id}`, body), 404, 'not_found', { entity: 'plan' });
    }
    await plan({ lookup_key: key });
  });

  test('pages do not overlap, are sorted, and say where the next one starts', async () => {
    const tag = unique('page');
    for (let order = 0; order < 5; order++) await plan({ name: `${tag} ${order}`, display_order: order, metadata: { tag } });
    const seen: number[] = [];
    for (let offset = 0; offset < 5; ) {
      const { body } = await post('/v1/plans/search', {
        metadata: { tag },
        sort: [{ field: 'display_order', direction: 'asc' }],
        limit: 2,
        offset,
      });
      expect(body.pagination).toMatchObject({ total: 5, limit: 2, offset: offset + 2 });
      seen.push(...body.items.map((item: { display_order: number }) => item.display_order));
      offset = body.pagination.offset;
    }
    expect(seen).toEqual([0, 1, 2, 3, 4]);
  });

  test.each([
    [{ field: 'display_order', operator: 'gt', data_type: 'number', value: { number: 1 } }, ['b', 'c']],
    [{ field: 'display_order', operator: 'lt', data_type: 'number', value: { number: 2 } }, ['a']],
    [{ field: 'display_order', operator: 'gte', data_type: 'number', value: { number: 1.5 } }, ['b', 'c']],
    [{ field: 'name', operator: 'contains', data_type: 'string', value: { string: '% C' } }, ['c']],
    [{ field: 'name', operator: 'not_contains', data_type: 'string', value: { string: 'A' } }, ['b', 'c']],
    [{ field: 'name', operator: 'in', data_type: 'array', value: { array: ['% a', '% c'] } }, ['a', 'c']],
    [{ field: 'name', operator: 'not_in', data_type: 'array', value: { array: ['% a'] } }, ['b', 'c']],
    [{ field: 'name', operator: 'eq', data_type: 'string', value: { string: '% b' } }, ['b']],
    [{ field: 'created_at', operator: 'after', data_type: 'date', value: { date: '2026-02-01T00:00:00Z' } }, ['a', 'b', 'c']],
    [{ field: 'created_at', operator: 'before', data_type: 'date', value: { date: '2026-02-01T00:00:00Z' } }, []],
  ])('filter %j', async (filter, expected) => {
    const tag = unique('filter');
    await plan({ name: '% a', display_order: 1, metadata: { tag } });
    await plan({ name: '% b', display_order: 2, metadata: { tag } });
    await plan({ name: '% c', display_order: 3, metadata: { tag } });
    const { body } = await post('/v1/plans/search', { metadata: { tag }, filters: [filter], sort: [{ field: 'name', direction: 'asc' }] });
    expect(body.items.map((item: { name: string }) => item.name.slice(2))).toEqual(expected);
  });

  test.each([
    [{ filters: [{ field: 'tenant_id', operator: 'eq', data_type: 'string', value: { string: 'x' } }] }, 'filters[0].field'],
    [{ filters: [{ field: 'name', operator: 'eq', data_type: 'string' }] }, 'filters[0].value'],
    [{ filters: [{ field: 'name', operator: 'like', data_type: 'string', value: { string: 'x' } }] }, 'filters[0].operator'],
    [{ sort: [{ field: 'password', direction: 'asc' }] }, 'sort'],
    [{ limit: 0 }, 'limit'],
    [{ limit: 1001 }, 'limit'],
    [{ start_time: '2026-02-01T00:00:00Z', end_time: '2026-01-01T00:00:00Z' }, 'end_time'],
  ])('%j is refused', async (body, field) => {
    expectError(await post('/v1/plans/search', body), 400, 'validation_error', { field });
  });
});

describe('who may', () => {
  test('writes need the right to write; another tenant and another environment see nothing', async () => {
    const feature = await metered();
    const created = await plan();
    const reader = { 'x-api-key': await api.keyWith(['all_reader']) };
    expect((await api.request('GET', `/v1/plans/${created.id}`, undefined, reader)).status).toBe(200);
    expect((await post('/v1/plans', { name: 'x' }, reader)).body).toEqual({ message: 'insufficient permissions' });

    const production = {
      'x-api-key': await api.keyWith(['super_admin'], api.environments.find((environment) => environment.type === 'production')?.id ?? ''),
    };
    const stranger = { 'x-api-key': (await api.tenant('Stranger')).key };
    for (const headers of [production, stranger]) {
      for (const path of [`/v1/plans/${created.id}`, `/v1/features/${feature.id}`, `/v1/plans/${created.id}/entitlements`]) {
        expect((await api.request('GET', path, undefined, headers)).status).toBe(404);
      }
      expect((await api.request('PUT', `/v1/plans/${created.id}`, { name: 'stolen' }, headers)).status).toBe(404);
      expect((await api.request('DELETE', `/v1/features/${feature.id}`, undefined, headers)).status).toBe(404);
      expect((await api.request('GET', '/v1/plans', undefined, headers)).body.items).toEqual([]);
      expect((await api.request('POST', '/v1/features', { name: 'a', type: 'metered', meter_id: feature.meter_id }, headers)).status).toBe(
        404,
      );
    }
    expect((await api.request('GET', `/v1/plans/${created.id}`)).body.name).toBe('Pro');
  });

  test('every change leaves a system event', async () => {
    const created = await plan({ name: 'Audited' });
    await api.request('PUT', `/v1/plans/${created.id}`, { name: 'Audited again' });
    await api.request('DELETE', `/v1/plans/${created.id}`);
    const events = await api.app.database.withTenant(api.ctx, (tx) =>
      tx.selectFrom('outbox').select(['eventName', 'actorId']).where('entityId', '=', created.id).orderBy('position').execute(),
    );
    expect(events.map((event) => event.eventName)).toEqual(['plan.created', 'plan.updated', 'plan.deleted']);
    expect(events.every((event) => event.actorId !== '')).toBe(true);
  });
});
