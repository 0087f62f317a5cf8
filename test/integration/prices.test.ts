import { DateTime } from 'luxon';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { fixedClock } from '#kernel/clock.ts';
import { type Answer, startTestApi, type TestApi } from '../support/api.ts';

const START = DateTime.utc(2026, 3, 1);
const clock = fixedClock(START);
let api: TestApi;
let planId: string;
let meterId: string;
let sequence = 0;
beforeAll(async () => {
  api = await startTestApi({ clock });
  planId = (await post('/v1/plans', { name: 'Pro' })).body.id;
  meterId = (await post('/v1/meters', { name: 'Calls', event_name: 'call', aggregation: { type: 'COUNT' }, reset_usage: 'BILLING_PERIOD' }))
    .body.id;
});
beforeEach(() => clock.set(START));
afterAll(() => api.close());

const unique = (text: string) => `${text}-${++sequence}`;
const post = (path: string, body: unknown, headers?: Record<string, string>) => api.request('POST', path, body, headers);
const put = (path: string, body: unknown) => api.request('PUT', path, body);
const fee = (more: object = {}) => ({
  entity_type: 'PLAN',
  entity_id: planId,
  type: 'FIXED',
  billing_model: 'FLAT_FEE',
  billing_cadence: 'RECURRING',
  billing_period: 'MONTHLY',
  billing_period_count: 1,
  invoice_cadence: 'ARREAR',
  price_unit_type: 'FIAT',
  amount: '29.99',
  currency: 'USD',
  ...more,
});
const TIERS = [{ up_to: 10, unit_amount: '50' }, { up_to: 20, unit_amount: '40', flat_amount: '1' }, { unit_amount: '30' }];
const tiered = (more: object = {}) =>
  fee({ type: 'USAGE', meter_id: meterId, billing_model: 'TIERED', tier_mode: 'SLAB', tiers: TIERS, amount: undefined, ...more });
async function made(body: object) {
  const answer = await post('/v1/prices', body);
  expect([answer.status, answer.status === 201 ? undefined : answer.body]).toEqual([201, undefined]);
  return answer.body;
}
const expectError = (answer: Answer, status: number, code: string, details: object) => {
  expect(answer.body).toMatchObject({ code, http_status_code: status, details });
  expect(answer.status).toBe(status);
};

describe('create and read', () => {
  test('a price answers with the JSON types of the wire and keeps the casing of its currency', async () => {
    const price = await made(fee({ lookup_key: unique('fee'), min_quantity: 2, metadata: { costCenter: 'a' }, trial_period_days: 14 }));
    expect(price).toMatchObject({
      entity_type: 'PLAN',
      entity_id: planId,
      amount: '29.99',
      currency: 'USD',
      display_amount: '$29.99',
      billing_period_count: 1,
      billing_cadence: 'RECURRING',
      min_quantity: '2',
      trial_period_days: 14,
      price_unit_type: 'FIAT',
      status: 'published',
      metadata: { costCenter: 'a' },
    });
    expect(price).not.toHaveProperty('tiers');
    expect(Number.isInteger(price.sequence)).toBe(true);
    expect((await api.request('GET', `/v1/prices/${price.id}`)).body).toEqual(price);
    expect((await api.request('GET', `/v1/prices/lookup/${price.lookup_key}`)).body).toEqual(price);
  });

  test('tiers: up_to is an integer beyond 2^53, amounts are text with all their digits', async () => {
    const body = JSON.stringify(tiered()).replace('"up_to":20', '"up_to":18446744073709551614').replace('"30"', '0.00000000000000000001');
    const answer = await post('/v1/prices', body);
    expect(answer.status).toBe(201);
    expect(answer.text).toContain('"up_to":18446744073709551614,"unit_amount":"40","flat_amount":"1"');
    expect(answer.body.tiers[2]).toEqual({ unit_amount: '0.00000000000000000001' });
    expect(answer.body).toMatchObject({ tier_mode: 'SLAB', meter_id: meterId, display_amount: 'Starts at $50.00' });
    const stored = await api.request('GET', `/v1/prices/${answer.body.id}`);
    expect(stored.text).toContain('"up_to":18446744073709551614,');
    expect(stored.body.meter.id).toBe(meterId);
  });

  test('a package price rounds up unless told', async () => {
    expect(await made(fee({ billing_model: 'PACKAGE', amount: 50, transform_quantity: { divide_by: 10 } }))).toMatchObject({
      amount: '50',
      transform_quantity: { divide_by: 10, round: 'up' },
      display_amount: '$50.00/10 units',
    });
  });

  test('bulk is all or none', async () => {
    const keys = [unique('bulk'), unique('bulk')];
    const good = await post('/v1/prices/bulk', { items: keys.map((lookup_key) => fee({ lookup_key })) });
    expect([good.status, good.body.items.map((price: { lookup_key: string }) => price.lookup_key)]).toEqual([201, keys]);
    const count = async () => (await post('/v1/prices/search', { plan_ids: [planId] })).body.pagination.total;
    const before = await count();
    expectError(await post('/v1/prices/bulk', { items: [fee(), fee({ lookup_key: keys[0] })] }), 409, 'already_exists', {
      field: 'lookup_key',
    });
    expectError(await post('/v1/prices/bulk', { items: [fee(), fee({ amount: '-1' })] }), 400, 'validation_error', {
      field: 'items[1].amount',
    });
    expectError(await post('/v1/prices/bulk', { items: [] }), 400, 'validation_error', { field: 'items' });
    expect(await count()).toBe(before);
  });

  test('the same Idempotency-Key makes one price', async () => {
    const headers = { 'Idempotency-Key': unique('key') };
    const [first, second] = [await post('/v1/prices', fee(), headers), await post('/v1/prices', fee(), headers)];
    expect([second.status, second.body.id]).toEqual([201, first.body.id]);
    expectError(await post('/v1/prices', fee({ amount: '1' }), headers), 409, 'already_exists', { field: 'Idempotency-Key' });
  });
});

describe('refused, naming the field', () => {
  test.each<[string, () => object, string]>([
    ['a bounded last tier', () => tiered({ tiers: TIERS.slice(0, 2) }), 'tiers'],
    ['an unbounded tier in the middle', () => tiered({ tiers: [{ unit_amount: '1' }, { unit_amount: '2' }] }), 'tiers'],
    [
      'tiers that do not ascend',
      () => tiered({ tiers: [{ up_to: 10, unit_amount: '1' }, { up_to: 10, unit_amount: '1' }, { unit_amount: '2' }] }),
      'tiers',
    ],
    ['a tier of a fraction', () => tiered({ tiers: [{ up_to: 1.5, unit_amount: '1' }, { unit_amount: '2' }] }), 'tiers[0].up_to'],
    ['a negative tier amount', () => tiered({ tiers: [{ unit_amount: '-0.01' }] }), 'tiers[0].unit_amount'],
    ['no tiers', () => tiered({ tiers: undefined }), 'tiers'],
    ['empty tiers', () => tiered({ tiers: [] }), 'tiers'],
    ['no tier mode', () => tiered({ tier_mode: undefined }), 'tier_mode'],
    ['an unknown tier mode', () => tiered({ tier_mode: 'GRADUATED' }), 'tier_mode'],
    ['a package of nothing', () => fee({ billing_model: 'PACKAGE' }), 'transform_quantity'],
    ['a package of zero', () => fee({ billing_model: 'PACKAGE', transform_quantity: { divide_by: 0 } }), 'transform_quantity.divide_by'],
    [
      'a package without amount',
      () => fee({ billing_model: 'PACKAGE', amount: undefined, transform_quantity: { divide_by: 5 } }),
      'amount',
    ],
    ['a fee without amount', () => fee({ amount: undefined }), 'amount'],
    ['a negative amount', () => fee({ amount: '-0.01' }), 'amount'],
    ['an amount that is no number', () => fee({ amount: 'NaN' }), 'amount'],
    ['an endless amount', () => fee({ amount: 'Infinity' }), 'amount'],
    ['an amount beyond all money', () => fee({ amount: '1e400' }), 'amount'],
    ['usage without a meter', () => tiered({ meter_id: undefined }), 'meter_id'],
    ['usage with a seat count', () => tiered({ min_quantity: 1 }), 'min_quantity'],
    ['a trial on usage', () => tiered({ trial_period_days: 7 }), 'trial_period_days'],
    ['a one-time price in arrears', () => fee({ billing_period: 'ONETIME' }), 'invoice_cadence'],
    ['a period count of zero', () => fee({ billing_period_count: 0 }), 'billing_period_count'],
    ['an unknown billing model', () => fee({ billing_model: 'FREE' }), 'billing_model'],
    ['an unknown period', () => fee({ billing_period: 'FORTNIGHTLY' }), 'billing_period'],
    ['an unknown type', () => fee({ type: 'GIFT' }), 'type'],
    ['an unknown cadence', () => fee({ billing_cadence: 'ONETIME' }), 'billing_cadence'],
    ['a currency of four letters', () => fee({ currency: 'euro' }), 'currency'],
    ['a currency that ISO 4217 does not know', () => fee({ currency: 'xyz' }), 'currency'],
    ['usage in advance', () => tiered({ invoice_cadence: 'ADVANCE' }), 'invoice_cadence'],
    ['usage charged once', () => tiered({ billing_period: 'ONETIME', invoice_cadence: 'ADVANCE' }), 'billing_period'],
    ['a custom unit', () => fee({ price_unit_type: 'CUSTOM', price_unit_config: { price_unit: 'tok', amount: '1' } }), 'price_unit_type'],
    ['an owner that has no prices here', () => fee({ entity_type: 'ADDON', entity_id: 'addon_1' }), 'entity_type'],
    ['an end before the start', () => fee({ start_date: '2026-03-02T00:00:00Z', end_date: '2026-03-01T00:00:00Z' }), 'end_date'],
    ['a date without time', () => fee({ start_date: '2026-03-02' }), 'start_date'],
  ])('%s', async (_, body, field) => {
    expectError(await post('/v1/prices', body()), 400, 'validation_error', { field });
  });

  test('unknown and foreign ids are 404 and change nothing', async () => {
    expectError(await post('/v1/prices', fee({ entity_id: 'plan_none' })), 404, 'not_found', { entity: 'plan' });
    expectError(await post('/v1/prices', tiered({ meter_id: 'meter_none' })), 404, 'not_found', { entity: 'meter' });
    expectError(await api.request('GET', '/v1/prices/lookup/none'), 404, 'not_found', { entity: 'price' });

    const price = await made(fee());
    const stranger = await api.tenant('Stranger');
    const production = {
      'x-api-key': await api.keyWith(['super_admin'], api.environments.find((environment) => environment.type === 'production')?.id ?? ''),
    };
    for (const headers of [{ 'x-api-key': stranger.key }, production]) {
      expect((await post('/v1/prices', fee(), headers)).status).toBe(404);
      expect((await api.request('GET', `/v1/prices/${price.id}`, undefined, headers)).status).toBe(404);
      expect((await api.request('PUT', `/v1/prices/${price.id}`, { amount: '0' }, headers)).status).toBe(404);
      expect((await api.request('DELETE', `/v1/prices/${price.id}`, {}, headers)).status).toBe(404);
      expect((await post('/v1/prices/search', {}, headers)).body.items).toEqual([]);
    }
    const strangersPlan = (await stranger.request('POST', '/v1/plans', { name: 'Other' })).body.id;
    expect((await stranger.request('POST', '/v1/prices', tiered({ entity_id: strangersPlan }))).body.details).toMatchObject({
      entity: 'meter',
    });
    expect((await api.request('GET', `/v1/prices/${price.id}`)).body).toEqual(price);
  });
});

describe('versions', () => {
  test('a change of terms ends the price and makes its successor at the same instant', async () => {
    const price = await made(fee({ lookup_key: unique('v'), description: 'kept', metadata: { a: '1' } }));
    clock.set(START.plus({ days: 1 }));
    const answer = await put(`/v1/prices/${price.id}`, { amount: '35', effective_from: '2026-04-01T00:00:00Z' });
    expect(answer.status).toBe(200);
    const second = answer.body;
    expect(second).toMatchObject({
      amount: '35',
      display_amount: '$35.00',
      start_date: '2026-04-01T00:00:00Z',
      parent_price_id: price.id,
      lookup_key: price.lookup_key,
      description: 'kept',
      metadata: { a: '1' },
    });
    expect(second.id).not.toBe(price.id);
    const old = (await api.request('GET', `/v1/prices/${price.id}`)).body;
    expect(old).toMatchObject({ amount: '29.99', end_date: '2026-04-01T00:00:00Z' });
    expect(old.sequence).toBeGreaterThan(price.sequence);
    expect(second.sequence).toBeGreaterThan(old.sequence);

    const inForce = async () => (await api.request('GET', `/v1/prices/lookup/${price.lookup_key}`)).body.id;
    expect(await inForce()).toBe(price.id);
    clock.set(DateTime.utc(2026, 4, 1));
    expect(await inForce()).toBe(second.id);

    clock.set(DateTime.utc(2026, 5, 1));
    const third = (await put(`/v1/prices/${second.id}`, { billing_model: 'TIERED', tier_mode: 'VOLUME', tiers: [{ unit_amount: 3 }] }))
      .body;
    expect(third).toMatchObject({
      billing_model: 'TIERED',
      tier_mode: 'VOLUME',
      tiers: [{ unit_amount: '3' }],
      parent_price_id: price.id,
      start_date: '2026-05-01T00:00:00Z',
    });
    expect(third.amount).toBeUndefined();
    expectError(await put(`/v1/prices/${second.id}`, { amount: '1' }), 400, 'invalid_operation', { price_id: second.id });
    expect((await post('/v1/prices/search', { parent_price_id: price.id, allow_expired_prices: true })).body.pagination.total).toBe(2);
    expect((await post('/v1/prices/search', { parent_price_id: price.id })).body.items.map((item: { id: string }) => item.id)).toEqual([
      third.id,
    ]);
  });

  test('an invalid successor leaves the price as it was', async () => {
    const price = await made(tiered());
    expectError(await put(`/v1/prices/${price.id}`, { tiers: TIERS.slice(0, 1) }), 400, 'validation_error', { field: 'tiers' });
    expectError(await put(`/v1/prices/${price.id}`, { billing_model: 'FLAT_FEE' }), 400, 'validation_error', { field: 'amount' });
    expect((await api.request('GET', `/v1/prices/${price.id}`)).body.end_date).toBeUndefined();
  });

  test('effective_from alone ends the price; before its start it is refused', async () => {
    const price = await made(fee({ start_date: '2026-03-10T00:00:00Z' }));
    expectError(await put(`/v1/prices/${price.id}`, { amount: '1', effective_from: '2026-03-09T00:00:00Z' }), 400, 'validation_error', {
      field: 'effective_from',
    });
    expect((await put(`/v1/prices/${price.id}`, { effective_from: '2026-03-20T00:00:00Z' })).body).toMatchObject({
      id: price.id,
      end_date: '2026-03-20T00:00:00Z',
    });
  });

  test('names and metadata are edited in place', async () => {
    const [price, other] = [await made(fee()), await made(fee({ lookup_key: unique('taken') }))];
    const edited = (await put(`/v1/prices/${price.id}`, { display_name: 'Seat', metadata: { b: '2' } })).body;
    expect(edited).toMatchObject({ id: price.id, display_name: 'Seat', metadata: { b: '2' }, sequence: price.sequence });
    expectError(await put(`/v1/prices/${price.id}`, { lookup_key: other.lookup_key }), 409, 'already_exists', { field: 'lookup_key' });
  });

  test('delete sets the end, now or when told, and only once', async () => {
    const [now, later, future] = [await made(fee()), await made(fee()), await made(fee({ start_date: '2026-06-01T00:00:00Z' }))];
    const remove = (id: string, body?: object) => api.request('DELETE', `/v1/prices/${id}`, body);
    const end = async (id: string) => (await api.request('GET', `/v1/prices/${id}`)).body.end_date;
    expect((await remove(now.id)).body).toEqual({ message: 'price deleted successfully' });
    expect(await end(now.id)).toBe('2026-03-01T00:00:00Z');
    expectError(await remove(now.id), 400, 'invalid_operation', { price_id: now.id });
    expect((await remove(later.id, { end_date: '2026-12-31T00:00:00+01:00' })).status).toBe(200);
    expect(await end(later.id)).toBe('2026-12-30T23:00:00Z');
    expectError(await remove(future.id, { end_date: '2026-05-01T00:00:00Z' }), 400, 'validation_error', { field: 'end_date' });
    expect((await remove(future.id)).status).toBe(200);
    expect(await end(future.id)).toBe('2026-06-01T00:00:00Z');
  });

  test('two changes at once make one successor, not two', async () => {
    const price = await made(fee());
    const answers = await Promise.all(['1', '2', '3'].map((amount) => put(`/v1/prices/${price.id}`, { amount })));
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, 400, 400]);
    expect((await post('/v1/prices/search', { parent_price_id: price.id, allow_expired_prices: true })).body.pagination.total).toBe(1);
  });
});

test('search by plan, meter, period and time, with expanded parts', async () => {
  const plan = (await post('/v1/plans', { name: 'Search' })).body.id;
  const usage = await made(tiered({ entity_id: plan }));
  const yearly = await made(fee({ entity_id: plan, billing_period: 'ANNUAL', start_date: '2026-02-01T00:00:00Z' }));
  const ids = async (body: object) =>
    (await post('/v1/prices/search', { plan_ids: [plan], ...body })).body.items.map((item: { id: string }) => item.id);
  expect(await ids({})).toEqual([yearly.id, usage.id]);
  expect(await ids({ meter_ids: [meterId] })).toEqual([usage.id]);
  expect(await ids({ billing_periods: ['ANNUAL'] })).toEqual([yearly.id]);
  expect(await ids({ start_date_lt: '2026-02-02T00:00:00Z' })).toEqual([yearly.id]);
  expect(await ids({ filters: [{ field: 'amount', operator: 'gte', data_type: 'number', value: { number: 29.99 } }] })).toEqual([
    yearly.id,
  ]);
  const listed = await api.request(
    'GET',
    `/v1/prices?plan_ids=${plan}&meter_ids=${meterId}%2Cother&billing_periods=MONTHLY&expand=meters,plan&allow_expired_prices=false`,
  );
  expect(listed.body.items).toMatchObject([{ id: usage.id, meter: { id: meterId }, plan: { id: plan, name: 'Search' } }]);
  expectError(await api.request('GET', '/v1/prices?expand=meter_secrets'), 400, 'validation_error', { field: 'expand' });
});
