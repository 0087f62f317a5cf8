import { DateTime } from 'luxon';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fixedClock } from '#kernel/clock.ts';
import { silentLogger } from '#platform/event-log/log.ts';
import { startConsumer } from '#workers/consumer/run.ts';
import { type AnalyticsWorld, type MadeWorld, makeAnalyticsWorld } from '../support/analytics.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { sweep } from '../support/billing-api.ts';
import { ensureTopics } from '../support/events.ts';

// Why did this event cost something, and why did that one not? (metering.md 5.4)

const clock = fixedClock(DateTime.utc(2026, 1, 1));
const WAIT = { timeout: 30_000, interval: 50 };
let api: TestApi;
let consumer: Awaited<ReturnType<typeof startConsumer>>;
beforeAll(async () => {
  api = await startTestApi({
    clock,
    clickhouse: true,
    env: { FLEXPRICE_CONSUMER_MAX_WAIT_MS: '20', FLEXPRICE_BILLING_FINALIZATION_DELAY_SECONDS: '0' },
  });
  await ensureTopics(api.app);
  consumer = await startConsumer({ app: api.app, logger: silentLogger });
});
afterAll(async () => {
  await consumer?.stop();
  await api.close();
});

const SUM = { type: 'SUM', field: 'n' };
const world = (setup: Omit<AnalyticsWorld, 'events'>) => makeAnalyticsWorld(api, clock, { ...setup, events: [] });
let sent = 0;

/** The answer of the look-up once the event is stored. */
async function followed({ customer }: Pick<MadeWorld, 'customer'>, timestamp: string, properties: object = { n: 2 }, by = customer) {
  const id = `charged-${sent++}`;
  expect(
    (
      await api.request('POST', '/v1/events', {
        event_id: id,
        event_name: `${customer}.call`,
        external_customer_id: by,
        timestamp,
        properties,
      })
    ).status,
  ).toBe(202);
  await expect.poll(async () => (await api.request('GET', `/v1/events/lookup?id=${id}`)).body.status, WAIT).toBe('processed');
  return (await api.request('GET', `/v1/events/lookup?id=${id}`)).body;
}

test('who reads events only is shown how each stage ended, and not the customer, meters, prices and lines of it', async () => {
  const made = await world({ meters: { call: { aggregation: SUM, prices: [{ amount: '3' }] } } });
  const whole = await followed(made, '2026-01-10T00:00:00Z');
  const hidden = [
    made.meterIds[0],
    made.featureIds[0],
    made.subscriptionIds[0],
    ...whole.processed_events.map((event: { price_id: string }) => event.price_id),
  ];
  const reader = { 'x-api-key': await api.keyWith(['event_reader']) };
  for (const path of [`/v1/events/lookup?id=${whole.event.id}`, `/v1/events/${whole.event.id}`]) {
    const { status, body, text } = await api.send('GET', path, undefined, reader);
    expect([status, body.event, body.status, body.acceptance]).toEqual([200, whole.event, whole.status, whole.acceptance]);
    for (const id of hidden) {
      expect(JSON.stringify(whole)).toContain(id);
      expect(text).not.toContain(id);
    }
    const stages = (answer: typeof whole) =>
      Object.entries<{ status: string }>(answer.debug_tracker).map(([stage, { status }]) => [stage, status]);
    expect(stages(body)).toEqual(stages(whole));
    expect(body.debug_tracker.customer_lookup).toEqual({ status: 'found' });
  }
});

test('an event that is charged names the price, the line and the feature', async () => {
  const made = await world({ meters: { call: { aggregation: SUM, prices: [{ amount: '3' }] } } });
  const { body: subscription } = await api.request('GET', `/v1/subscriptions/${made.subscriptionIds[0]}`);
  const [line] = subscription.line_items;
  const found = await followed(made, '2026-01-10T00:00:00Z');
  expect(found.processed_events).toEqual([
    expect.objectContaining({
      meter_id: made.meterIds[0],
      feature_id: made.featureIds[0],
      subscription_id: subscription.id,
      sub_line_item_id: line.id,
      price_id: line.price_id,
      qty_total: '2',
    }),
  ]);
  expect(found.debug_tracker).toMatchObject({
    price_lookup: {
      status: 'found',
      matched_prices: [
        { price_id: line.price_id, meter_id: made.meterIds[0], status: 'published', price: { id: line.price_id, amount: '3' } },
      ],
    },
    subscription_line_item_lookup: {
      status: 'found',
      matched_line_items: [
        {
          sub_line_item_id: line.id,
          subscription_id: subscription.id,
          price_id: line.price_id,
          start_date: line.start_date,
          is_active_for_event: true,
          timestamp_within_range: true,
          subscription_line_item: { id: line.id },
        },
      ],
    },
    attributed_to_customer: { status: 'attributed' },
  });
  expect(found.debug_tracker.failure_point).toBeUndefined();
});

test('two subscriptions to one meter both charge', async () => {
  const made = await world({ meters: { call: { aggregation: SUM } }, subscriptions: [{}, {}] });
  const found = await followed(made, '2026-01-10T00:00:00Z');
  expect(found.processed_events.map((each: { subscription_id: string }) => each.subscription_id).sort()).toEqual(
    [...made.subscriptionIds].sort(),
  );
});

test('an event of a customer that inherits is charged by the parent, from when on it inherits', async () => {
  const made = await world({ meters: { call: { aggregation: SUM } }, children: [{ events: [] }] });
  const by = made.children[0] ?? '';
  const found = await followed(made, '2026-01-10T00:00:00Z', { n: 2 }, by);
  expect(found.processed_events).toEqual([
    expect.objectContaining({
      customer_id: found.debug_tracker.customer_lookup.customer.id,
      subscription_id: made.subscriptionIds[0],
      qty_total: '2',
    }),
  ]);
  expect(found.debug_tracker.customer_lookup.customer.external_id).toBe(by);
  expect((await followed(made, '2025-12-31T23:59:59.999Z', { n: 2 }, by)).debug_tracker.failure_point.failure_point_type).toBe(
    'subscription_line_item_lookup',
  );
});

test('without a price, without a subscription, outside of its time, and with a value that is none', async () => {
  const priceless = await world({ meters: { call: { aggregation: SUM, prices: [] } }, subscriptions: [] });
  expect((await followed(priceless, '2026-01-10T00:00:00Z')).debug_tracker).toMatchObject({
    price_lookup: { status: 'not_found' },
    subscription_line_item_lookup: { status: 'unprocessed' },
    attributed_to_customer: { status: 'attributed' },
    failure_point: { failure_point_type: 'price_lookup' },
  });

  const never = await world({ meters: { call: { aggregation: SUM } }, subscriptions: [] });
  const unsubscribed = await followed(never, '2026-01-10T00:00:00Z');
  expect(unsubscribed.processed_events).toEqual([expect.not.objectContaining({ subscription_id: expect.anything() as unknown })]);
  expect(unsubscribed.debug_tracker).toMatchObject({
    price_lookup: { status: 'found' },
    subscription_line_item_lookup: { status: 'not_found', matched_line_items: [] },
    failure_point: { failure_point_type: 'subscription_line_item_lookup' },
  });

  const cancelled = await world({ meters: { call: { aggregation: SUM } }, subscriptions: [{ cancelled: '2026-01-20T00:00:00Z' }] });
  expect((await followed(cancelled, '2026-01-19T23:59:59.999Z')).debug_tracker.subscription_line_item_lookup).toMatchObject({
    status: 'found',
    matched_line_items: [{ is_active_for_event: true }],
  });
  expect((await followed(cancelled, '2026-01-20T00:00:00Z')).debug_tracker).toMatchObject({
    subscription_line_item_lookup: { status: 'not_found', matched_line_items: [{ is_active_for_event: false }] },
    failure_point: { failure_point_type: 'subscription_line_item_lookup' },
  });
  expect((await followed(cancelled, '2025-12-31T23:59:59.999Z')).debug_tracker.subscription_line_item_lookup).toMatchObject({
    status: 'not_found',
    matched_line_items: [{ is_active_for_event: false, timestamp_within_range: false }],
  });

  // A price would not help.
  expect((await followed(priceless, '2026-01-10T00:00:00Z', { n: 'many' })).debug_tracker.failure_point.failure_point_type).toBe(
    'attributed_to_customer',
  );
});

test('an event that is accepted after its period was invoiced says so, and names the invoice that does not hold it', async () => {
  const made = await world({ meters: { call: { aggregation: SUM, prices: [{ amount: '3' }] } } });
  const before = clock.now();
  try {
    const inTime = await followed(made, '2026-01-10T00:00:00Z');
    expect(inTime.debug_tracker).not.toHaveProperty('failure_point');
    const { body: subscription } = await api.request('GET', `/v1/subscriptions/${made.subscriptionIds[0]}`);
    clock.set(DateTime.fromISO(subscription.current_period_end, { zone: 'utc' }).plus({ hours: 1 }));
    await sweep(api);
    const { items } = (
      await api.request('POST', '/v1/invoices/search', { subscription_id: subscription.id, invoice_status: ['FINALIZED'] })
    ).body;
    const invoice = items.find(({ total }: { total: string }) => total === '6');
    expect(invoice).toBeDefined();

    clock.set(clock.now().plus({ hours: 1 }));
    const late = await followed(made, '2026-01-20T00:00:00Z');
    expect(late.debug_tracker.failure_point).toEqual({
      failure_point_type: 'invoice',
      error: {
        code: 'invalid_operation',
        message: `the event was accepted at 2026-02-01T02:00:00Z, after its period was invoiced: invoice ${invoice.invoice_number} counted its usage at ${invoice.finalized_at}, is final since ${invoice.finalized_at} and does not hold it`,
      },
    });
    const [line] = late.debug_tracker.subscription_line_item_lookup.matched_line_items;
    expect(line.final_invoice).toEqual({
      invoice_id: invoice.id,
      invoice_number: invoice.invoice_number,
      finalized_at: invoice.finalized_at,
    });
    // The one that came in time is on it, and the next month's on none yet.
    expect((await api.request('GET', `/v1/events/lookup?id=${inTime.event.id}`)).body.debug_tracker).not.toHaveProperty('failure_point');
    expect((await followed(made, clock.now().toISO() ?? '')).debug_tracker).not.toHaveProperty('failure_point');
    // The end of the invoiced period is the first moment of the next one.
    const end = DateTime.fromISO(subscription.current_period_end, { zone: 'utc' });
    expect((await followed(made, end.toISO() ?? '')).debug_tracker).not.toHaveProperty('failure_point');
    expect((await followed(made, end.minus({ milliseconds: 1 }).toISO() ?? '')).debug_tracker.failure_point.failure_point_type).toBe(
      'invoice',
    );
  } finally {
    clock.set(before);
  }
});

test('an event that is accepted after its period was closed with nothing to bill says so', async () => {
  const made = await world({ meters: { call: { aggregation: SUM, prices: [{ amount: '3' }] } } });
  const before = clock.now();
  try {
    const { body: subscription } = await api.request('GET', `/v1/subscriptions/${made.subscriptionIds[0]}`);
    clock.set(DateTime.fromISO(subscription.current_period_end, { zone: 'utc' }).plus({ hours: 1 }));
    await sweep(api);
    const { items } = (await api.request('POST', '/v1/invoices/search', { subscription_id: subscription.id, invoice_status: ['SKIPPED'] }))
      .body;
    const skipped = items.find(({ billing_reason: reason }: { billing_reason: string }) => reason === 'SUBSCRIPTION_CYCLE');
    clock.set(clock.now().plus({ hours: 1 }));
    const late = await followed(made, '2026-01-20T00:00:00Z');
    expect(late.debug_tracker.failure_point).toEqual({
      failure_point_type: 'invoice',
      error: {
        code: 'invalid_operation',
        message: `the event was accepted at 2026-02-01T02:00:00Z, after its period was closed: invoice ${skipped.id} found nothing to bill at 2026-02-01T01:00:00Z and is SKIPPED`,
      },
    });
    expect(late.debug_tracker.subscription_line_item_lookup.matched_line_items[0]).not.toHaveProperty('final_invoice');
  } finally {
    clock.set(before);
  }
});
