import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Answer } from '../support/api.ts';
import { cases } from '../support/conformance.ts';
import { type MeteringApi, startMeteringApi } from '../support/metering-api.ts';

const MARCH = { start_time: '2026-03-01T00:00:00Z', end_time: '2026-04-01T00:00:00Z' };
let api: MeteringApi;
beforeAll(async () => {
  api = await startMeteringApi();
});
afterAll(() => api.close());

const day = (date: number): string => `2026-03-${String(date).padStart(2, '0')}T10:00:00Z`;
const meterWith = (aggregation: object, eventName = 'call') => ({
  name: 'Expression',
  event_name: eventName,
  aggregation,
  reset_usage: 'BILLING_PERIOD',
});
const usageOf = (meterId: string, more: object): Promise<Answer> =>
  api.request('POST', '/v1/events/usage/meter', { meter_id: meterId, ...MARCH, ...more });

describe('worked examples', () => {
  const examples = cases<{ expression: string; multiplier?: string; properties: object }, string | null>('expressions.json', 'expression');

  beforeAll(() =>
    api.store(
      'examples',
      examples.map(({ id, given }) => ({ id, at: day(2), name: id, properties: given.properties })),
    ),
  );

  test.each(examples)('$id', async ({ id, given: { expression, multiplier }, expected }) => {
    const meter = await api.made('/v1/meters', meterWith({ type: 'LATEST', expression, ...(multiplier ? { multiplier } : {}) }, id));
    expect(meter.aggregation).toEqual({ type: 'LATEST', expression, ...(multiplier ? { multiplier } : {}) });
    const { body: trace } = await api.request('GET', `/v1/events/lookup?id=${encodeURIComponent(id)}`);
    const qty = trace.processed_events.find((item: { meter_id: string }) => item.meter_id === meter.id)?.qty_total;
    expect(qty ?? null).toBe(expected);
    const { text } = await usageOf(meter.id, { external_customer_id: 'examples' });
    // A total is floored at 0.
    expect(/"value":([^,}]+)/.exec(text)?.[1] ?? null).toBe(
      expected === null || expected === '0' || expected.startsWith('-') ? '0' : expected,
    );
  });
});

describe('a meter with an expression', () => {
  const EVENTS = [
    { id: 'x1', at: day(2), properties: { input: 100, output: '10.5', model: 'a' } },
    { id: 'x2', at: day(2), properties: { input: 1, output: 2, model: 'b' } },
    { id: 'x3', at: day(3), properties: { input: 7, model: 'a' } },
    { id: 'x4', at: day(4), properties: { input: 'many', model: 'a' } },
  ];
  beforeAll(() => api.store('mixed', EVENTS));
  const value = async (aggregation: object, more: object = {}): Promise<unknown> =>
    (await usageOf((await api.made('/v1/meters', meterWith(aggregation))).id, { external_customer_id: 'mixed', ...more })).body.value;

  test('is measured by it in every aggregation, over earlier events', async () => {
    const expression = 'input + 4 * output';
    expect(await value({ type: 'SUM', expression })).toBe(158);
    expect(await value({ type: 'AVG', expression })).toBe(52.666666666666664);
    expect(await value({ type: 'MAX', expression })).toBe(142);
    expect(await value({ type: 'LATEST', expression })).toBe(7);
    expect(await value({ type: 'MAX', expression, bucket_size: 'DAY' })).toBe(149);
    expect(await value({ type: 'MAX', expression, bucket_size: 'DAY', group_by: 'model', multiplier: 2 })).toBe(316);
    expect(await value({ type: 'SUM', expression, multiplier: '0.001' })).toBe(0.158);
    expect(await value({ type: 'SUM', expression }, { filters: { model: ['b'] } })).toBe(9);
  });

  test('has windows, and the total over the range', async () => {
    const meter = await api.made('/v1/meters', meterWith({ type: 'AVG', expression: 'input * 2' }));
    expect((await usageOf(meter.id, { external_customer_id: 'mixed', window_size: 'DAY' })).body).toMatchObject({
      value: 72,
      results: [
        { window_size: '2026-03-02T00:00:00Z', value: 101 },
        { window_size: '2026-03-03T00:00:00Z', value: 14 },
      ],
    });
  });

  test('refuses an event that it cannot use, with the reason; other meters take it', async () => {
    await api.made('/v1/customers', { external_id: 'refusing', name: 'Refusing' });
    const meter = await api.made('/v1/meters', meterWith({ type: 'SUM', expression: 'a / b' }, 'ratio'));
    const count = await api.made('/v1/meters', meterWith({ type: 'COUNT' }, 'ratio'));
    await api.store('refusing', [
      { id: 'r1', at: day(2), name: 'ratio', properties: { a: 1, b: 4 } },
      { id: 'r2', at: day(3), name: 'ratio', properties: { a: 1 } },
    ]);
    expect((await api.request('GET', '/v1/events/r1')).body.processed_events).toMatchObject([
      { meter_id: meter.id, qty_total: '0.25' },
      { meter_id: count.id, qty_total: '1' },
    ]);
    const { body } = await api.request('GET', '/v1/events/r2');
    expect(body.processed_events.map((item: { meter_id: string }) => item.meter_id)).toEqual([count.id]);
    expect(body.debug_tracker.failure_point).toEqual({
      failure_point_type: 'attributed_to_customer',
      error: { code: 'validation_error', message: 'division by zero' },
    });
  });

  test('comes with a feature, and bills', async () => {
    const feature = await api.made('/v1/features', {
      name: 'Tokens',
      type: 'metered',
      meter: meterWith({ type: 'SUM', expression: 'ceil(input / 10)' }),
    });
    expect(feature.meter.aggregation).toEqual({ type: 'SUM', expression: 'ceil(input / 10)' });
    const plan = await api.made('/v1/plans', { name: 'Tokens' });
    await api.made('/v1/prices', {
      entity_type: 'PLAN',
      entity_id: plan.id,
      type: 'USAGE',
      invoice_cadence: 'ARREAR',
      meter_id: feature.meter_id,
      billing_model: 'FLAT_FEE',
      billing_period: 'MONTHLY',
      currency: 'usd',
      amount: '0.5',
    });
    const customer = await api.made('/v1/customers', { external_id: 'mixed', name: 'Mixed' });
    const subscription = await api.made('/v1/subscriptions', {
      customer_id: customer.id,
      plan_id: plan.id,
      currency: 'usd',
      billing_period: 'MONTHLY',
      billing_cycle: 'calendar',
      start_date: '2026-03-01T00:00:00Z',
    });
    const preview = await api.made('/v1/invoices/preview', { subscription_id: subscription.id });
    // 10 + 1 + 1 tens of input, at 0.50.
    expect(preview.line_items.map((line: { quantity: string; amount: string }) => [line.quantity, line.amount])).toEqual([['12', '6']]);
    expect((await api.made('/v1/subscriptions/usage', { subscription_id: subscription.id })).charges).toMatchObject([
      { quantity: 12, amount: 6 },
    ]);
  });
});

test.each([
  [{ type: 'SUM', expression: 'a +' }, 'aggregation.expression', { line: 1, column: 4 }],
  [{ type: 'SUM', expression: 'a %\n b' }, 'aggregation.expression', { line: 1, column: 2 }],
  [{ type: 'SUM', expression: "a'; DROP TABLE events; --" }, 'aggregation.expression', { line: 1, column: 2 }],
  [{ type: 'SUM', expression: 'a', field: 'a' }, 'aggregation.expression', {}],
  [{ type: 'COUNT', expression: 'a' }, 'aggregation.expression', {}],
  [{ type: 'COUNT_UNIQUE', expression: 'a' }, 'aggregation.expression', {}],
  [{ type: 'WEIGHTED_SUM', expression: 'a' }, 'aggregation.expression', {}],
  [{ type: 'SUM_WITH_MULTIPLIER', expression: 'a', multiplier: '2' }, 'aggregation.expression', {}],
  [{ type: 'SUM', expression: 'a', multiplier: '0' }, 'aggregation.multiplier', {}],
  [{ type: 'SUM', field: 'a', multiplier: '2' }, 'aggregation.multiplier', {}],
  [{ type: 'AVG', expression: '' }, 'aggregation.field', {}],
])('%j is refused', async (aggregation, field, place) => {
  for (const answer of [
    await api.request('POST', '/v1/meters', meterWith(aggregation)),
    await api.request('POST', '/v1/features', { name: 'F', type: 'metered', meter: meterWith(aggregation) }),
  ]) {
    expect([answer.status, answer.body.code, answer.body.details]).toEqual([
      400,
      'validation_error',
      expect.objectContaining({ field, ...place }),
    ]);
  }
});

test('an expression may have line breaks and comments, up to 4096 characters', async () => {
  const expression = `ceil(seconds / 60) // begun minutes\n  * rate${' '.repeat(4000)}`;
  expect((await api.made('/v1/meters', meterWith({ type: 'SUM', expression }))).aggregation.expression).toBe(expression);
  expect((await api.request('POST', '/v1/meters', meterWith({ type: 'SUM', expression: `a${' '.repeat(4096)}` }))).body.details.field).toBe(
    'aggregation.expression',
  );
});
