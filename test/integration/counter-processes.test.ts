import { afterAll, beforeAll, expect, test } from 'vitest';
import { startConsumer } from '#workers/consumer/run.ts';
import { silentLogger } from '#platform/event-log/log.ts';
import { topicSpecs } from '#platform/event-log/topics.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { describeWithTemporal } from '../support/real-engines.ts';
import { startSourceProcess } from '../support/source-process.ts';

const WAIT = { timeout: 60_000, interval: 50 };
const TEST_MS = 120_000;
let api: TestApi;
let meterId: string;
beforeAll(async () => {
  api = await startTestApi({
    clickhouse: true,
    env: { FLEXPRICE_DEPLOYMENT_MODE: 'worker', FLEXPRICE_COUNTERS_RECONCILE_SECONDS: '1', FLEXPRICE_COUNTERS_STALE_SECONDS: '1' },
  });
  await (await api.app.eventLog).ensureTopics(topicSpecs(api.config));
  meterId = (
    await api.request('POST', '/v1/meters', {
      name: 'Calls',
      event_name: 'call',
      aggregation: { type: 'COUNT' },
      reset_usage: 'BILLING_PERIOD',
    })
  ).body.id;
});
afterAll(() => api.close());

/** The counter of this month, as a check reads it. */
async function count(externalCustomerId: string): Promise<string> {
  const meter = await api.app.meters.get(api.ctx, meterId);
  const start = api.app.clock.now().startOf('month');
  return (
    await api.app.counters.current(api.ctx, {
      externalCustomerId,
      meter,
      window: { start, end: start.plus({ months: 1 }) },
      timezone: 'UTC',
    })
  ).value.toFixed();
}
const send = async (customer: string, ids: readonly string[]) => {
  const { status } = await api.request('POST', '/v1/events/bulk', {
    events: ids.map((event_id) => ({ event_id, event_name: 'call', external_customer_id: customer, properties: {} })),
  });
  expect(status).toBe(202);
};
const spoil = (customer: string) =>
  api.app.database.withTenant(api.ctx, (tx) =>
    tx
      .updateTable('usageCounters')
      .set({ value: 99 as never })
      .where('externalCustomerId', '=', customer)
      .execute(),
  );

test(
  'the relay process keeps counters up to date with what the consumer stores',
  async () => {
    const consumer = await startConsumer({ app: api.app, logger: silentLogger });
    const relay = await startSourceProcess('relay', api.config);
    try {
      expect(await count('busy')).toBe('0');
      await send('busy', ['p1', 'p2', 'p1']);
      await expect.poll(() => count('busy'), WAIT).toBe('2');
      await send('busy', ['p2', 'p3']);
      await expect.poll(() => count('busy'), WAIT).toBe('3');
    } finally {
      await Promise.all([consumer.stop(), relay.stop()]);
    }
  },
  TEST_MS,
);

async function mendsDrift(customer: string, temporal: { address?: string } = {}): Promise<void> {
  await count(customer);
  await spoil(customer);
  const worker = await startSourceProcess('worker', { ...api.config, temporal: { ...api.config.temporal, ...temporal } });
  await expect
    .poll(() => count(customer), WAIT)
    .toBe('0')
    .finally(() => worker.stop());
}

test('the worker process mends drift, with the driver in process', () => mendsDrift('drifted'), TEST_MS);

describeWithTemporal('with Temporal', (temporal) => {
  test('the same, as workflows of a real server', () => mendsDrift('drifted with Temporal', { address: temporal().address }), TEST_MS);
});
