import { DateTime } from 'luxon';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { fixedClock } from '#kernel/clock.ts';
import { unavailable } from '#kernel/errors.ts';
import { type AnalyticsWorld, made, makeAnalyticsWorld, store } from '../support/analytics.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { cases } from '../support/conformance.ts';

const clock = fixedClock(DateTime.utc(2026, 1, 1));
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ clock, clickhouse: true });
});
afterAll(() => api.close());

const JANUARY = { start_time: '2026-01-01T00:00:00Z', end_time: '2026-02-01T00:00:00Z' };
const ANALYTICS = '/v1/events/analytics';
const DETAILED = '/v1/meter-usage/detailed-analytics';
const SUM = { type: 'SUM', field: 'n' };
const world = (setup: AnalyticsWorld) => makeAnalyticsWorld(api, clock, setup);
const at = (time: string, n: unknown, more: object = {}) => ({ at: time, properties: { n, ...more } });

type Given = AnalyticsWorld & { readonly request: object };
interface Expected {
  readonly items: readonly Record<string, unknown>[];
  readonly point_count?: number;
}

test.each(cases<Given, Expected>('analytics.json', 'analytics'))(
  '$id',
  async ({ given: { request, ...setup }, expected: { point_count: count, ...expected } }) => {
    const { customer } = await world(setup);
    for (const path of [ANALYTICS, DETAILED]) {
      const body = await made(api, path, { external_customer_id: customer, ...JANUARY, ...request });
      // Null in an example means: absent.
      const absent = expected.items.map((item) => Object.keys(item).filter((key) => item[key] === null));
      body.items.forEach((item: object, index: number) => {
        for (const key of absent[index] ?? []) expect(item).not.toHaveProperty(key);
      });
      expect(body).toMatchObject({
        ...expected,
        items: expected.items.map((item) => Object.fromEntries(Object.entries(item).filter(([, value]) => value !== null))),
      });
      if (count !== undefined) expect(body.items[0].points).toHaveLength(count);
    }
  },
);

interface Hierarchy {
  readonly child: string;
  readonly parent: string;
  readonly with_children: string;
}
test.each(cases<Given, Hierarchy>('analytics.json', 'hierarchy'))(
  '$id: a child shows its own usage, a parent its own, and with its children that of all',
  async ({ given: { request, ...setup }, expected }) => {
    const {
      customer,
      children: [child = ''],
      meterIds: [meterId],
    } = await world(setup);
    for (const path of [ANALYTICS, DETAILED]) {
      const asked = (external_customer_id: string, more: object = {}) =>
        made(api, path, { external_customer_id, ...JANUARY, ...request, ...more });
      expect(await asked(customer)).toMatchObject({
        items: [{ total_usage: expected.parent, total_cost: expected.parent }],
        total_cost: expected.parent,
      });
      expect(await asked(customer, { include_children: true })).toMatchObject({
        items: [{ total_usage: expected.with_children, total_cost: expected.with_children, event_count: 2 }],
      });
      // The parent pays: a child sees what it used, with its children or without, and no cost.
      for (const more of [{}, { include_children: true }]) {
        const own = await asked(child, more);
        expect(own.items).toMatchObject([{ total_usage: expected.child, meter_id: meterId }]);
        for (const shown of [own, own.items[0]])
          for (const field of ['total_cost', 'currency', 'subscription_id', 'price_id']) expect(shown).not.toHaveProperty(field);
      }
      const plain = await made(api, '/v1/meter-usage/query', {
        external_customer_id: child,
        meter_id: meterId,
        ...JANUARY,
        aggregation_type: 'SUM',
      });
      expect(plain.total_value).toBe(expected.child);
    }
  },
);

test('an item says what it is of, in the unit of its feature, with all that was asked for', async () => {
  const feature = {
    unit_singular: 'byte',
    unit_plural: 'bytes',
    reporting_unit: { unit_singular: 'kB', unit_plural: 'kB', conversion_rate: '0.001' },
  };
  const { customer, meterIds, featureIds, subscriptionIds } = await world({
    meters: { traffic: { aggregation: SUM, feature, prices: [{ amount: '0.02' }] } },
    events: [
      { ...at('2026-01-05T10:00:00Z', '1500.5'), source: 'web' },
      { ...at('2026-01-05T11:00:00Z', 1), source: 'api' },
    ],
  });
  const expand = ['price', 'meter', 'feature', 'subscription_line_item', 'plan', 'addon', 'source'];
  const answer = await api.request('POST', ANALYTICS, { external_customer_id: customer, ...JANUARY, expand });
  expect(answer.headers['X-Usage-Watermark']).toBe('2026-01-05T11:00:00Z');
  expect(answer.body).toMatchObject({
    subtotal: '30.03',
    total_discount: '0',
    total_cost: '30.03',
    currency: 'usd',
    custom_analytics: [],
    items: [
      {
        feature_id: featureIds[0],
        meter_id: meterIds[0],
        subscription_id: subscriptionIds[0],
        name: 'traffic',
        event_name: `${customer}.traffic`,
        unit: 'byte',
        unit_plural: 'bytes',
        total_usage: '1501.5',
        total_usage_display: '1.5015',
        reporting_unit: { conversion_rate: 0.001 },
        sources: ['api', 'web'],
        price: { amount: '0.02' },
        meter: { id: meterIds[0] },
        feature: { id: featureIds[0] },
        subscription_line_item: { meter_id: meterIds[0] },
        plan: { name: customer },
      },
    ],
  });
  const [item] = (await made(api, ANALYTICS, { external_customer_id: customer, ...JANUARY })).items;
  for (const key of ['price', 'meter', 'feature', 'subscription_line_item', 'plan', 'sources', 'commitment_info', 'bucket_summaries'])
    expect(item).not.toHaveProperty(key);
});

test('groups by source and property never mix, an empty value is a group, and points belong to their group', async () => {
  const events = [
    { ...at('2026-01-05T10:00:00Z', 1, { 'a.b': 'x' }), source: 'api' },
    { ...at('2026-01-06T10:00:00Z', 2, { 'a.b': 'x' }), source: 'api' },
    { ...at('2026-01-05T11:00:00Z', 4, { a_b: 'x', 'a.b': '' }), source: 'api' },
    at('2026-01-05T12:00:00Z', 8),
    { ...at('2026-01-05T12:00:00Z', 16, { a: { b: 'x' } }), source: 'web' },
  ];
  const { customer } = await world({ meters: { call: { aggregation: SUM } }, events });
  const { items } = await made(api, ANALYTICS, {
    external_customer_id: customer,
    ...JANUARY,
    group_by: ['feature_id', 'source', 'properties.a.b', 'properties.a_b', 'source'],
    window_size: 'DAY',
  });
  expect(
    items.map((item: Record<string, unknown>) => [
      item.source,
      item.properties,
      item.total_usage,
      (item.points as { usage: string }[]).map((point) => point.usage),
    ]),
  ).toEqual([
    [undefined, {}, '8', ['8']],
    ['api', { 'a.b': '', a_b: 'x' }, '4', ['4']],
    ['api', { 'a.b': 'x' }, '3', ['1', '2']],
    ['web', {}, '16', ['16']],
  ]);
});

test('a line without usage stays visible when groups are asked for, and goes when filters are', async () => {
  const { customer } = await world({ meters: { call: { aggregation: SUM } }, events: [] });
  expect((await made(api, ANALYTICS, { external_customer_id: customer, ...JANUARY, group_by: ['properties.model'] })).items).toMatchObject([
    { total_usage: '0', properties: {}, points: [] },
  ]);
  expect((await made(api, ANALYTICS, { external_customer_id: customer, ...JANUARY, property_filters: { model: ['a'] } })).items).toEqual(
    [],
  );
});

test('more groups than an answer holds: those with most events are shown, and the rest is told', async () => {
  const events = Array.from({ length: 1010 }, (_, index) => at('2026-01-05T10:00:00Z', 1, { user: `u${index}` }));
  const { customer, meterIds } = await world({
    meters: { call: { aggregation: SUM } },
    events: [...events, at('2026-01-05T10:00:00Z', 1, { user: 'u999' })],
  });
  const { items, truncated } = await made(api, ANALYTICS, { external_customer_id: customer, ...JANUARY, group_by: ['properties.user'] });
  expect([items.length, truncated]).toMatchObject([1000, [{ meter_id: meterIds[0], group_count: 1010, shown: 1000, offset: 0 }]]);
  expect(items).toContainEqual(expect.objectContaining({ properties: { user: 'u999' }, total_usage: '2' }));
  const rest = await made(api, ANALYTICS, { external_customer_id: customer, ...JANUARY, group_by: ['properties.user'], offset: 1000 });
  expect(rest.truncated).toMatchObject([{ group_count: 1010, shown: 10, offset: 1000 }]);
  const users = [...items, ...rest.items].map(({ properties }: { properties: { user: string } }) => properties.user);
  expect(new Set(users).size).toBe(1010);
  expect(
    (await made(api, ANALYTICS, { external_customer_id: customer, ...JANUARY, group_by: ['properties.user'], limit: 1 })).items,
  ).toMatchObject([{ properties: { user: 'u999' }, total_usage: '2' }]);
  expect(
    (await made(api, ANALYTICS, { external_customer_id: customer, ...JANUARY, group_by: ['properties.user'], offset: 1010 })).items,
  ).toEqual([]);
});

test('the number of statements does not grow with lines, groups or windows', async () => {
  const meters = Object.fromEntries(
    Array.from({ length: 12 }, (_, index) => [
      `m${index}`,
      { aggregation: index % 2 ? SUM : { type: 'MAX', field: 'n', bucket_size: 'HOUR' } },
    ]),
  );
  const { customer } = await world({
    meters,
    events: Array.from({ length: 40 }, (_, index) => ({
      ...at('2026-01-05T10:00:00Z', index, { model: `m${index % 7}` }),
      name: `m${index % 12}`,
    })),
  });
  const query = vi.spyOn(api.app.clickhouse, 'query');
  await made(api, ANALYTICS, { external_customer_id: customer, ...JANUARY, group_by: ['properties.model', 'source'], window_size: 'HOUR' });
  expect(query).toHaveBeenCalledTimes(1);
  query.mockRestore();
});

test('tiers: over the range for a plain meter, per bucket for a bucketed one', async () => {
  const tiers = {
    billing_model: 'TIERED',
    tier_mode: 'SLAB',
    amount: undefined,
    tiers: [{ up_to: 10, unit_amount: '1' }, { unit_amount: '0.1' }],
  };
  const events = [at('2026-01-05T10:00:00Z', 8), at('2026-01-05T11:00:00Z', 12)];
  const plain = await world({ meters: { call: { aggregation: SUM, prices: [tiers] } }, events });
  const bucketed = await world({ meters: { call: { aggregation: { ...SUM, bucket_size: 'HOUR' }, prices: [tiers] } }, events });
  expect((await made(api, ANALYTICS, { external_customer_id: plain.customer, ...JANUARY })).items).toMatchObject([
    { total_usage: '20', total_cost: '11' },
  ]);
  expect((await made(api, ANALYTICS, { external_customer_id: bucketed.customer, ...JANUARY, window_size: 'DAY' })).items).toMatchObject([
    { total_usage: '20', total_cost: '18.2', points: [{ cost: '18.2' }] },
  ]);
});

test('points begin at the local midnight of the customer, months on the anchor (W4)', async () => {
  const { customer } = await world({
    meters: { call: { aggregation: SUM } },
    timezone: 'Asia/Kolkata',
    events: [at('2026-01-05T20:00:00Z', 1), at('2026-01-21T10:00:00Z', 2)],
  });
  const points = async (path: string, more: object) =>
    (await made(api, path, { external_customer_id: customer, ...JANUARY, ...more })).items[0].points.map(
      (point: { timestamp: string }) => point.timestamp,
    );
  expect(await points(ANALYTICS, { window_size: 'DAY' })).toEqual(['2026-01-05T18:30:00Z', '2026-01-20T18:30:00Z']);
  expect(await points(DETAILED, { window_size: 'MONTH', billing_anchor: '2025-12-15T00:00:00Z' })).toEqual([
    '2025-12-14T18:30:00Z',
    '2026-01-14T18:30:00Z',
  ]);
});

test('what the invoice bills for a period is what analytics says of it, commitments included', async () => {
  const commitment = { commitment_amount: 10, overage_factor: 1.5, enable_true_up: true };
  const { customer, subscriptionIds } = await world({
    meters: { call: { aggregation: SUM, prices: [{ amount: '0.3' }] } },
    commitment,
    events: [at('2026-01-05T10:00:00Z', '40.5'), at('2026-01-31T23:59:59.999Z', 7)],
  });
  const usage = await made(api, '/v1/subscriptions/usage', { subscription_id: subscriptionIds[0], ...JANUARY });
  const {
    items: [item],
  } = await made(api, ANALYTICS, { external_customer_id: customer, ...JANUARY });
  expect(item).toMatchObject({
    total_usage: '47.5',
    total_cost: '16.375',
    commitment_info: { type: 'amount', amount: '10', computed_commitment_utilized_amount: '10', computed_overage_amount: '6.375' },
  });
  expect([usage.charges[0].quantity, usage.amount]).toEqual([47.5, 16.38]);
});

describe('somebody without a subscription', () => {
  test('has usage without a cost: of the meters that count its events, or of those asked for', async () => {
    const { meterIds, featureIds } = await world({
      meters: { call: { aggregation: SUM }, other: { aggregation: SUM } },
      subscriptions: [],
      events: [],
    });
    const name = (await api.request('GET', `/v1/meters/${meterIds[0]}`)).body.event_name;
    await store(api, [{ id: 'stranger_1', customer: 'stranger', name, at: '2026-01-05T10:00:00Z', properties: { n: 5 } }]);
    const all = await made(api, ANALYTICS, { external_customer_id: 'stranger', ...JANUARY });
    expect(all.items).toMatchObject([{ meter_id: meterIds[0], feature_id: featureIds[0], total_usage: '5' }]);
    for (const key of ['total_cost', 'subscription_id', 'price_id', 'currency']) expect(all.items[0]).not.toHaveProperty(key);
    expect(all).not.toHaveProperty('total_cost');
    expect(
      (await made(api, ANALYTICS, { external_customer_id: 'stranger', ...JANUARY, feature_ids: [featureIds[1]] })).items,
    ).toMatchObject([{ meter_id: meterIds[1], total_usage: '0' }]);
    expect(
      (await made(api, DETAILED, { external_customer_id: 'stranger', ...JANUARY, meter_ids: meterIds, group_by: ['meter_id'] })).items,
    ).toHaveLength(2);
    expect((await made(api, ANALYTICS, { external_customer_id: 'nobody', ...JANUARY })).items).toEqual([]);
  });
});

test('the range is the last 7 days unless told, the last 6 hours in detail; meters and features narrow it', async () => {
  const { customer, meterIds, featureIds } = await world({
    meters: { call: { aggregation: SUM }, other: { aggregation: { type: 'COUNT' } } },
    events: [
      at('2026-01-24T23:59:59Z', 1),
      at('2026-01-25T00:00:00Z', 2),
      at('2026-01-31T17:59:59Z', 4),
      at('2026-01-31T18:00:00Z', 8),
      at('2026-02-01T00:00:00Z', 16),
    ],
  });
  const usage = async (path: string, more: object) =>
    (await made(api, path, { external_customer_id: customer, ...more })).items.map((item: { total_usage: string }) => item.total_usage);
  expect(await usage(ANALYTICS, { feature_ids: [featureIds[0]] })).toEqual(['14']);
  expect(await usage(DETAILED, { meter_ids: [meterIds[0]] })).toEqual(['8']);
  expect(await usage(DETAILED, { meter_ids: meterIds, feature_ids: [featureIds[1]] })).toEqual(['0']);
  expect(await usage(ANALYTICS, { start_time: '2026-02-01T00:00:00Z' })).toEqual([]);
});

test('what cannot be loaded or computed fails the request: never a zero (Q4)', async () => {
  const { customer } = await world({ meters: { call: { aggregation: SUM } }, events: [at('2026-01-05T10:00:00Z', 1)] });
  const ask = () => api.request('POST', ANALYTICS, { external_customer_id: customer, ...JANUARY });
  const query = vi.spyOn(api.app.clickhouse, 'query').mockRejectedValue(unavailable('clickhouse', new Error('gone')));
  expect((await ask()).status).toBe(503);
  query.mockRestore();
  const prices = vi.spyOn(api.app.prices, 'getMany').mockResolvedValue([]);
  expect((await ask()).status).toBe(500);
  prices.mockRestore();
  expect((await ask()).status).toBe(200);
});
