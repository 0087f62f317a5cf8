import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLogger } from '#platform/event-log/log.ts';
import { fromLogRecord } from '#platform/event-log/system-event.ts';
import { TOPICS } from '#platform/event-log/topics.ts';
import { startConsumer } from '#workers/consumer/run.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { ensureTopics } from '../support/events.ts';
import { describeWithTemporal } from '../support/real-engines.ts';
import { startSourceProcess } from '../support/source-process.ts';

// What follows from stored events, by the processes that do it.

const WAIT = { timeout: 60_000, interval: 100 };
const TEST_MS = 120_000;
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({
    clickhouse: true,
    env: { FLEXPRICE_WEBHOOKS_EVENT_REJECTED_ENABLED: 'true', FLEXPRICE_CONSUMER_MAX_WAIT_MS: '20' },
  });
  await ensureTopics(api.app);
  await api.app.eventLog;
});
afterAll(() => api.close());

/** Changes of a name that are published. */
async function published(eventName: string): Promise<ReturnType<typeof fromLogRecord>[]> {
  const log = await api.app.eventLog;
  const slices = await log.read(TOPICS.systemEvents, {
    from: (await log.offsets(TOPICS.systemEvents)).map(({ partition, earliest }) => ({ partition, offset: earliest })),
    limit: 10_000,
    maxBytes: 64 * 1024 * 1024,
  });
  return slices.flatMap(({ messages }) => messages.map(fromLogRecord)).filter((event) => event.eventName === eventName);
}

async function onboards(customer: string, temporal: { address?: string } = {}): Promise<void> {
  const config = { ...api.config, temporal: { ...api.config.temporal, ...temporal } };
  const plan = await api.request('POST', '/v1/plans', { name: customer, lookup_key: `plan of ${customer}` });
  await api.request('POST', '/v1/prices', {
    entity_type: 'PLAN',
    entity_id: plan.body.id,
    type: 'FIXED',
    billing_model: 'FLAT_FEE',
    billing_period: 'MONTHLY',
    billing_period_count: 1,
    invoice_cadence: 'ADVANCE',
    price_unit_type: 'FIAT',
    currency: 'usd',
    amount: '10',
  });
  const value = [
    { action: 'create_customer' },
    { action: 'create_subscription', plan_id: plan.body.id, currency: 'usd', billing_period: 'MONTHLY' },
  ];
  expect((await api.request('PUT', '/v1/settings/customer_onboarding', { value })).status).toBe(200);
  const consumer = await startConsumer({ app: api.app, logger: silentLogger });
  const processes = await Promise.all([startSourceProcess('relay', config), startSourceProcess('worker', config)]);
  try {
    const events = [1, 2, 3].map((index) => ({
      event_id: `${customer}-${index}`,
      event_name: `call of ${customer}`,
      external_customer_id: customer,
      properties: { n: index },
    }));
    expect((await api.request('POST', '/v1/events/bulk', { events })).status).toBe(202);
    const opening = async () =>
      (await api.request('POST', '/v1/invoices/search', { external_customer_id: customer })).body.items?.map(
        ({ total }: { total: string }) => total,
      );
    await expect
      .poll(async () => (await api.request('GET', `/v1/customers/external/${encodeURIComponent(customer)}`)).status, WAIT)
      .toBe(200);
    await expect
      .poll(
        async () =>
          (await api.request('GET', `/v1/subscriptions?external_customer_id=${encodeURIComponent(customer)}`)).body.items.map(
            ({ plan_id }: { plan_id: string }) => plan_id,
          ),
        WAIT,
      )
      .toEqual([plan.body.id]);
    expect(await opening()).toContain('10');
    const rejected = async () =>
      (await published('event.rejected'))
        .map(({ payload }) => payload as { reason: string; event: { external_customer_id: string; properties: object } })
        .filter(({ event }) => event.external_customer_id === customer);
    await expect
      .poll(rejected, WAIT)
      .toMatchObject([
        { reason: 'no_meter_for_event_name', event: { event_name: `call of ${customer}`, properties: { n: expect.any(Number) } } },
      ]);
  } finally {
    await Promise.all([consumer.stop(), ...processes.map((each) => each.stop())]);
  }
}

test('relay and worker onboard a customer and tell of its rejected event, with the driver in process', () => onboards('local'), TEST_MS);

describeWithTemporal('with Temporal', (temporal) => {
  test('the same, as workflows of a real server', () => onboards('temporal', { address: temporal().address }), TEST_MS);
});
