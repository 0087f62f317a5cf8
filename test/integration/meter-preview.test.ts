import { DateTime } from 'luxon';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Answer } from '../support/api.ts';
import { type MeteringApi, startMeteringApi } from '../support/metering-api.ts';

let api: MeteringApi;
beforeAll(async () => {
  api = await startMeteringApi(DateTime.utc(2026, 3, 15, 12));
});
afterAll(() => api.close());

const at = (date: string): string => `2026-${date}T10:00:00Z`;
const definition = {
  event_name: 'call',
  aggregation: { type: 'SUM', expression: 'tokens / per' },
  filters: [{ key: 'model', values: ['a', 'b'] }],
  reset_usage: 'BILLING_PERIOD',
};
const preview = (body: object): Promise<Answer> => api.request('POST', '/v1/meters/preview', body);

beforeAll(() =>
  api.store('acme', [
    { id: 'p1', at: at('02-20'), properties: { tokens: 1000, per: 10, model: 'a' } },
    { id: 'p2', at: at('03-02'), properties: { tokens: 10, per: 4, model: 'a' } },
    { id: 'p3', at: at('03-03'), properties: { tokens: 10, model: 'a' } },
    { id: 'p4', at: at('03-04'), properties: { tokens: 'many', per: 2, model: 'b' } },
    { id: 'p5', at: at('03-05'), properties: { tokens: 6, per: 2, model: 'c' } },
    { id: 'p6', at: at('02-25'), properties: { tokens: 8, per: 2, model: 'b' } },
  ]),
);

test('a definition that is no meter yet, over the month so far', async () => {
  const { status, body } = await preview({ ...definition, external_customer_id: 'acme' });
  expect({ status, body }).toEqual({
    status: 200,
    body: {
      start_time: '2026-03-01T00:00:00Z',
      end_time: '2026-03-15T12:00:00Z',
      watermark: '2026-03-15T12:00:00Z',
      before: null,
      after: {
        value: '2.5',
        matched_count: 3,
        event_count: 1,
        refused_count: 2,
        missing_count: 0,
        refused_events: [
          { event_id: 'p4', reason: 'property tokens is text and not a number in range' },
          { event_id: 'p3', reason: 'division by zero' },
        ],
      },
      definition,
    },
  });
  expect((await api.request('GET', '/v1/meters')).body.items).toEqual([]);
});

test('a meter with changed fields, before and after, and without a trace', async () => {
  const meter = await api.made('/v1/meters', { name: 'Tokens', ...definition, aggregation: { type: 'SUM', field: 'tokens' } });
  const range = { external_customer_id: 'acme', start_time: at('02-01'), end_time: '2026-04-01T00:00:00Z' };
  const before = {
    value: '1028',
    matched_count: 5,
    event_count: 4,
    refused_count: 1,
    missing_count: 0,
    refused_events: [{ event_id: 'p4', reason: 'property tokens is text and not a number in range' }],
  };
  expect((await preview({ meter_id: meter.id, ...range })).body).toMatchObject({ before, after: before });
  const more = [{ key: 'model', values: ['c'] }];
  const { after, definition: previewed, ...others } = (await preview({ meter_id: meter.id, filters: more, ...range })).body;
  expect(others).toMatchObject({ before });
  expect(after).toMatchObject({ value: '1034', matched_count: 6, event_count: 5, refused_count: 1 });
  expect((await preview({ meter_id: meter.id, filters: [], ...range })).body.after).toEqual(before);
  for (const [field, value] of [
    ['aggregation', { type: 'COUNT' }],
    ['event_name', 'other'],
    ['reset_usage', 'NEVER'],
  ] as const) {
    const refused = { status: 400, body: { details: { field, reason: expect.stringContaining('cannot be changed, make a new meter') } } };
    expect(await preview({ meter_id: meter.id, [field]: value, ...range })).toMatchObject(refused);
    expect(await api.request('PUT', `/v1/meters/${meter.id}`, { filters: more, [field]: value })).toMatchObject(refused);
  }
  expect((await api.request('GET', `/v1/meters/${meter.id}`)).body).toEqual(meter);
  expect(await api.app.meters.formerVersions(api.ctx, meter.id)).toEqual([]);
  expect((await api.made('/v1/events/usage/meter', { meter_id: meter.id, ...range })).value).toBe(1028);
  // Saving makes what was shown.
  const saved = (await api.request('PUT', `/v1/meters/${meter.id}`, { filters: more })).body;
  expect(saved).toMatchObject(previewed);
  expect(saved.filters).toEqual(previewed.filters);
  expect((await api.made('/v1/events/usage/meter', { meter_id: meter.id, ...range })).value).toBe(Number(after.value));
});

test('a missing field is no refusal, null is one, and ten refusals are shown', async () => {
  await api.store('refusing', [
    ...Array.from({ length: 12 }, (_, index) => ({
      id: `n${String(index).padStart(2, '0')}`,
      at: at('03-06'),
      name: 'bad',
      properties: { v: null },
    })),
    { id: 'n-missing', at: at('03-06'), name: 'bad' },
  ]);
  const { after } = (
    await preview({
      event_name: 'bad',
      aggregation: { type: 'AVG', field: 'v' },
      reset_usage: 'BILLING_PERIOD',
      external_customer_id: 'refusing',
    })
  ).body;
  expect(after).toMatchObject({ value: '0', matched_count: 13, event_count: 0, refused_count: 12, missing_count: 1 });
  expect(after.refused_events.map((item: { event_id: string }) => item.event_id)).toEqual([
    'n11',
    'n10',
    'n09',
    'n08',
    'n07',
    'n06',
    'n05',
    'n04',
    'n03',
    'n02',
  ]);
});

test('a customer with a subscription: its open period, and its time zone for buckets', async () => {
  const feature = await api.made('/v1/features', {
    name: 'Calls',
    type: 'metered',
    meter: {
      name: 'Calls',
      event_name: 'peak',
      aggregation: { type: 'MAX', field: 'v', bucket_size: 'DAY' },
      reset_usage: 'BILLING_PERIOD',
    },
  });
  const customer = await api.made('/v1/customers', { external_id: 'subscribed', name: 'Subscribed', timezone: 'Asia/Kolkata' });
  for (const [start, meterId] of [
    ['2026-03-05T00:00:00Z', null],
    ['2026-03-10T00:00:00Z', feature.meter_id],
  ] as const) {
    const plan = await api.made('/v1/plans', { name: start });
    const price = {
      entity_type: 'PLAN',
      entity_id: plan.id,
      billing_model: 'FLAT_FEE',
      billing_period: 'MONTHLY',
      currency: 'usd',
      amount: '1',
    };
    await api.made(
      '/v1/prices',
      meterId === null
        ? { ...price, type: 'FIXED', invoice_cadence: 'ARREAR' }
        : { ...price, type: 'USAGE', invoice_cadence: 'ARREAR', meter_id: meterId },
    );
    await api.made('/v1/subscriptions', {
      customer_id: customer.id,
      plan_id: plan.id,
      currency: 'usd',
      billing_period: 'MONTHLY',
      billing_cycle: 'anniversary',
      start_date: start,
    });
  }
  // One day in UTC, two in Kolkata.
  await api.store('subscribed', [
    { id: 's1', at: '2026-03-11T17:00:00Z', name: 'peak', properties: { v: 5 } },
    { id: 's2', at: '2026-03-11T19:00:00Z', name: 'peak', properties: { v: 7 } },
    { id: 's3', at: at('03-06'), name: 'peak', properties: { v: 100 } },
  ]);
  const ofMeter = (await preview({ meter_id: feature.meter_id, external_customer_id: 'subscribed' })).body;
  expect([ofMeter.start_time, DateTime.fromISO(ofMeter.end_time) > DateTime.utc(2026, 4, 8), ofMeter.before.value]).toEqual([
    '2026-03-10T00:00:00Z',
    true,
    '12',
  ]);
  const unmade = (
    await preview({
      ...definition,
      event_name: 'peak',
      filters: [],
      aggregation: { type: 'MAX', field: 'v' },
      external_customer_id: 'subscribed',
    })
  ).body;
  expect([unmade.start_time, unmade.after.value]).toEqual(['2026-03-05T00:00:00Z', '100']);
});

describe('is refused', () => {
  test.each([
    [
      'an expression that cannot be read',
      { ...definition, aggregation: { type: 'SUM', expression: 'tokens +\n  * 2' } },
      'aggregation.expression',
      { line: 2, column: 3 },
    ],
    ['two measures', { ...definition, aggregation: { type: 'SUM', expression: 'a', field: 'a' } }, 'aggregation.expression', {}],
    ['no measure', { ...definition, aggregation: { type: 'SUM' } }, 'aggregation.field', {}],
    ['no event name', { ...definition, event_name: undefined }, 'event_name', {}],
    ['no aggregation', { ...definition, aggregation: undefined }, 'aggregation', {}],
    ['no reset', { ...definition, reset_usage: undefined }, 'reset_usage', {}],
    ['nothing', {}, 'event_name', {}],
    ['a range that is turned round', { ...definition, start_time: at('03-05'), end_time: at('03-04') }, 'end_time', {}],
    ['a start in the future', { ...definition, start_time: at('04-05') }, 'start_time', {}],
    ['an endless range', { ...definition, start_time: '0001-01-01T00:00:00Z' }, 'start_time', {}],
    ['a time that is none', { ...definition, start_time: 'yesterday' }, 'start_time', {}],
    ['a filter without values', { ...definition, filters: [{ key: 'model', values: [] }] }, 'filters[0].values', {}],
  ])('%s', async (_, body, field, place) => {
    const answer = await preview(body);
    expect([answer.status, answer.body.code, answer.body.details]).toEqual([
      400,
      'validation_error',
      expect.objectContaining({ field, ...place }),
    ]);
  });

  test('an unknown meter, and one of another tenant', async () => {
    expect((await preview({ meter_id: 'meter_none' })).status).toBe(404);
    const meter = await api.made('/v1/meters', { name: 'Mine', ...definition });
    const other = await api.tenant('Other');
    expect((await other.request('POST', '/v1/meters/preview', { meter_id: meter.id })).status).toBe(404);
    expect((await other.request('POST', '/v1/meters/preview', { ...definition, external_customer_id: 'acme' })).body.after).toMatchObject({
      value: '0',
      matched_count: 0,
    });
  });
});

test('whoever may read meters may ask, and only they', async () => {
  const reader = { 'x-api-key': await api.keyWith(['all_reader']) };
  expect((await api.send('POST', '/v1/meters/preview', definition, reader)).status).toBe(200);
  expect((await api.send('POST', '/v1/meters/preview', definition, {})).status).toBe(401);
});

test.each(["'; DROP TABLE events; --", '\\', "a' OR '1'='1", '{p0:String}', '%', 'ключ', '"', '`x`', '__proto__', 'constructor', ''])(
  'property names and values never become SQL: %j',
  async (hostile) => {
    const id = `hostile ${hostile}`;
    await api.store('hostile', [{ id, at: at('03-07'), name: id, properties: Object.fromEntries([[hostile, hostile]]) }]);
    const { status, body } = await preview({
      ...definition,
      event_name: id,
      aggregation: { type: 'SUM', field: hostile || 'x' },
      filters: hostile === '' ? [] : [{ key: hostile, values: [hostile] }],
      external_customer_id: 'hostile',
    });
    expect([status, body.after.value, body.after.matched_count, body.after.refused_count]).toEqual([200, '0', 1, hostile === '' ? 0 : 1]);
    const spoilt = await preview({
      ...definition,
      aggregation: { type: 'SUM', expression: `a + ${hostile}` },
      external_customer_id: 'hostile',
    });
    expect([200, 400]).toContain(spoilt.status);
    expect(
      (await preview({ ...definition, event_name: id, aggregation: { type: 'COUNT' }, filters: [], external_customer_id: 'hostile' })).body
        .after.value,
    ).toBe('1');
  },
);
