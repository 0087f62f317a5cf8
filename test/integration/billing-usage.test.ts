import { DateTime } from 'luxon';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fixedClock } from '#kernel/clock.ts';
import { createEventStore } from '#ingestion/repository/event-store.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { type EventSketch, loggedEvent } from '../support/metering.ts';

// From stored events to invoice lines: what the billing side asks of the usage store, and what it makes of the answers.
const clock = fixedClock(DateTime.utc(2026, 2, 20));
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ clock, clickhouse: true });
});
afterAll(() => api.close());

async function made(path: string, body: object) {
  const answer = await api.request('POST', path, body);
  expect([path, answer.status < 300 ? '' : answer.text]).toEqual([path, '']);
  return answer.body;
}

async function store(sketches: readonly EventSketch[]): Promise<void> {
  const { tenantId, environmentId } = api.ctx;
  await createEventStore(api.app.clickhouse).insert(
    sketches.map((sketch) => ({ ...loggedEvent(sketch), tenantId, environmentId })),
    `test:${sketches[0]?.id}`,
  );
}

let count = 0;
interface Offer {
  readonly aggregation: object;
  readonly price: object;
  readonly entitlement?: object;
  readonly timezone?: string;
}
/** Bills the events of one customer under an offer: the usage line of the invoice that closes March 2026, beginning on the 1st. */
async function marchLine(
  { aggregation, price, entitlement, timezone = 'UTC' }: Offer,
  events: readonly Omit<EventSketch, 'id' | 'customer' | 'name'>[],
) {
  count += 1;
  const name = `event_${count}`;
  const customer = `customer_${count}`;
  await made('/v1/customers', { external_id: customer, name: customer, timezone });
  const plan = await made('/v1/plans', { name });
  const feature = await made('/v1/features', {
    name,
    type: 'metered',
    meter: { name, event_name: name, aggregation, reset_usage: 'BILLING_PERIOD' },
  });
  await made('/v1/prices', {
    entity_type: 'PLAN',
    entity_id: plan.id,
    type: 'USAGE',
    billing_model: 'FLAT_FEE',
    billing_period: 'MONTHLY',
    invoice_cadence: 'ARREAR',
    currency: 'usd',
    meter_id: feature.meter_id,
    ...price,
  });
  if (entitlement)
    await made('/v1/entitlements', {
      entity_type: 'PLAN',
      entity_id: plan.id,
      feature_id: feature.id,
      feature_type: 'metered',
      is_enabled: true,
      ...entitlement,
    });
  await store(events.map((event, index) => ({ ...event, id: `${name}_${index}`, customer, name })));
  const start = DateTime.fromObject({ year: 2026, month: 3 }, { zone: timezone });
  clock.set(start.plus({ days: 3 }));
  const subscription = await made('/v1/subscriptions', {
    external_customer_id: customer,
    plan_id: plan.id,
    currency: 'usd',
    billing_period: 'MONTHLY',
    billing_cycle: 'calendar',
    start_date: start.toUTC().toISO(),
  });
  expect(subscription.latest_invoice.invoice_status).toBe('SKIPPED');
  clock.set(start.plus({ months: 1, hours: 1 }));
  const preview = await made('/v1/invoices/preview', { subscription_id: subscription.id });
  const input = { tenantId: api.ctx.tenantId, environmentId: api.ctx.environmentId, subscriptionId: subscription.id };
  const closed = await api.app.billingActivities.closePeriod(input);
  await api.app.billingActivities.processInvoice({ ...input, invoiceId: closed?.invoiceId ?? '' });
  const { body: invoice } = await api.request('GET', `/v1/invoices/${closed?.invoiceId}`);
  expect(invoice.line_items).toHaveLength(1);
  expect([preview.total, preview.line_items[0].quantity]).toEqual([invoice.total, invoice.line_items[0].quantity]);
  return invoice.line_items[0];
}

const day = (date: number, hour: number, value: unknown, more: object = {}) => ({
  at: `2026-03-${String(date).padStart(2, '0')}T${String(hour).padStart(2, '0')}:00:00Z`,
  properties: { value, ...more },
});
const SUM = { type: 'SUM', field: 'value' };

test('only the events of the half-open period and of the customer count, and the watermark is kept', async () => {
  const line = await marchLine({ aggregation: SUM, price: { amount: '0.5' } }, [
    { at: '2026-02-28T23:59:59.999Z', properties: { value: 100 } },
    { at: '2026-03-01T00:00:00Z', properties: { value: '0.1' } },
    { at: '2026-03-31T23:59:59.999Z', properties: { value: 0.2 } },
    { at: '2026-04-01T00:00:00Z', properties: { value: 100 } },
  ]);
  expect(line).toMatchObject({ quantity: '0.3', amount: '0.15' });
  expect(line.calculation.usage.readings).toMatchObject([
    { value: '0.3', event_count: 2, watermark: expect.stringMatching(/^2026-04-01T00:00:00/) },
  ]);
});

test('a daily allowance is counted by the local days of the customer', async () => {
  // 20:00 UTC is 01:30 of the next day in Kolkata: 3 + 12 fall on one day there.
  const events = [day(1, 20, 3), day(2, 5, 12), day(10, 5, 15)];
  const offer = { aggregation: SUM, price: { amount: '0.02' }, entitlement: { usage_limit: 10, usage_reset_period: 'DAILY' } };
  expect(await marchLine({ ...offer, timezone: 'Asia/Kolkata' }, events)).toMatchObject({
    quantity: '10',
    amount: '0.2',
    adjusted_entitlement_quantity: '20',
    calculation: { entitlement: { rule: 'each_window' } },
  });
  expect(await marchLine(offer, events)).toMatchObject({ quantity: '7', amount: '0.14' });
});

test('a daily allowance of a weighted sum is about each day alone, as that of any other sum', async () => {
  // At noon: half a day of 24 is 12 of a level, so 2 and 8 of them are over 10.
  const line = await marchLine(
    {
      aggregation: { ...SUM, type: 'WEIGHTED_SUM' },
      price: { amount: '1' },
      entitlement: { usage_limit: 10, usage_reset_period: 'DAILY' },
    },
    [day(2, 12, 24), day(9, 12, 36), day(20, 12, 20)],
  );
  expect(line).toMatchObject({ quantity: '10', amount: '10' });
});

test('a lifetime allowance is granted once', async () => {
  const line = await marchLine(
    { aggregation: SUM, price: { amount: '1' }, entitlement: { usage_limit: 100, usage_reset_period: 'NEVER' } },
    [day(2, 0, 70), day(20, 0, 50)],
  );
  expect(line).toMatchObject({
    quantity: '20',
    amount: '20',
    calculation: { entitlement: { rule: 'since_start' }, quantity_before_entitlement: '120' },
  });
});

test('no limit bills nothing, and the line says so', async () => {
  expect(
    await marchLine({ aggregation: SUM, price: { amount: '1' }, entitlement: { usage_reset_period: 'MONTHLY' } }, [day(2, 0, 70)]),
  ).toMatchObject({ quantity: '0', amount: '0', adjusted_entitlement_quantity: '70' });
});

test('a bucketed meter is priced bucket by bucket, with a tiered price group by group in each', async () => {
  const tiers = [{ up_to: 10, unit_amount: '1' }, { unit_amount: '2' }];
  const peak = { type: 'MAX', field: 'value', bucket_size: 'DAY' };
  const slab = { billing_model: 'TIERED', tier_mode: 'SLAB', tiers, amount: undefined };
  const twoDays = await marchLine({ aggregation: peak, price: slab }, [day(2, 1, 9), day(2, 2, 4), day(3, 1, 12)]);
  expect(twoDays).toMatchObject({ quantity: '21', amount: '23', calculation: { usage: { buckets: ['9', '12'] } } });
  const groups = await marchLine({ aggregation: { ...peak, group_by: 'model' }, price: slab }, [
    day(2, 1, 3, { model: 'a' }),
    day(2, 2, 12, { model: 'b' }),
    day(2, 3, 5, { model: 'b' }),
  ]);
  expect(groups).toMatchObject({ quantity: '15', amount: '17' });
  const packages = await marchLine(
    { aggregation: peak, price: { billing_model: 'PACKAGE', amount: '1', transform_quantity: { divide_by: 10, round: 'up' } } },
    [day(2, 1, 9), day(3, 1, 10)],
  );
  expect(packages).toMatchObject({ quantity: '19', amount: '2' });
});

test('a count of distinct values and the last value are billed as they are', async () => {
  expect(
    await marchLine({ aggregation: { type: 'COUNT_UNIQUE', field: 'value' }, price: { amount: '2.50' } }, [
      day(2, 1, 'a'),
      day(3, 1, 'b'),
      day(4, 1, 'a'),
    ]),
  ).toMatchObject({ quantity: '2', amount: '5' });
  expect(
    await marchLine({ aggregation: { type: 'LATEST', field: 'value' }, price: { amount: '1' } }, [day(2, 1, 7), day(9, 1, 3)]),
  ).toMatchObject({ quantity: '3', amount: '3' });
});
