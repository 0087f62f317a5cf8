import { DateTime } from 'luxon';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fixedClock } from '#kernel/clock.ts';
import { made } from '../support/analytics.ts';
import { startTestApi, type TestApi, type TestTenant } from '../support/api.ts';
import { usagePrice } from '../support/costs.ts';

const NOW = DateTime.utc(2026, 3, 1);
const clock = fixedClock(NOW);
let api: TestApi;
let tenant: TestTenant;
let meterId: string;
beforeAll(async () => {
  api = await startTestApi({ clock, clickhouse: true });
});
afterAll(() => api.close());

/** A tenant without cost sheets, and a meter. */
async function fresh(): Promise<void> {
  clock.set(NOW);
  tenant = await api.tenant('Costs');
  meterId = (
    await made(tenant, '/v1/meters', { name: 'Calls', event_name: 'call', aggregation: { type: 'COUNT' }, reset_usage: 'BILLING_PERIOD' })
  ).id;
}
const later = () => clock.set(clock.now().plus({ minutes: 1 }));
const create = async (body: object = {}) => {
  later();
  return (await made(tenant, '/v1/costs', { name: 'Costs', ...body })).costsheet;
};
const cost = (id: string, more: object = {}) => made(tenant, '/v1/prices', usagePrice('COSTSHEET', id, meterId, { ...more }));
const get = (path: string) => tenant.request('GET', `/v1/costs/${path}`);

describe('a cost sheet', () => {
  beforeAll(fresh);

  test('is created, shown, changed in part, and its metadata replaced whole', async () => {
    const made = await create({ lookup_key: 'gpu', description: 'What GPUs cost', metadata: { costCenter: 'a', owner: 'b' } });
    expect(made).toMatchObject({
      name: 'Costs',
      lookup_key: 'gpu',
      description: 'What GPUs cost',
      metadata: { costCenter: 'a', owner: 'b' },
      status: 'published',
      tenant_id: tenant.ctx.tenantId,
      environment_id: tenant.ctx.environmentId,
    });
    expect(made.id).toMatch(/^cost_[0-9A-Z]{26}$/);
    expect((await get(made.id)).body).toEqual({ costsheet: made });
    later();
    const {
      body: { costsheet },
    } = await tenant.request('PUT', `/v1/costs/${made.id}`, { name: 'Renamed', metadata: { owner: 'c' } });
    expect(costsheet).toEqual({ ...made, name: 'Renamed', metadata: { owner: 'c' }, updated_at: '2026-03-01T00:02:00Z' });
    expect((await tenant.request('PUT', `/v1/costs/${made.id}`, { lookup_key: '', description: null })).body.costsheet).not.toHaveProperty(
      'lookup_key',
    );
  });

  test('a lookup key belongs to one published sheet, also when two are made at once', async () => {
    const [first, second] = [await create({ lookup_key: 'unique' }), await create({ lookup_key: 'other' })];
    const taken = { status: 409, body: { code: 'already_exists', details: { field: 'lookup_key' } } };
    expect(await tenant.request('POST', '/v1/costs', { name: 'Again', lookup_key: 'unique' })).toMatchObject(taken);
    expect(await tenant.request('PUT', `/v1/costs/${second.id}`, { lookup_key: 'unique' })).toMatchObject(taken);
    const both = await Promise.all([1, 2].map(() => tenant.request('POST', '/v1/costs', { name: 'Race', lookup_key: 'race' })));
    expect(both.map(({ status }) => status).sort()).toEqual([201, 409]);
    await tenant.request('DELETE', `/v1/costs/${first.id}`);
    expect((await create({ lookup_key: 'unique' })).id).not.toBe(first.id);
  });
});

test('the active one is the newest that is published; there may be none', async () => {
  await fresh();
  expect(await get('active')).toMatchObject({ status: 404, body: { code: 'not_found' } });
  const [first, second] = [await create({ name: 'First' }), await create({ name: 'Second' })];
  expect((await get('active')).body).toEqual(second);
  later();
  await tenant.request('PUT', `/v1/costs/${first.id}`, { name: 'Changed later' });
  expect((await get('active')).body.id).toBe(second.id);
  await tenant.request('DELETE', `/v1/costs/${second.id}`);
  expect((await get('active')).body.id).toBe(first.id);
});

describe('prices of a cost sheet', () => {
  beforeAll(fresh);

  test('are made, changed and ended as those of plans are, and shown where they are asked for', async () => {
    const sheet = await create();
    const tiered = await cost(sheet.id, {
      billing_model: 'TIERED',
      tier_mode: 'SLAB',
      tiers: [{ up_to: 10, unit_amount: '2' }, { unit_amount: '1' }],
    });
    const {
      items: [fee],
    } = await made(tenant, '/v1/prices/bulk', {
      items: [{ ...usagePrice('COSTSHEET', sheet.id, meterId), type: 'FIXED', meter_id: undefined, invoice_cadence: 'ADVANCE' }],
    });
    later();
    const { body: dearer } = await tenant.request('PUT', `/v1/prices/${tiered.id}`, { tiers: [{ unit_amount: '3' }] });
    expect(dearer).toMatchObject({ entity_type: 'COSTSHEET', entity_id: sheet.id, parent_price_id: tiered.id });
    later();
    const shown = async (expand: string) => (await get(`${sheet.id}?expand=${expand}`)).body.costsheet.prices;
    expect((await shown('prices')).map(({ id, meter }: { id: string; meter?: object }) => [id, meter])).toEqual([
      [fee.id, undefined],
      [dearer.id, undefined],
    ]);
    expect((await shown('prices.meters'))[1].meter.id).toBe(meterId);
    expect((await get(sheet.id)).body.costsheet).not.toHaveProperty('prices');
    expect((await made(tenant, '/v1/prices/search', { entity_type: 'COSTSHEET', entity_ids: [sheet.id] })).items).toHaveLength(2);
  });

  test('go with it, in one transaction, and stay readable with it', async () => {
    const sheet = await create({ name: 'Gone' });
    const [running, coming, other] = [
      await cost(sheet.id),
      await cost(sheet.id, { start_date: '2027-01-01T00:00:00Z' }),
      await cost((await create()).id),
    ];
    later();
    const end = clock.now();
    expect((await tenant.request('DELETE', `/v1/costs/${sheet.id}`)).body).toEqual({
      message: 'costsheet deleted successfully',
      id: sheet.id,
    });
    const ends = async (id: string) => (await tenant.request('GET', `/v1/prices/${id}`)).body.end_date;
    expect([await ends(running.id), await ends(coming.id), await ends(other.id)]).toEqual([
      end.toISO({ suppressMilliseconds: true }),
      '2027-01-01T00:00:00Z',
      undefined,
    ]);
    expect((await get(`${sheet.id}?expand=prices`)).body.costsheet).toMatchObject({
      id: sheet.id,
      status: 'archived',
      prices: [{ id: running.id }, { id: coming.id }],
    });
    for (const [method, path, body] of [
      ['PUT', `/v1/costs/${sheet.id}`, { name: 'Back' }],
      ['DELETE', `/v1/costs/${sheet.id}`, undefined],
      ['POST', '/v1/prices', usagePrice('COSTSHEET', sheet.id, meterId)],
    ] as const) {
      expect(await tenant.request(method, path, body)).toMatchObject({ status: 404, body: { code: 'not_found' } });
    }
  });

  test('charge nobody: a plan does not have them, and an event is not charged by them', async () => {
    const sheet = await create();
    await cost(sheet.id);
    await made(tenant, '/v1/customers', { external_id: 'acme', name: 'Acme' });
    const plan = await made(tenant, '/v1/plans', { name: 'Plan' });
    const refused = await tenant.request('POST', '/v1/subscriptions', {
      external_customer_id: 'acme',
      plan_id: plan.id,
      currency: 'usd',
      billing_period: 'MONTHLY',
      billing_cycle: 'anniversary',
    });
    expect(refused).toMatchObject({ status: 400, body: { details: { field: 'plan_id' } } });
    const { id } = (await tenant.request('GET', '/v1/customers/external/acme')).body;
    expect((await api.app.analytics.eventCharges(tenant.ctx, id, [meterId], clock.now())).prices).toEqual([]);
  });
});

describe('search', () => {
  let ids: string[];
  beforeAll(async () => {
    await fresh();
    ids = [
      (await create({ name: 'A', lookup_key: 'a' })).id,
      (await create({ name: 'B', lookup_key: 'b' })).id,
      (await create({ name: 'C' })).id,
    ];
    await cost(ids[0] ?? '');
    await tenant.request('DELETE', `/v1/costs/${ids[2]}`);
  });
  const search = async (body: object) => {
    const answer = await made(tenant, '/v1/costs/search', body);
    return { names: answer.items.map(({ name }: { name: string }) => name), pagination: answer.pagination, items: answer.items };
  };

  test.each<[string, () => object, string[]]>([
    ['shows the published ones, newest first', () => ({}), ['B', 'A']],
    ['by status', () => ({ status: 'archived' }), ['C']],
    ['by ids', () => ({ costsheet_ids: ids.slice(0, 1) }), ['A']],
    ['by lookup key', () => ({ lookup_key: 'b' }), ['B']],
    ['by name', () => ({ name: 'A' }), ['A']],
    [
      'by the filter language, sorted',
      () => ({
        filters: [{ field: 'name', operator: 'in', data_type: 'array', value: { array: ['A', 'B'] } }],
        sort: [{ field: 'name', direction: 'asc' }],
      }),
      ['A', 'B'],
    ],
    ['by time', () => ({ start_time: '2026-03-01T00:02:00Z', end_time: '2026-03-01T00:03:00Z' }), ['B']],
    [
      'with the names of the published document',
      () => ({
        costsheetIDs: ids,
        lookupKey: 'a',
        queryFilter: { status: 'published', limit: 1 },
        timeRangeFilter: { end_time: '2026-03-01T00:02:00Z' },
      }),
      ['A'],
    ],
    ['sorted by the names of the published document', () => ({ queryFilter: { sort: 'name', order: 'asc' } }), ['A', 'B']],
  ])('%s', async (_, body, expected) => {
    expect((await search(body())).names).toEqual(expected);
  });

  test('in pages, with prices where asked for', async () => {
    expect(await search({ limit: 1, offset: 1, expand: 'prices' })).toMatchObject({
      names: ['A'],
      pagination: { total: 2, limit: 1, offset: 2 },
      items: [{ prices: [{ entity_id: ids[0] }] }],
    });
    expect((await search({ queryFilter: { limit: 1 } })).pagination).toMatchObject({ total: 2, limit: 1, offset: 1 });
  });
});

test('who may only read may look and compute, not change', async () => {
  await fresh();
  const sheet = await create();
  const reader = { 'x-api-key': await tenant.keyWith(['all_reader']) };
  expect((await api.send('GET', `/v1/costs/${sheet.id}`, undefined, reader)).status).toBe(200);
  expect((await api.send('POST', '/v1/costs/analytics', {}, reader)).status).toBe(200);
  for (const [method, path, body] of [
    ['POST', '/v1/costs', { name: 'x' }],
    ['PUT', `/v1/costs/${sheet.id}`, { name: 'x' }],
    ['DELETE', `/v1/costs/${sheet.id}`, undefined],
  ] as const) {
    expect((await api.send(method, path, body, reader)).status).toBe(403);
  }
});

describe.each<[what: string, method: string, path: () => string, body: object, field: string]>([
  ['no name', 'POST', () => '', {}, 'name'],
  ['an empty name', 'POST', () => '', { name: ' ' }, 'name'],
  ['a long name', 'POST', () => '', { name: 'x'.repeat(256) }, 'name'],
  ['a long lookup key', 'POST', () => '', { name: 'x', lookup_key: 'x'.repeat(256) }, 'lookup_key'],
  ['a name with NUL', 'POST', () => '', { name: 'a\u0000' }, 'name'],
  ['metadata that is no map', 'POST', () => '', { name: 'x', metadata: { a: 1 } }, 'metadata.a'],
  ['a limit of 0', 'POST', () => '/search', { limit: 0 }, 'limit'],
  ['a limit of 0 by another name', 'POST', () => '/search', { queryFilter: { limit: 0 } }, 'queryFilter.limit'],
  ['an unknown sort', 'POST', () => '/search', { sort: [{ field: 'secret' }] }, 'sort'],
  [
    'an unknown filter',
    'POST',
    () => '/search',
    { filters: [{ field: 'tenant_id', operator: 'eq', data_type: 'string', value: { string: 'x' } }] },
    'filters[0].field',
  ],
  ['an unknown part', 'POST', () => '/search', { expand: 'customers' }, 'expand'],
  [
    'a range that is turned round',
    'POST',
    () => '/search',
    { timeRangeFilter: { start_time: '2026-02-01T00:00:00Z', end_time: '2026-01-01T00:00:00Z' } },
    'timeRangeFilter.end_time',
  ],
  ['a start without an end', 'POST', () => '/analytics', { start_time: '2026-01-01T00:00:00Z' }, 'end_time'],
  ['an end without a start', 'POST', () => '/analytics', { end_time: '2026-01-01T00:00:00Z' }, 'start_time'],
  [
    'a start after the end',
    'POST',
    () => '/analytics',
    { start_time: '2026-02-01T00:00:00Z', end_time: '2026-01-01T00:00:00Z' },
    'end_time',
  ],
  [
    'a range of many lives',
    'POST',
    () => '/analytics',
    { start_time: '1900-01-01T00:00:00Z', end_time: '2026-01-01T00:00:00Z' },
    'end_time',
  ],
  [
    'a time without a zone',
    'POST',
    () => '/analytics',
    { start_time: '2026-01-01T00:00:00', end_time: '2026-02-01T00:00:00Z' },
    'start_time',
  ],
  ['children that are a text', 'POST', () => '/analytics', { include_children: 'yes' }, 'include_children'],
  ['an unknown part of an item', 'POST', () => '/analytics', { expand: ['customer'] }, 'expand[0]'],
  ['features that are one text', 'POST', () => '/analytics', { feature_ids: 'feat_1' }, 'feature_ids'],
  ['filters that are a list', 'POST', () => '/analytics', { property_filters: ['a'] }, 'property_filters'],
  ['an offset below 0', 'POST', () => '/analytics', { offset: -1 }, 'offset'],
  ['a limit of 0 items', 'POST', () => '/analytics', { limit: 0 }, 'limit'],
])('%s', (_, method, path, body, field) => {
  test('is refused by name, and changes nothing', async () => {
    const count = async () => (await made(tenant, '/v1/costs/search', {})).pagination.total;
    const before = await count();
    expect(await tenant.request(method, `/v1/costs${path()}`, body)).toMatchObject({
      status: 400,
      body: { code: 'validation_error', http_status_code: 400, details: { field } },
    });
    expect(await count()).toBe(before);
  });
});

test('a price names a cost sheet that is there, and what it has to say', async () => {
  await fresh();
  const sheet = await create();
  const post = (more: object) => tenant.request('POST', '/v1/prices', { ...usagePrice('COSTSHEET', sheet.id, meterId), ...more });
  expect(await post({ entity_id: 'cost_none' })).toMatchObject({ status: 404, body: { details: { entity: 'costsheet' } } });
  expect(await post({ meter_id: 'meter_none' })).toMatchObject({ status: 404, body: { details: { entity: 'meter' } } });
  expect(await post({ meter_id: undefined })).toMatchObject({ status: 400, body: { details: { field: 'meter_id' } } });
  expect(await post({ amount: undefined })).toMatchObject({ status: 400, body: { details: { field: 'amount' } } });
  for (const other of ['SUBSCRIPTION', 'ADDON', 'PRICE'])
    expect(await post({ entity_type: other })).toMatchObject({ status: 400, body: { details: { field: 'entity_type' } } });
});
