import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { fixedClock } from '#kernel/clock.ts';
import { createOverflow } from '#platform/event-log/create-overflow.ts';
import { silentLogger } from '#platform/event-log/log.ts';
import { startConsumer } from '#workers/consumer/run.ts';
import { startOverflowReplay } from '#workers/relay/overflow-replay.ts';
import pg from 'pg';
import { type Answer, startTestApi, type TestApi } from '../support/api.ts';
import { makeLlmPlan, sweep, utc } from '../support/billing-api.ts';
import { superuser } from '../support/engines.ts';
import { ensureTopics } from '../support/events.ts';

// An invoice is final when all that was accepted before is stored: nothing that was answered with 202 stays unbilled.

const WAIT = { timeout: 30_000, interval: 50 };
const clock = fixedClock(utc('2026-02-10T00:00:00'));
const running: (() => Promise<unknown>)[] = [];
let api: TestApi;
let database: pg.Client;
beforeAll(async () => {
  api = await startTestApi({
    clock,
    clickhouse: true,
    env: { FLEXPRICE_CONSUMER_MAX_WAIT_MS: '20', FLEXPRICE_BILLING_FINALIZATION_DELAY_SECONDS: '0' },
  });
  await ensureTopics(api.app);
  database = new pg.Client(superuser(api.config.postgres.database));
  await database.connect();
});
afterEach(async () => {
  for (const stop of running.splice(0).reverse()) await stop();
});
afterAll(async () => {
  await database.end();
  await api.close();
});

async function made(method: string, path: string, body?: unknown): Promise<Answer['body']> {
  const answer = await api.request(method, path, body);
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
  return answer.body;
}

let months = 0;
/** A subscription whose month, which is later in each test, is over since a second, with 7,000 requests of the month accepted half a minute before its end. */
async function monthIsOver(send: () => Promise<void> = async () => undefined) {
  const start = utc('2026-02-01T00:00:00').plus({ months });
  const end = start.plus({ months: 1 });
  months += 1;
  clock.set(start.plus({ days: 9 }));
  const { planId, customerId, externalId } = await makeLlmPlan({ made });
  const { id } = await made('POST', '/v1/subscriptions', {
    customer_id: customerId,
    plan_id: planId,
    currency: 'usd',
    billing_period: 'MONTHLY',
    billing_cycle: 'calendar',
    start_date: start.toISO(),
  });
  clock.set(end.minus({ seconds: 30 }));
  await send();
  for (let batch = 0; batch < 7; batch += 1)
    await made('POST', '/v1/events/bulk', {
      events: Array.from({ length: 1_000 }, () => ({ event_name: 'requests', external_customer_id: externalId })),
    });
  clock.set(end.plus({ seconds: 1 }));
  return { subscriptionId: id as string };
}
const lastInvoice = async (subscriptionId: string): Promise<Answer['body']> =>
  (
    await made('POST', '/v1/invoices/search', {
      subscription_id: subscriptionId,
      sort: [{ field: 'period_start', direction: 'desc' }],
      limit: 1,
    })
  ).items[0];
const consume = async (): Promise<void> => {
  const consumer = await startConsumer({ app: api.app, logger: silentLogger });
  running.push(() => consumer.stop());
};
/** As the schedule does: again and again, while time goes on. */
const later = async (subscriptionId: string): Promise<Answer['body']> => {
  clock.set(clock.now().plus({ seconds: 6 }));
  await sweep(api);
  return lastInvoice(subscriptionId);
};
/** The fee of the next month, and 2,000 requests beyond the 5,000 that are free. */
const TOTAL = '49.8';

describe('with the consumer stopped', () => {
  test('a draft whose time has come waits and says for what, a request to finalize it is told so, and it is final and exact afterwards', async () => {
    const { subscriptionId } = await monthIsOver();
    await sweep(api);
    const draft = await lastInvoice(subscriptionId);
    expect(draft).toMatchObject({ invoice_status: 'DRAFT', computation: { state: 'waiting' } });
    expect(draft.computation.reason).toMatch(
      /^usage that was accepted before 2026-03-01T00:00:01Z is still on its way: 7000 events in the event log$/,
    );
    const { version } = draft;
    const again = await later(subscriptionId);
    expect([again.invoice_status, again.computation.state, again.version]).toEqual(['DRAFT', 'waiting', version]);

    const refused = await api.request('POST', `/v1/invoices/${draft.id}/finalize`);
    expect([refused.status, refused.body.code, refused.headers['Retry-After']]).toEqual([400, 'invalid_operation', '10']);
    expect(refused.body.message).toMatch(/^usage that was accepted before 2026-03-01T00:00:00Z is still on its way: .*; try again$/);

    await consume();
    await expect.poll(async () => (await later(subscriptionId)).invoice_status, WAIT).toBe('FINALIZED');
    expect(await lastInvoice(subscriptionId)).toMatchObject({ id: draft.id, total: TOTAL, computation: { state: 'computed' } });
  });

  test('what another environment has under way keeps nobody waiting', async () => {
    await consume();
    const { subscriptionId } = await monthIsOver();
    const stranger = await api.tenant('Stranger');
    await expect.poll(async () => (await made('GET', '/v1/events/monitoring')).consumption_lag, WAIT).toBe(0);
    for (const stop of running.splice(0)) await stop();
    expect((await stranger.request('POST', '/v1/events', { event_name: 'requests', external_customer_id: 'theirs' })).status).toBe(202);
    await sweep(api);
    expect(await lastInvoice(subscriptionId)).toMatchObject({ invoice_status: 'FINALIZED', total: TOTAL });
    await consume();
    await expect.poll(async () => (await made('GET', '/v1/events/monitoring')).consumption_lag, WAIT).toBe(0);
  });

  test('an invoice without usage waits for nothing', async () => {
    const { subscriptionId } = await monthIsOver();
    const opening = (await made('POST', '/v1/invoices/search', { subscription_id: subscriptionId })).items;
    expect(opening.map(({ invoice_status }: Answer['body']) => invoice_status)).toEqual(['FINALIZED']);
    await consume();
    await expect.poll(async () => (await made('GET', '/v1/events/monitoring')).consumption_lag, WAIT).toBe(0);
  });
});

test('with the overflow in use, a draft waits until the log has taken what is in it', async () => {
  await consume();
  const { subscriptionId } = await monthIsOver(async () => {
    await database.query('revoke insert on event_log.batches from flexprice_app');
  });
  await sweep(api);
  const draft = await lastInvoice(subscriptionId);
  expect(draft).toMatchObject({
    invoice_status: 'DRAFT',
    computation: {
      state: 'waiting',
      reason: expect.stringMatching(/is still on its way: events in the overflow, which the event log has not taken yet$/),
    },
  });
  await database.query('grant insert on event_log.batches to flexprice_app');
  const overflow = await createOverflow(api.config);
  const replay = startOverflowReplay({ overflow, eventLog: await api.app.eventLog, logger: silentLogger }, { pollMs: 20 });
  running.push(async () => {
    await replay.stop();
    await overflow.close();
  });
  await expect.poll(async () => (await later(subscriptionId)).invoice_status, WAIT).toBe('FINALIZED');
  expect(await lastInvoice(subscriptionId)).toMatchObject({ id: draft.id, total: TOTAL });
});
