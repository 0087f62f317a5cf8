import { sql } from 'kysely';
import { DateTime } from 'luxon';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fixedClock } from '#kernel/clock.ts';
import { createEventStore } from '#ingestion/repository/event-store.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { loggedEvent } from '../support/metering.ts';

// A Lambda function answers with 6 MB at most. What an invoice was made from may be more: it is had page by page, and says so.
const LAMBDA_BYTES = 6 * 1024 * 1024;
const MINUTES = 10_080;
const clock = fixedClock(DateTime.utc(2026, 3, 2));
let api: TestApi;
let subscription: string;
let plain: string;
beforeAll(async () => {
  api = await startTestApi({ clock, clickhouse: true });
  await made('/v1/customers', { external_id: 'minutely', name: 'minutely' });
  const plan = await made('/v1/plans', { name: 'minutes' });
  const price = await usagePrice(plan.id, 'used');
  const committed = await usagePrice(plan.id, 'committed');
  const { tenantId, environmentId } = api.ctx;
  for (const name of ['used', 'committed'])
    await createEventStore(api.app.clickhouse).insert(
      Array.from({ length: MINUTES }, (_, minute) => ({
        ...loggedEvent({
          id: `${name}_${minute}`,
          customer: 'minutely',
          name,
          at: DateTime.utc(2026, 3, 2).plus({ minutes: minute }).toISO() as string,
          properties: { value: (minute % 15) + 1 },
        }),
        tenantId,
        environmentId,
      })),
      `test:${name}`,
    );
  plain = price.id;
  const { id } = await made('/v1/subscriptions', {
    external_customer_id: 'minutely',
    plan_id: plan.id,
    currency: 'usd',
    billing_period: 'WEEKLY',
    start_date: '2026-03-02T00:00:00Z',
    line_item_commitments: {
      [committed.id]: { commitment_amount: 5, overage_factor: 2, enable_true_up: true, is_window_commitment: true },
    },
  });
  subscription = id;
});
afterAll(() => api.close());

async function made(path: string, body: object) {
  const answer = await api.request('POST', path, body);
  expect([path, answer.status < 300 ? '' : answer.text]).toEqual([path, '']);
  return answer.body;
}

async function usagePrice(planId: string, name: string) {
  const feature = await made('/v1/features', {
    name,
    type: 'metered',
    meter: {
      name,
      event_name: name,
      aggregation: { type: 'SUM', field: 'value', bucket_size: 'MINUTE' },
      reset_usage: 'BILLING_PERIOD',
    },
  });
  return made('/v1/prices', {
    entity_type: 'PLAN',
    entity_id: planId,
    type: 'USAGE',
    billing_model: 'TIERED',
    tier_mode: 'SLAB',
    tiers: [
      { up_to: 10, unit_amount: '0.1' },
      { unit_amount: '0.2', flat_amount: '0.5' },
    ],
    billing_period: 'WEEKLY',
    invoice_cadence: 'ARREAR',
    currency: 'usd',
    meter_id: feature.meter_id,
  });
}

/** The answer, which a Lambda function can give. */
async function fitting(method: string, path: string, body?: object) {
  const answer = await api.request(method, path, body);
  expect([path, answer.status, answer.status < 300 ? '' : answer.text]).toEqual([path, 200, '']);
  expect(Buffer.byteLength(answer.text)).toBeLessThan(LAMBDA_BYTES);
  return { ...answer.body, bytes: Buffer.byteLength(answer.text) };
}

async function invoiceId(): Promise<string> {
  const { items } = await fitting('POST', '/v1/invoices/search', { subscription_id: subscription });
  return items.find((invoice: { billing_reason: string }) => invoice.billing_reason === 'SUBSCRIPTION_CYCLE').id;
}

async function allOf(path: string): Promise<Record<string, never>[]> {
  const all: Record<string, never>[] = [];
  for (;;) {
    const { items, pagination } = await fitting('GET', `${path}?limit=999&offset=${all.length}`);
    all.push(...items);
    if (all.length >= pagination.total || items.length === 0) return all;
  }
}

// What a bucket of n units costs, and the steps of a week, by hand: minutes hold 1 to 15 units in turn.
const costOf = (units: number) => (units <= 10 ? units * 100 : 1000 + 500 + (units - 10) * 200) / 1000;
const values = Array.from({ length: MINUTES }, (_, minute) => (minute % 15) + 1);
const cents = (amount: number) => (Math.round(amount * 100) / 100).toString();

test('a line of 10,080 minutes is explained in a few bytes: steps by tier, buckets and windows beside it', async () => {
  clock.set(DateTime.utc(2026, 3, 9, 0, 1));
  await api.app.subscriptions.closePeriod(api.ctx, subscription, null);
  const id = await invoiceId();
  await api.app.invoices.compute(api.ctx, id);
  const invoice = await fitting('GET', `/v1/invoices/${id}`);
  expect(invoice.bytes).toBeLessThan(20_000);
  expect(invoice).not.toHaveProperty('left_out');
  const line = invoice.line_items.find((each: { price_id: string }) => each.price_id === plain);
  expect(line.amount).toBe(cents(values.reduce((total, units) => total + costOf(units), 0)));
  const over = values.filter((units) => units > 10);
  expect(line.calculation.steps).toEqual([
    {
      quantity: String(values.reduce((total, units) => total + Math.min(units, 10), 0)),
      unit_amount: '0.1',
      flat_amount: '0',
      amount: cents(values.reduce((total, units) => total + Math.min(units, 10), 0) / 10),
      tier_index: 0,
    },
    {
      quantity: String(over.reduce((total, units) => total + units - 10, 0)),
      unit_amount: '0.2',
      flat_amount: String(over.length / 2),
      amount: cents(over.reduce((total, units) => total + 0.5 + (units - 10) / 5, 0)),
      tier_index: 1,
    },
  ]);
  expect(line.calculation.usage).toMatchObject({ buckets_beside: { count: MINUTES } });
  expect(line.calculation.usage).not.toHaveProperty('buckets');
  const buckets = await allOf(`/v1/invoices/${id}/line_items/${line.id}/buckets`);
  expect(buckets.map(({ quantity }) => Number(quantity))).toEqual(values);

  // Anyone can repeat the sum: with the windows of the other line, too.
  const committed = invoice.line_items.find((each: { price_id: string }) => each.price_id !== plain);
  expect(committed.calculation.commitment).toMatchObject({ windows_beside: { count: MINUTES } });
  const windows = await allOf(`/v1/invoices/${id}/line_items/${committed.id}/windows`);
  const inWindow = values.reduce((total, units) => total + (costOf(units) > 5 ? 5 + (costOf(units) - 5) * 2 : 5), 0);
  expect(committed.amount).toBe(cents(inWindow));
  expect(cents(windows.reduce((total, { charge }) => total + Number(charge), 0))).toBe(committed.amount);
});

test('a computation that finds the same writes nothing, and one that finds another bucket writes its buckets anew', async () => {
  const id = await invoiceId();
  const before = await api.app.invoices.compute(api.ctx, id);
  expect((await api.app.invoices.compute(api.ctx, id)).version).toBe(before.version);
  const { tenantId, environmentId } = api.ctx;
  // The sums stay as they are: only two buckets change places.
  const swap = [
    { minute: 0, value: 1 },
    { minute: 1, value: -1 },
  ].map(({ minute, value }) => ({
    ...loggedEvent({
      id: `late_${minute}`,
      customer: 'minutely',
      name: 'used',
      at: DateTime.utc(2026, 3, 2, 0, minute, 30).toISO() as string,
      properties: { value },
    }),
    tenantId,
    environmentId,
  }));
  await createEventStore(api.app.clickhouse).insert(swap, 'test:late');
  await api.app.invoices.compute(api.ctx, id);
  const { line_items: lines } = await fitting('GET', `/v1/invoices/${id}`);
  const line = lines.find((each: { price_id: string }) => each.price_id === plain);
  const { items } = await fitting('GET', `/v1/invoices/${id}/line_items/${line.id}/buckets?limit=3`);
  expect(items.map(({ quantity }: { quantity: string }) => quantity)).toEqual(['2', '1', '3']);
});

test('lists show lines without calculations until they are asked for', async () => {
  const [bare, explained] = [
    await fitting('POST', '/v1/invoices/search', { subscription_id: subscription }),
    await fitting('POST', '/v1/invoices/search', { subscription_id: subscription, expand: 'line_items.calculation' }),
  ];
  const lines = (page: { items: { line_items: object[] }[] }) => page.items.flatMap((invoice) => invoice.line_items);
  expect(lines(bare).length).toBeGreaterThan(0);
  for (const line of lines(bare)) expect(line).not.toHaveProperty('calculation');
  for (const line of lines(explained)) expect(line).toHaveProperty('calculation');
});

test('a preview is as small', async () => {
  const preview = await fitting('POST', '/v1/invoices/preview', {
    subscription_id: subscription,
    period_start: '2026-03-02T00:00:00Z',
    period_end: '2026-03-09T00:00:00Z',
  });
  expect(preview.bytes).toBeLessThan(20_000);
  expect(preview.line_items).toHaveLength(2);
});

test('an invoice of 10,000 such lines fits everywhere, says what it leaves out, and can be read line by line', async () => {
  const id = await invoiceId();
  await api.app.invoices.finalize(api.ctx, id);
  await api.app.database.withTenant(api.ctx, async (tx) => {
    const columns = (
      await sql<{
        name: string;
      }>`select column_name as name from information_schema.columns where table_name = 'invoice_line_items'`.execute(tx)
    ).rows
      .map(({ name }) => name)
      .filter((name) => name !== 'id');
    const copied = sql.join(columns.map((name) => sql.ref(name)));
    await sql`insert into invoice_line_items (id, ${copied})
      select 'inv_line_copy_' || lpad(n::text, 6, '0'), ${copied} from invoice_line_items, generate_series(1, 9999) n
      where invoice_id = ${id} and price_id = ${plain}`.execute(tx);
  });
  const total = 10_001;
  const leftOut = ['line_items', 'line_items.calculation'];
  const one = await fitting('GET', `/v1/invoices/${id}`);
  expect([one.left_out, one.line_items]).toEqual([leftOut, undefined]);
  const { items } = await fitting('POST', '/v1/invoices/search', { subscription_id: subscription, expand: 'line_items.calculation' });
  expect(items.find((invoice: { id: string }) => invoice.id === id).left_out).toEqual(leftOut);
  const listed = await fitting('GET', `/v1/invoices?subscription_id=${subscription}`);
  expect(listed.items.find((invoice: { id: string }) => invoice.id === id).left_out).toEqual(['line_items']);
  expect((await fitting('GET', `/v1/subscriptions/${subscription}`)).latest_invoice.left_out).toEqual(leftOut);
  const page = await fitting('GET', `/v1/invoices/${id}/line_items?limit=500&offset=9500`);
  expect([page.items.length, page.pagination.total]).toEqual([500, total]);
  expect(page.items[0]).toHaveProperty('calculation.steps');

  const session = await api.request('GET', '/v1/customers/portal/minutely');
  const portal = await api.send('GET', `/v1/customer/portal/invoices/${id}`, undefined, { 'X-Session-Token': session.body.token });
  expect([portal.status, portal.body.left_out]).toEqual([200, leftOut]);
  expect(Buffer.byteLength(portal.text)).toBeLessThan(LAMBDA_BYTES);
});
