import { DateTime } from 'luxon';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createEventStore } from '#ingestion/repository/event-store.ts';
import { topicSpecs } from '#platform/event-log/topics.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { amountsOf, makeLlmPlan } from '../support/billing-api.ts';
import { loggedEvent } from '../support/metering.ts';
import { describeWithTemporal } from '../support/real-engines.ts';
import { startSourceProcess } from '../support/source-process.ts';

const WAIT = { timeout: 60_000, interval: 100 };
const TEST_MS = 120_000;
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ clickhouse: true, env: { FLEXPRICE_DEPLOYMENT_MODE: 'worker', FLEXPRICE_BILLING_SWEEP_SECONDS: '1' } });
  await (await api.app.eventLog).ensureTopics(topicSpecs(api.config));
});
afterAll(() => api.close());

const made = async (method: string, path: string, body?: unknown) => {
  const answer = await api.request(method, path, body);
  expect([path, answer.status < 300 ? '' : answer.text]).toEqual([path, '']);
  return answer.body;
};
const invoicesOf = async (id: string) =>
  (
    await made('POST', '/v1/invoices/search', {
      subscription_id: id,
      sort: [
        { field: 'period_end', direction: 'asc' },
        { field: 'total', direction: 'asc' },
      ],
    })
  ).items;

/** The processes that bill, as they run in containers and in Local Mode. */
async function startWorkers(temporal: { address?: string } = {}): Promise<{ stop(): Promise<unknown> }> {
  const told = { ...api.config, temporal: { ...api.config.temporal, ...temporal } };
  const running = await Promise.all([startSourceProcess('relay', told), startSourceProcess('worker', told)]);
  return { stop: () => Promise.all(running.map((each) => each.stop())) };
}

/** Three closed months and the running one: the schedule finds the subscription, and each month gets its invoice, once. */
async function billsThreeMonths(): Promise<void> {
  const plan = await makeLlmPlan({ made });
  const { tenantId, environmentId } = api.ctx;
  const start = DateTime.utc().startOf('month').minus({ months: 3 });
  await createEventStore(api.app.clickhouse).insert(
    [0, 1, 2].flatMap((month) =>
      [1, 2].map((day) => ({
        ...loggedEvent({
          id: `${plan.externalId}_${month}_${day}`,
          at: start.plus({ months: month, days: day }).toISO() ?? '',
          customer: plan.externalId,
          name: 'input_tokens',
          properties: { value: 1_000_000 * (month + 1) },
        }),
        tenantId,
        environmentId,
      })),
    ),
    `test:${plan.externalId}`,
  );
  const { id } = await made('POST', '/v1/subscriptions', {
    customer_id: plan.customerId,
    plan_id: plan.planId,
    currency: 'usd',
    billing_period: 'MONTHLY',
    billing_cycle: 'calendar',
    start_date: start.toISO(),
  });
  const statuses = async () => (await invoicesOf(id)).map((invoice: { invoice_status: string }) => invoice.invoice_status);
  await expect.poll(statuses, WAIT).toEqual(['FINALIZED', 'FINALIZED', 'FINALIZED', 'FINALIZED']);
  const invoices = await invoicesOf(id);
  expect(
    invoices
      .slice(1)
      .map((invoice: object) => amountsOf(invoice).input_tokens)
      .sort(),
  ).toEqual(['12.00', '18.00', '6.00']);
  expect(await made('GET', `/v1/subscriptions/${id}`)).toMatchObject({
    current_period_start: `${start.plus({ months: 3 }).toISODate()}T00:00:00Z`,
    version: 4,
  });

  // A second subscription, whose invoices prove that later sweeps ran, leaves the first as it is.
  const later = await made('POST', '/v1/subscriptions', {
    customer_id: plan.customerId,
    plan_id: plan.planId,
    currency: 'usd',
    billing_period: 'MONTHLY',
    billing_cycle: 'calendar',
    start_date: start.plus({ months: 2 }).toISO(),
  });
  await expect
    .poll(async () => (await invoicesOf(later.id)).map((invoice: { invoice_status: string }) => invoice.invoice_status), WAIT)
    .toEqual(['FINALIZED', 'FINALIZED']);
  expect(await invoicesOf(id)).toEqual(invoices);
}

test(
  'the worker process bills what is due, with the driver in process',
  async () => {
    const worker = await startWorkers();
    await billsThreeMonths().finally(() => worker.stop());
  },
  TEST_MS,
);

describeWithTemporal('with Temporal', (temporal) => {
  test(
    'the same scenario, as workflows of a real server',
    async () => {
      const worker = await startWorkers({ address: temporal().address });
      await billsThreeMonths().finally(() => worker.stop());
    },
    TEST_MS,
  );
});
