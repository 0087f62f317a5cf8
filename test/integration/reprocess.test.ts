import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LoggedEvent } from '#ingestion/domain/event.ts';
import type { ReprocessPosition } from '#ingestion/domain/reprocess.ts';
import { type ReprocessInput, runReprocess } from '#ingestion/jobs/reprocess-events.ts';
import { createEventStore } from '#ingestion/repository/event-store.ts';
import { createStoredPages } from '#ingestion/repository/stored-pages.ts';
import { ActivityFailedError, isContinueAs } from '#platform/workflows/job.ts';
import { TOPICS } from '#platform/event-log/topics.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { ensureTopics } from '../support/events.ts';
import { type EventSketch, loggedEvent } from '../support/metering.ts';
import { describeWithTemporal } from '../support/real-engines.ts';
import { startSourceProcess } from '../support/source-process.ts';

const WAIT = { timeout: 60_000, interval: 100 };
const TEST_MS = 120_000;
const PATH = '/v1/events/reprocess';
let api: TestApi;

beforeAll(async () => {
  api = await startTestApi({ clickhouse: true, env: { FLEXPRICE_DEPLOYMENT_MODE: 'worker' } });
  await ensureTopics(api.app);
});
afterAll(() => api.close());

const own = (sketch: EventSketch): LoggedEvent => ({
  ...loggedEvent(sketch),
  tenantId: api.ctx.tenantId,
  environmentId: api.ctx.environmentId,
});
const store = (sketches: readonly EventSketch[]) =>
  createEventStore(api.app.clickhouse).insert(sketches.map(own), `test:${sketches.map(({ id }) => id).join()}`);
const events = (prefix: string, count: number): EventSketch[] =>
  Array.from({ length: count }, (_, index) => ({
    id: `${prefix}-${index}`,
    at: `2026-02-${String(1 + (index % 20)).padStart(2, '0')}T00:00:00Z`,
    customer: `${prefix}-c${index % 3}`,
    name: index % 2 === 0 ? 'call' : 'token',
    properties: { v: index },
  }));
const start = async (body: object) => {
  const answer = await api.request('POST', PATH, { start_date: '2026-01-01T00:00:00Z', end_date: '2026-03-01T00:00:00Z', ...body });
  expect(answer).toMatchObject({
    status: 200,
    body: {
      message: expect.any(String),
      workflow_id: expect.stringMatching(/^reprocess-events-job_/),
      run_id: expect.stringMatching(/^job_/),
    },
  });
  return answer.body.workflow_id as string;
};
const statusOf = async (id: string) => (await api.request('GET', `${PATH}/${id}`)).body;

/** What post-processing got for customers of a prefix. */
async function summaries(prefix: string): Promise<{ stored: number; customers: string[] }> {
  const log = await api.app.eventLog;
  const slices = await log.read(TOPICS.eventsPostProcessing, {
    from: (await log.offsets(TOPICS.eventsPostProcessing)).map(({ partition, earliest }) => ({ partition, offset: earliest })),
    limit: 10_000,
    maxBytes: 64 * 1024 * 1024,
  });
  const said = slices
    .flatMap(({ messages }) =>
      messages.map(({ value }) => JSON.parse(value.toString()) as { stored: number; customers: { external_customer_id: string }[] }),
    )
    .filter(({ customers }) => customers.some(({ external_customer_id: id }) => id.startsWith(prefix)));
  return {
    stored: said.reduce((sum, each) => sum + each.stored, 0),
    customers: [...new Set(said.flatMap(({ customers }) => customers.map((each) => each.external_customer_id)))].sort(),
  };
}

async function sums(prefix: string): Promise<unknown[]> {
  return Promise.all(
    [0, 1, 2].flatMap((index) =>
      ['call', 'token'].map(
        async (name) =>
          (
            await api.request('POST', '/v1/events/usage', {
              event_name: name,
              external_customer_id: `${prefix}-c${index}`,
              aggregation_type: 'SUM',
              property_name: 'v',
              start_time: '2026-01-01T00:00:00Z',
              end_time: '2026-03-01T00:00:00Z',
            })
          ).body.value,
      ),
    ),
  );
}

/** The job with its rounds, as either driver runs them; `afterRound` may do what happens meanwhile. */
async function runHere(reprocessId: string, afterRound: (round: number) => Promise<void> = async () => {}): Promise<void> {
  let input: ReprocessInput = { tenantId: api.ctx.tenantId, environmentId: api.ctx.environmentId, reprocessId };
  for (let round = 1; ; round += 1) {
    const output = await runReprocess(api.app.ingestionActivities, input);
    if (!isContinueAs(output)) return;
    await afterRound(round);
    input = output.continueAs as ReprocessInput;
  }
}

async function scenario(prefix: string): Promise<void> {
  await store(events(prefix, 25));
  const before = await sums(prefix);
  const id = await start({ external_customer_ids: [0, 1, 2].map((index) => `${prefix}-c${index}`), batch_size: 4 });
  await expect.poll(async () => (await statusOf(id)).status, WAIT).toBe('completed');
  expect(await statusOf(id)).toMatchObject({
    workflow_id: id,
    processed: 25,
    total: 25,
    started_at: expect.any(String),
    finished_at: expect.any(String),
    last_position: { external_customer_id: `${prefix}-c2`, event_name: 'token' },
  });
  expect(await summaries(prefix)).toEqual({ stored: 25, customers: [0, 1, 2].map((index) => `${prefix}-c${index}`) });
  // Again: nothing is skipped, and no number changes.
  const second = await start({ external_customer_ids: [0, 1, 2].map((index) => `${prefix}-c${index}`), batch_size: 1000 });
  await expect.poll(async () => (await statusOf(second)).status, WAIT).toBe('completed');
  expect((await statusOf(second)).processed).toBe(25);
  expect((await summaries(prefix)).stored).toBe(50);
  expect(await sums(prefix)).toEqual(before);
}

async function withProcesses(temporal: { address?: string }, work: () => Promise<void>): Promise<void> {
  const told = { ...api.config, temporal: { ...api.config.temporal, ...temporal } };
  const running = await Promise.all([startSourceProcess('relay', told), startSourceProcess('worker', told)]);
  await work().finally(() => Promise.all(running.map((each) => each.stop())));
}

test(
  'a run takes every event of its selection once, page by page, and changes no number',
  () => withProcesses({}, () => scenario('local')),
  TEST_MS,
);

describeWithTemporal('with Temporal', (temporal) => {
  test(
    'the same, as workflows of a real server',
    () => withProcesses({ address: temporal().address }, () => scenario('temporal')),
    TEST_MS,
  );
});

describe('pages', () => {
  test('each event comes once, also while others arrive and are stored late', async () => {
    await store(events('arriving', 12));
    const selection = {
      externalCustomerIds: [],
      eventNames: [],
      eventIds: [],
      startDate: '2026-01-01T00:00:00Z',
      endDate: '2026-03-01T00:00:00Z',
      ingestedUntil: '2026-02-28T00:00:00Z',
    };
    const only = { ...selection, externalCustomerIds: [0, 1, 2, 3].map((index) => `arriving-c${index}`) };
    const pages = createStoredPages(api.app.clickhouse);
    const seen: string[] = [];
    for (let after: ReprocessPosition | null = null, size = 5; size === 5; ) {
      const page: LoggedEvent[] = await pages.page(api.ctx, only, after, 5);
      seen.push(...page.map(({ id }) => id));
      size = page.length;
      const last = page.at(-1);
      after =
        last === undefined
          ? after
          : { externalCustomerId: last.externalCustomerId, eventName: last.eventName, timestamp: last.timestamp, id: last.id };
      // Behind the place, before it, accepted too late, and one again.
      const at = '2026-02-10T00:00:00Z';
      await store([
        { id: `behind-${seen.length}`, at, customer: 'arriving-c0', name: 'aaa' },
        { id: `ahead-${seen.length}`, at, customer: 'arriving-c3', name: 'zzz' },
        { id: `late-${seen.length}`, at, customer: 'arriving-c3', name: 'zzz', ingestedAt: '2026-02-28T00:00:01Z' },
      ]);
      if (seen.length > 14) break;
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.filter((id) => id.startsWith('arriving'))).toHaveLength(12);
    expect(seen.some((id) => id.startsWith('ahead'))).toBe(true);
    expect(seen.filter((id) => /^(behind|late)/.test(id))).toEqual([]);
  });

  test('a page that is taken twice is counted once, and a run that was cut off goes on behind its last page', async () => {
    await store(events('cut', 10));
    const id = await start({ external_customer_ids: ['cut-c0', 'cut-c1', 'cut-c2'], batch_size: 3 });
    expect(await statusOf(id)).toMatchObject({ status: 'pending', processed: 0 });
    let rounds = 0;
    await runHere(id, async (round) => {
      rounds = round;
      const { processed, status, last_position: last } = await statusOf(id);
      expect({ processed, status }).toEqual({ processed: 3 * round, status: 'running' });
      // As after a crash behind the append: the same input once more.
      await api.app.ingestionActivities.reprocessPage({
        tenantId: api.ctx.tenantId,
        environmentId: api.ctx.environmentId,
        reprocessId: id,
        processed: 3 * round,
        after: {
          externalCustomerId: last.external_customer_id,
          eventName: last.event_name,
          timestamp: Date.parse(last.timestamp),
          id: last.event_id,
        },
      });
    });
    expect([rounds, await statusOf(id)]).toMatchObject([3, { status: 'completed', processed: 10, total: 10 }]);
  });

  test('names, ids and the range select; the end is not part of it', async () => {
    await store(events('chosen', 6));
    const processed = async (body: object) => {
      const id = await start({ external_customer_ids: ['chosen-c0', 'chosen-c1', 'chosen-c2'], ...body });
      await runHere(id);
      return (await statusOf(id)).processed;
    };
    expect(await processed({ event_names: ['token'] })).toBe(3);
    expect(await processed({ event_ids: ['chosen-1', 'chosen-2', 'nowhere'] })).toBe(2);
    expect(await processed({ start_date: '2026-02-02T00:00:00Z', end_date: '2026-02-04T00:00:00Z' })).toBe(2);
    expect(await processed({ external_customer_ids: ['chosen-none'] })).toBe(0);
  });

  test('a run whose page cannot be read says so, and why', async () => {
    const id = await start({});
    const failing = {
      ...api.app.ingestionActivities,
      reprocessPage: () =>
        Promise.reject(new ActivityFailedError('reprocessPage', 'service_unavailable', 'clickhouse is unavailable, try again')),
    };
    await expect(
      runReprocess(failing, { tenantId: api.ctx.tenantId, environmentId: api.ctx.environmentId, reprocessId: id }),
    ).rejects.toMatchObject({ code: 'service_unavailable' });
    expect(await statusOf(id)).toMatchObject({
      status: 'failed',
      failure_reason: 'clickhouse is unavailable, try again',
      finished_at: expect.any(String),
    });
  });
});

test('bad requests name the field, and roles decide', async () => {
  const good = { start_date: '2026-01-01T00:00:00Z' };
  for (const [body, field] of [
    [{}, 'start_date'],
    [{ start_date: 'yesterday' }, 'start_date'],
    [{ start_date: '2126-01-01T00:00:00Z' }, 'start_date'],
    [{ ...good, end_date: 'x' }, 'end_date'],
    [{ ...good, end_date: '2026-01-01T00:00:00Z' }, 'end_date'],
    [{ ...good, batch_size: 0 }, 'batch_size'],
    [{ ...good, batch_size: 1.5 }, 'batch_size'],
    [{ ...good, batch_size: 10_001 }, 'batch_size'],
    [{ ...good, event_names: 'call' }, 'event_names'],
    [{ ...good, external_customer_ids: [''] }, 'external_customer_ids[0]'],
    [{ ...good, event_ids: ['a', 3] }, 'event_ids[1]'],
  ] as const) {
    expect([body, (await api.request('POST', PATH, body)).body]).toMatchObject([body, { http_status_code: 400, details: { field } }]);
  }
  const as = async (role: string) => ({ 'x-api-key': await api.keyWith([role]) });
  expect((await api.send('POST', PATH, good, await as('event_reader'))).status).toBe(403);
  const id = await start({});
  expect((await api.send('GET', `${PATH}/${id}`, undefined, await as('event_reader'))).status).toBe(200);
  expect((await api.send('GET', `${PATH}/${id}`, undefined, await as('event_ingestor'))).status).toBe(403);
  // Repeated under one key, it is one run.
  const twice = await Promise.all([1, 2].map(() => api.request('POST', PATH, good, { 'idempotency-key': 'reprocess-once' })));
  expect(new Set(twice.filter(({ status }) => status === 200).map(({ body }) => body.workflow_id)).size).toBe(1);
});
