import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type App, createApp } from '#app/create-app.ts';
import { fixedClock } from '#kernel/clock.ts';
import { silentLogger } from '#platform/event-log/log.ts';
import { type JobDriver, JobFailedError } from '#platform/workflows/job.ts';
import { createLocalJobDriver } from '#platform/workflows/local/driver.ts';
import { JOBS } from '#app/jobs.ts';
import { type BillingApi, codeAssist, type LlmPlan, makeLlmPlan, startBillingApi, utc } from '../support/billing-api.ts';
import { manyEvents } from '../support/event-list.ts';

// What the sweep found due must be done, or be found again: whatever the worker's clock says and whatever fails.
const NOW = utc('2026-03-01T00:00:00');
const DELAY_SECONDS = 900;
let api: BillingApi;
let plan: LlmPlan;
let worker: App;
const workerClock = fixedClock(NOW);
beforeAll(async () => {
  api = await startBillingApi(NOW, { FLEXPRICE_BILLING_FINALIZATION_DELAY_SECONDS: String(DELAY_SECONDS) });
  plan = await makeLlmPlan(api);
  worker = createApp(api.config, { clock: workerClock });
  vi.spyOn(worker.usage, 'meterUsages').mockImplementation((...asked) => api.app.usage.meterUsages(...asked));
});
beforeEach(() => {
  api.clock.set(NOW);
  workerClock.set(NOW);
  api.events = [];
  api.usageFailure = () => null;
});
afterAll(async () => {
  await worker.close();
  await api.close();
});

const subscribe = async (start: string): Promise<string> =>
  (
    await api.made('POST', '/v1/subscriptions', {
      customer_id: plan.customerId,
      plan_id: plan.planId,
      currency: 'usd',
      billing_period: 'MONTHLY',
      start_date: start,
    })
  ).id;
const cancel = (id: string) =>
  api.made('POST', `/v1/subscriptions/${id}/cancel`, { cancellation_type: 'immediate', cancel_immediately_inovice_policy: 'skip' });

/** The jobs that one sweep starts for an entity, as the relay hands them to the driver. */
async function startedFor(entityId: string): Promise<{ job: string; workflowId: string; input: unknown }[]> {
  await api.app.billingActivities.startBillingCycles({ after: null });
  await api.app.billingActivities.startStrandedDrafts({ after: null });
  const rows = await api.app.database.asSystem('test', (tx) =>
    tx.selectFrom('outbox').select(['id', 'payload']).where('eventName', '=', 'job.start').execute(),
  );
  await api.app.database.asSystem('test', (tx) =>
    tx
      .deleteFrom('outbox')
      .where('id', 'in', [...rows.map(({ id }) => id), ''])
      .execute(),
  );
  return rows
    .map(({ payload }) => ({ job: String(payload.job), workflowId: String(payload.workflow_id), input: payload.input }))
    .filter(({ workflowId }) => workflowId.includes(entityId));
}

async function withDriver<Result>(use: (driver: JobDriver) => Promise<Result>, onRetry: () => void = () => undefined): Promise<Result> {
  const driver = createLocalJobDriver({
    app: worker,
    database: api.app.database,
    clock: api.clock,
    logger: silentLogger,
    jobs: JOBS,
    pollMs: 20,
    retrySleep: () => {
      onRetry();
      return Promise.resolve();
    },
  });
  return use(driver).finally(() => driver.close());
}
const runAll = async (driver: JobDriver, entityId: string): Promise<unknown[]> => {
  const started = await startedFor(entityId);
  for (const { job, workflowId, input } of started) await driver.start(job, workflowId, input);
  return Promise.all(started.map(({ workflowId }) => driver.result(workflowId).catch((error: unknown) => error)));
};

test('a worker whose clock is behind waits for the period to be over, instead of using up the id of its job', async () => {
  const id = await subscribe('2026-02-01T00:00:00Z');
  workerClock.set(NOW.minus({ seconds: 2 }));
  const results = await withDriver(
    (driver) => runAll(driver, id),
    () => workerClock.set(NOW),
  );
  expect(results).toEqual([{ invoices: 1, unfinished: 0 }]);
  expect(await api.invoicesOf(id)).toHaveLength(2);
  await cancel(id);
});

test('when its clock stays behind the job fails, and the next sweep starts it again', async () => {
  const id = await subscribe('2026-02-01T00:00:00Z');
  workerClock.set(NOW.minus({ seconds: 2 }));
  await withDriver(async (driver) => {
    expect(await runAll(driver, id)).toEqual([expect.objectContaining({ name: JobFailedError.name, code: 'service_unavailable' })]);
    workerClock.set(NOW);
    expect(await runAll(driver, id)).toEqual([{ invoices: 1, unfinished: 0 }]);
  });
  expect(await api.invoicesOf(id)).toHaveLength(2);
  await cancel(id);
});

test('a draft that is not due yet by the clock of the worker is not left behind either', async () => {
  const id = await subscribe('2026-02-01T00:00:00Z');
  api.events = codeAssist(plan.externalId, '2026-02-28T00:00:00Z');
  await withDriver((driver) => runAll(driver, id));
  const [, draft] = await api.invoicesOf(id);
  expect(draft.invoice_status).toBe('DRAFT');
  api.clock.set(NOW.plus({ seconds: DELAY_SECONDS }));
  workerClock.set(NOW.plus({ seconds: DELAY_SECONDS - 2 }));
  await withDriver(
    (driver) => runAll(driver, draft.id),
    () => workerClock.set(NOW.plus({ seconds: DELAY_SECONDS })),
  );
  expect((await api.invoicesOf(id))[1]).toMatchObject({ id: draft.id, invoice_status: 'FINALIZED', total: '108.4' });
  await cancel(id);
});

test('an invoice that cannot be computed holds up no other period, is never billed as nothing, and says why', async () => {
  const id = await subscribe('2025-12-01T00:00:00Z');
  api.events = ['2025-12', '2026-01', '2026-02'].flatMap((month) => codeAssist(plan.externalId, `${month}-15T00:00:00Z`));
  api.usageFailure = (range) => (range.start?.toISODate() === '2025-12-01' ? new Error('a driver told a secret') : null);
  await withDriver(async (driver) => {
    expect(await runAll(driver, id)).toEqual([{ invoices: 3, unfinished: 1 }]);
    const closing = (await api.invoicesOf(id)).filter((invoice) => invoice.billing_reason === 'SUBSCRIPTION_CYCLE');
    expect(
      closing.map((invoice) => [invoice.period_start.slice(0, 7), invoice.invoice_status, invoice.total, invoice.computation.state]),
    ).toEqual([
      ['2025-12', 'DRAFT', '0', 'failed'],
      ['2026-01', 'DRAFT', '108.4', 'computed'],
      ['2026-02', 'DRAFT', '108.4', 'computed'],
    ]);
    const [failed] = closing;
    expect(failed).not.toHaveProperty('last_computed_at');
    expect(JSON.stringify(failed)).not.toContain('secret');

    // Tries come further and further apart, each as a job of its own that does not fail.
    const waits: number[] = [];
    for (let tries = 1; tries <= 4; tries += 1) {
      const { computation } = await api.made('GET', `/v1/invoices/${failed.id}`);
      const next = utc(computation.next_attempt_at.slice(0, -1));
      waits.push(next.diff(api.clock.now(), 'minutes').minutes);
      expect(await startedFor(failed.id)).toEqual([]);
      api.clock.set(next);
      workerClock.set(next);
      expect(await runAll(driver, failed.id)).toEqual([{ invoiceStatus: 'DRAFT', failure: 'failed' }]);
    }
    expect(waits).toEqual([1, 2, 4, 8]);

    const { computation } = await api.made('GET', `/v1/invoices/${failed.id}`);
    api.clock.set(utc(computation.next_attempt_at.slice(0, -1)));
    workerClock.set(api.clock.now());
    api.usageFailure = () => null;
    expect(await runAll(driver, failed.id)).toEqual([{ invoiceStatus: 'DRAFT', failure: null }]);
    expect(await api.made('GET', `/v1/invoices/${failed.id}`)).toMatchObject({ total: '108.4', computation: { state: 'computed' } });
  });
  await cancel(id);
});

test('usage that arrives after the first computation of an invoice without any is billed', async () => {
  const meterPlan = await api.made('POST', '/v1/plans', { name: 'Usage only' });
  const feature = await api.made('POST', '/v1/features', {
    name: 'calls',
    type: 'metered',
    meter: { name: 'calls', event_name: 'calls', aggregation: { type: 'COUNT' }, reset_usage: 'BILLING_PERIOD' },
  });
  await api.made('POST', '/v1/prices', {
    entity_type: 'PLAN',
    entity_id: meterPlan.id,
    type: 'USAGE',
    billing_model: 'FLAT_FEE',
    billing_period: 'MONTHLY',
    invoice_cadence: 'ARREAR',
    currency: 'usd',
    amount: '0.5',
    meter_id: feature.meter_id,
  });
  const { id } = await api.made('POST', '/v1/subscriptions', {
    customer_id: plan.customerId,
    plan_id: meterPlan.id,
    currency: 'usd',
    billing_period: 'MONTHLY',
    start_date: '2026-02-01T00:00:00Z',
  });
  const statusAndTotal = async () => {
    const invoice = (await api.invoicesOf(id)).find(({ billing_reason }) => billing_reason === 'SUBSCRIPTION_CYCLE');
    return [invoice.invoice_status, invoice.total];
  };
  await api.sweep();
  expect(await statusAndTotal()).toEqual(['DRAFT', '0']);
  const [{ id: draftId }] = (await api.invoicesOf(id)).filter(({ billing_reason }) => billing_reason === 'SUBSCRIPTION_CYCLE');
  expect(await api.request('POST', `/v1/invoices/${draftId}/finalize`)).toMatchObject({ status: 400, body: { code: 'invalid_operation' } });
  api.events = manyEvents(7, { name: 'calls', customer: plan.externalId, at: '2026-02-28T23:59:53Z' });
  api.clock.set(NOW.plus({ seconds: DELAY_SECONDS }));
  await api.sweep();
  expect(await statusAndTotal()).toEqual(['FINALIZED', '3.5']);
});
