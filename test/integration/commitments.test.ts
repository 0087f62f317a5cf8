import { DateTime } from 'luxon';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fixedClock } from '#kernel/clock.ts';
import { createEventStore } from '#ingestion/repository/event-store.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { type EventSketch, loggedEvent } from '../support/metering.ts';
import { recomputedAmount, type StoredCalculation } from '../support/recompute.ts';

// From a commitment in the request, through stored events, to the invoice and the usage of the subscription.
const clock = fixedClock(DateTime.utc(2026, 1, 5));
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ clock, clickhouse: true });
});
afterAll(() => api.close());

const made = async (path: string, body: object) => {
  const answer = await api.request('POST', path, body);
  expect([path, answer.status < 300 ? '' : answer.text]).toEqual([path, '']);
  return answer.body;
};
const store = (sketches: readonly EventSketch[]) =>
  createEventStore(api.app.clickhouse).insert(
    sketches.map((sketch) => ({ ...loggedEvent(sketch), tenantId: api.ctx.tenantId, environmentId: api.ctx.environmentId })),
    `test:${sketches[0]?.id}`,
  );

let count = 0;
interface Offer {
  readonly bucket?: string;
  readonly price?: object;
  readonly reset?: string;
  readonly timezone?: string;
  readonly included?: number;
  readonly period?: 'DAILY' | 'WEEKLY' | 'ANNUAL';
}
/** A customer and a plan with one usage price, and the request that subscribes it for one period. */
async function offer({ bucket, price = { amount: '1' }, reset = 'BILLING_PERIOD', timezone = 'UTC', included, period = 'DAILY' }: Offer) {
  count += 1;
  const name = `committed_${count}`;
  await made('/v1/customers', { external_id: name, name, timezone });
  const plan = await made('/v1/plans', { name });
  const feature = await made('/v1/features', {
    name,
    type: 'metered',
    meter: {
      name,
      event_name: name,
      aggregation: { type: 'SUM', field: 'value', ...(bucket && { bucket_size: bucket }) },
      reset_usage: reset,
    },
  });
  const usage = await made('/v1/prices', {
    entity_type: 'PLAN',
    entity_id: plan.id,
    type: 'USAGE',
    billing_model: 'FLAT_FEE',
    billing_period: period,
    invoice_cadence: 'ARREAR',
    currency: 'usd',
    meter_id: feature.meter_id,
    ...price,
  });
  const fee = await made('/v1/prices', {
    entity_type: 'PLAN',
    entity_id: plan.id,
    type: 'FIXED',
    billing_model: 'FLAT_FEE',
    billing_period: period,
    invoice_cadence: 'ADVANCE',
    currency: 'usd',
    amount: '0',
  });
  if (included)
    await made('/v1/entitlements', {
      entity_type: 'PLAN',
      entity_id: plan.id,
      feature_id: feature.id,
      feature_type: 'metered',
      is_enabled: true,
      usage_limit: included,
      usage_reset_period: 'DAILY',
    });
  const request = (commitment: object, id: string = usage.id) => ({
    external_customer_id: name,
    plan_id: plan.id,
    currency: 'usd',
    billing_period: period,
    billing_cycle: 'anniversary',
    start_date: '2026-01-05T00:00:00Z',
    line_item_commitments: { [id]: commitment },
  });
  return { name, priceId: usage.id as string, feeId: fee.id as string, request };
}

/** The closed day of a subscription with this commitment: usage at hours of January 5, its invoice line, its usage answer. */
async function billed(terms: Offer, commitment: object, usage: Readonly<Record<number, number>>) {
  clock.set(DateTime.utc(2026, 1, 5));
  const { name, request } = await offer(terms);
  await store(
    Object.entries(usage).map(([hour, value]) => ({
      id: `${name}_${hour}`,
      name,
      customer: name,
      at: `2026-01-05T${hour.padStart(2, '0')}:10:00Z`,
      properties: { value },
    })),
  );
  const subscription = await made('/v1/subscriptions', request(commitment));
  clock.set(DateTime.utc(2026, 1, 6, 1));
  const shown = await made('/v1/subscriptions/usage', { subscription_id: subscription.id });
  const input = { tenantId: api.ctx.tenantId, environmentId: api.ctx.environmentId, subscriptionId: subscription.id };
  const closed = await api.app.billingActivities.closePeriod(input);
  await api.app.billingActivities.processInvoice({ ...input, invoiceId: closed?.invoiceId ?? '' });
  const { body: invoice } = await api.request('GET', `/v1/invoices/${closed?.invoiceId}`);
  const line = invoice.line_items.find((item: { price_type: string }) => item.price_type === 'USAGE');
  const stored = await api.app.database.withTenant(api.ctx, (tx) =>
    tx.selectFrom('invoiceLineItems').select('calculation').where('id', '=', line.id).executeTakeFirstOrThrow(),
  );
  expect(recomputedAmount(stored.calculation as unknown as StoredCalculation)).toBe(line.amount);
  return { subscription, shown, line };
}

const timeBucket = (from: number, to: number, more: object) => ({
  start: { hour: from },
  end: { hour: to, minute: 0 },
  commitment_type: 'amount',
  ...more,
});

test('a commitment to an amount is charged once for the period, and shown wherever the line is', async () => {
  const { subscription, shown, line } = await billed(
    {},
    { commitment_amount: 100, overage_factor: 1.5, enable_true_up: true },
    { 3: 90, 9: 60 },
  );
  const item = subscription.line_items.find((one: { price_type: string }) => one.price_type === 'USAGE');
  expect(item).toMatchObject({
    commitment_type: 'amount',
    commitment_amount: '100',
    commitment_overage_factor: '1.5',
    commitment_true_up_enabled: true,
    commitment_windowed: false,
    commitment_time_buckets: [],
  });
  expect(line).toMatchObject({
    quantity: '150',
    amount: '175',
    commitment_info: {
      type: 'amount',
      amount: '100',
      overage_factor: '1.5',
      true_up_enabled: true,
      is_windowed: false,
      computed_commitment_utilized_amount: '100',
      computed_overage_amount: '75',
      computed_true_up_amount: '0',
    },
    calculation: { commitment: { base: '150', charge: '175', committed: '100' } },
  });
  expect(shown).toMatchObject({
    amount: 175,
    commitment_amount: 100,
    commitment_utilized: 100,
    overage_amount: 75,
    overage_factor: 1.5,
    has_overage: true,
    charges: [{ amount: 175, quantity: 150, is_overage: true, overage_factor: 1.5 }],
  });
});

test('a year of minutes is charged, too: nobody looks at each of them', async () => {
  clock.set(DateTime.utc(2026, 1, 5));
  const { name, request } = await offer({ bucket: 'MINUTE', period: 'ANNUAL' });
  const at = ['2026-01-05T00:00:10Z', '2026-01-05T00:00:20Z', '2026-12-31T23:59:59Z'];
  await store(at.map((time, index) => ({ id: `${name}_${index}`, name, customer: name, at: time, properties: { value: 2 } })));
  const { line_item_commitments: _, ...plain } = request({});
  const subscription = await made('/v1/subscriptions', plain);
  clock.set(DateTime.utc(2027, 1, 4, 23));
  expect(await made('/v1/subscriptions/usage', { subscription_id: subscription.id })).toMatchObject({
    amount: 6,
    charges: [{ amount: 6, quantity: 6 }],
  });
});

test('what is missing to a commitment is charged where a true-up is agreed; a quantity counts at its price', async () => {
  const commitment = { commitment_type: 'quantity', commitment_quantity: '30', enable_true_up: true, overage_factor: 2 };
  const { shown, line } = await billed({ price: { amount: '2' } }, commitment, { 3: 10 });
  expect(line).toMatchObject({
    quantity: '10',
    amount: '60',
    commitment_info: { type: 'quantity', quantity: '30', computed_commitment_utilized_amount: '20', computed_true_up_amount: '40' },
  });
  expect(shown).toMatchObject({
    amount: 60,
    commitment_amount: 60,
    commitment_utilized: 20,
    overage_amount: 0,
    has_overage: false,
    charges: [{ is_overage: false, overage_factor: 2 }],
  });
});

test('a commitment is about what is billable: after the entitlement', async () => {
  const { line } = await billed({ included: 50 }, { commitment_amount: '80', overage_factor: '1' }, { 3: 100, 5: 20 });
  expect(line).toMatchObject({ quantity: '70', amount: '70', commitment_info: { computed_commitment_utilized_amount: '70' } });
});

test('a windowed commitment applies to each window, with the terms of its part of the day (E34)', async () => {
  const commitment = {
    commitment_amount: 10,
    overage_factor: 2,
    enable_true_up: true,
    is_window_commitment: true,
    commitment_time_buckets: [
      timeBucket(9, 12, { commitment_value: '5', overage_factor: '2', price: { amount: '2', currency: 'usd', billing_model: 'FLAT_FEE' } }),
    ],
  };
  const { subscription, shown, line } = await billed({ bucket: 'HOUR' }, commitment, { 10: 10, 18: 3 });
  const [bucket] = subscription.line_items.find((one: { price_type: string }) => one.price_type === 'USAGE').commitment_time_buckets;
  expect(bucket).toMatchObject({
    id: expect.stringMatching(/^bucket_/),
    start: { hour: 9, minute: 0 },
    end: { hour: 12, minute: 0 },
    commitment_value: '5',
    overage_factor: 2,
    true_up_enabled: false,
  });
  expect((await api.request('GET', `/v1/prices/${bucket.price_id}`)).body).toMatchObject({
    entity_type: 'SUBSCRIPTION',
    amount: '2',
    meter_id: line.meter_id,
  });
  expect(line).toMatchObject({
    quantity: '13',
    amount: '245',
    commitment_info: {
      is_windowed: true,
      computed_commitment_utilized_amount: '8',
      computed_overage_amount: '30',
      computed_true_up_amount: '207',
    },
  });
  expect(line.calculation.commitment).toMatchObject({
    windows: [
      { bucket_id: bucket.id, quantities: ['10'], charge: '35' },
      { quantities: ['3'], charge: '10' },
    ],
    empty_windows: [{ count: 20 }],
  });
  expect(shown).toMatchObject({ amount: 245, commitment_utilized: 8, overage_amount: 30 });
});

test('the allowance of an entitlement is used up in the order of the windows', async () => {
  const { line } = await billed(
    { bucket: 'HOUR', included: 12 },
    { commitment_amount: 5, overage_factor: 2, is_window_commitment: true },
    { 10: 10, 18: 10 },
  );
  // 10 at 10:00 and 2 at 18:00 are included; 8 are left: 5 + 3 x 2.
  expect(line).toMatchObject({ quantity: '8', amount: '11', adjusted_entitlement_quantity: '12' });
});

test('a daily allowance is taken from the windows of its day', async () => {
  clock.set(DateTime.utc(2026, 1, 5));
  const { name, request } = await offer({ bucket: 'HOUR', included: 10, period: 'WEEKLY' });
  const used = { '05': 20, '06': 5, '07': 30 };
  await store(
    Object.entries(used).map(([date, value]) => ({
      id: `${name}_${date}`,
      name,
      customer: name,
      at: `2026-01-${date}T03:10:00Z`,
      properties: { value },
    })),
  );
  const subscription = await made('/v1/subscriptions', request({ commitment_amount: 8, overage_factor: 2, is_window_commitment: true }));
  clock.set(DateTime.utc(2026, 1, 8));
  // 10, 0 and 20 are left of the days: 8 + 2 x 2, nothing, 8 + 12 x 2. Taken off the front, they would be 0, 0 and 30: 52.
  expect(await made('/v1/subscriptions/usage', { subscription_id: subscription.id })).toMatchObject({ amount: 44 });
  const preview = await made('/v1/invoices/preview', { subscription_id: subscription.id });
  expect(preview.line_items.find((line: { price_type: string }) => line.price_type === 'USAGE')).toMatchObject({
    quantity: '30',
    amount: '44',
    adjusted_entitlement_quantity: '25',
  });
});

test('windows that are not over yet owe no true-up', async () => {
  clock.set(DateTime.utc(2026, 1, 5));
  const { request } = await offer({ bucket: 'HOUR' });
  const subscription = await made('/v1/subscriptions', request({ commitment_amount: 4, enable_true_up: true, is_window_commitment: true }));
  for (const [hour, minute, amount] of [
    [0, 30, 0],
    [3, 0, 12],
    [3, 59, 12],
    [4, 0, 16],
  ] as const) {
    clock.set(DateTime.utc(2026, 1, 5, hour, minute));
    expect((await made('/v1/subscriptions/usage', { subscription_id: subscription.id })).amount).toBe(amount);
    expect((await made('/v1/invoices/preview', { subscription_id: subscription.id })).total).toBe(String(amount));
  }
});

describe('what cannot be billed is refused with the name of the field', () => {
  const bucketed = { is_window_commitment: true, commitment_amount: 5 };
  test.each<[string, Offer, object, string]>([
    ['nothing', {}, {}, ''],
    ['an amount and a quantity', {}, { commitment_amount: 1, commitment_quantity: 1 }, '.commitment_quantity'],
    ['a type without its value', {}, { commitment_type: 'quantity', commitment_amount: 1 }, '.commitment_quantity'],
    ['an unknown type', {}, { commitment_type: 'seats', commitment_amount: 1 }, '.commitment_type'],
    ['zero', {}, { commitment_amount: 0 }, '.commitment_amount'],
    ['a negative amount', {}, { commitment_amount: -5 }, '.commitment_amount'],
    ['no number', {}, { commitment_amount: 'much' }, '.commitment_amount'],
    ['a factor below 1', {}, { commitment_amount: 1, overage_factor: 0.9 }, '.overage_factor'],
    ['windows without buckets', {}, bucketed, '.is_window_commitment'],
    ['windows of a meter that never resets', { bucket: 'HOUR', reset: 'NEVER' }, bucketed, '.is_window_commitment'],
    ['several periods', {}, { commitment_amount: 1, commitment_duration: 'ANNUAL' }, '.commitment_duration'],
    [
      'a part of the day without buckets',
      {},
      { commitment_time_buckets: [timeBucket(9, 12, { commitment_value: '5' })] },
      '.is_window_commitment',
    ],
    [
      'a part of the day of days',
      { bucket: 'DAY' },
      { commitment_time_buckets: [timeBucket(9, 12, { commitment_value: '5' })] },
      '.commitment_time_buckets',
    ],
    [
      'parts that overlap',
      { bucket: 'HOUR' },
      { commitment_time_buckets: [timeBucket(22, 3, { commitment_value: '5' }), timeBucket(2, 4, { commitment_value: '5' })] },
      '.commitment_time_buckets[1].start',
    ],
    [
      'a part off the windows',
      { bucket: '3HOUR' },
      { commitment_time_buckets: [timeBucket(9, 10, { commitment_value: '5' })] },
      '.commitment_time_buckets[0].end',
    ],
    [
      'a part without length',
      { bucket: 'HOUR' },
      { commitment_time_buckets: [timeBucket(9, 9, { commitment_value: '5' })] },
      '.commitment_time_buckets[0].end',
    ],
    [
      'an hour that no clock shows',
      { bucket: 'HOUR' },
      { commitment_time_buckets: [timeBucket(25, 9, { commitment_value: '5' })] },
      '.commitment_time_buckets[0].start.hour',
    ],
    [
      'a part worth nothing',
      { bucket: 'HOUR' },
      { commitment_time_buckets: [timeBucket(9, 10, { commitment_value: '0' })] },
      '.commitment_time_buckets[0].commitment_value',
    ],
    [
      'a part in other money',
      { bucket: 'HOUR' },
      { commitment_time_buckets: [timeBucket(9, 10, { commitment_value: '5', price: { amount: '1', currency: 'eur' } })] },
      '.commitment_time_buckets[0].price.currency',
    ],
    [
      'a part with a price that does not add up',
      { bucket: 'HOUR' },
      {
        commitment_time_buckets: [
          timeBucket(9, 10, {
            commitment_value: '5',
            price: { billing_model: 'TIERED', tier_mode: 'SLAB', tiers: [{ up_to: 5, unit_amount: '1' }] },
          }),
        ],
      },
      '.commitment_time_buckets[0].price.tiers',
    ],
    [
      'a true-up of nothing',
      { bucket: 'HOUR' },
      { enable_true_up: true, commitment_time_buckets: [timeBucket(9, 10, { commitment_value: '5' })] },
      '.enable_true_up',
    ],
  ])('%s', async (_, terms, commitment, field) => {
    const { priceId, request } = await offer(terms);
    const answer = await api.request('POST', '/v1/subscriptions', request(commitment));
    expect([answer.status, answer.body.code, answer.body.details?.field]).toEqual([
      400,
      'validation_error',
      `line_item_commitments.${priceId}${field}`,
    ]);
  });

  test('on a fixed price, a price of another plan, and for the subscription as a whole', async () => {
    const { feeId, request } = await offer({});
    const other = await offer({});
    for (const id of [feeId, other.priceId, 'price_unknown']) {
      expect(await api.request('POST', '/v1/subscriptions', request({ commitment_amount: 1 }, id))).toMatchObject({
        status: 400,
        body: { details: { field: `line_item_commitments.${id}` } },
      });
    }
    for (const whole of [
      { commitment_amount: '100' },
      { overage_factor: '2' },
      { commitment_duration: 'ANNUAL' },
      { enable_true_up: true },
    ]) {
      expect(await api.request('POST', '/v1/subscriptions', { ...request({ commitment_amount: 1 }), ...whole })).toMatchObject({
        status: 400,
        body: { details: { field: Object.keys(whole)[0] } },
      });
    }
  });
});
