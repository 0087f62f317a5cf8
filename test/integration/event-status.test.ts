import { DateTime } from 'luxon';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLogger } from '#platform/event-log/log.ts';
import { CONTENT, HEADERS, TOPICS } from '#platform/event-log/topics.ts';
import { type RunningConsumer, startConsumer } from '#workers/consumer/run.ts';
import { startTestApi, type TestApi, type TestTenant } from '../support/api.ts';
import { ensureTopics, validEvent } from '../support/events.ts';

const NOW = DateTime.utc(2026, 11, 1, 12, 30);
const clock = { now: () => NOW };
const WAIT = { timeout: 30_000, interval: 50 };
const DAY = 'start_time=2026-11-01T00:00:00Z&end_time=2026-11-02T00:00:00Z';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ clock, clickhouse: true, env: { FLEXPRICE_CONSUMER_MAX_WAIT_MS: '20' } });
  await ensureTopics(api.app);
});
afterAll(() => api.close());

const lookup = (tenant: TestTenant, id: string) => tenant.request('GET', `/v1/events/lookup?id=${encodeURIComponent(id)}`);
const monitoring = async (tenant: TestTenant, query = DAY) => (await tenant.request('GET', `/v1/events/monitoring?${query}`)).body;
const consumed = async (work: () => Promise<unknown>): Promise<void> => {
  const consumer: RunningConsumer = await startConsumer({ app: api.app, logger: silentLogger });
  try {
    await work();
  } finally {
    await consumer.stop();
  }
};
const nothingWaits = async (tenant: TestTenant) => {
  await expect.poll(async () => (await monitoring(tenant)).counts.in_flight, WAIT).toBe(0);
};
const send = (tenant: TestTenant, id: string, more: object = {}) =>
  tenant.request('POST', '/v1/events', validEvent({ event_id: id, timestamp: NOW.toISO(), ...more }));
/** What no client can send: a record of the tenant's that is half rubbish. */
const appendRubbish = async (tenant: TestTenant, lines: readonly string[]) => {
  const headers = {
    [HEADERS.tenantId]: tenant.ctx.tenantId,
    [HEADERS.environmentId]: tenant.ctx.environmentId,
    [HEADERS.content]: CONTENT.eventPack,
    [HEADERS.count]: String(lines.length),
    [HEADERS.ingestedAt]: String(NOW.toISO()),
  };
  await (await api.app.eventLog).append(TOPICS.events, [{ key: 'rubbish', value: Buffer.from(lines.join('\n')), headers }]);
};

describe('an accepted event', () => {
  test('is accepted, then stored, with the copies that came of it; another tenant knows nothing of it', async () => {
    const tenant = await api.tenant('Status');
    expect((await lookup(tenant, 'st"1')).status).toBe(404);
    await send(tenant, 'st"1');
    expect(await lookup(tenant, 'st"1')).toMatchObject({
      status: 200,
      body: { status: 'processing', acceptance: { status: 'accepted', accepted_at: '2026-11-01T12:30:00Z' } },
    });
    expect((await lookup(tenant, 'st')).status).toBe(404);
    expect((await lookup(api, 'st"1')).status).toBe(404);
    await consumed(async () => {
      await expect.poll(async () => (await lookup(tenant, 'st"1')).body.status, WAIT).toBe('processed');
      // Of one customer, so that it comes behind the first; with a month between them.
      await send(tenant, 'st"1', { timestamp: '2026-10-01T00:00:00Z' });
      await expect.poll(async () => (await lookup(tenant, 'st"1')).body.acceptance.duplicates.length, WAIT).toBe(1);
    });
    const { body } = await lookup(tenant, 'st"1');
    expect(body.event.timestamp).toBe('2026-11-01T12:30:00Z');
    expect(body.acceptance).toEqual({
      status: 'stored',
      duplicates: [
        {
          accepted_at: '2026-11-01T12:30:00Z',
          position: expect.stringMatching(/^events:\d+:\d+:0$/) as unknown,
          external_customer_id: 'c1',
          event_name: 'call',
          timestamp: '2026-10-01T00:00:00Z',
        },
      ],
    });
  });

  test('that can never be stored says why', async () => {
    const tenant = await api.tenant('Rejected');
    await appendRubbish(tenant, [
      JSON.stringify({ id: 'rubbish-1', event_name: 'call', external_customer_id: 'c1', timestamp: 7, properties: '{}' }),
      'no json',
    ]);
    await consumed(async () => {
      await expect.poll(async () => (await lookup(tenant, 'rubbish-1')).body.status, WAIT).toBe('failed');
    });
    expect((await lookup(tenant, 'rubbish-1')).body.acceptance).toMatchObject({
      status: 'rejected',
      rejections: [
        {
          reason: 'invalid_event',
          detail: expect.stringContaining('timestamp') as unknown,
          position: expect.stringMatching(/:0$/) as unknown,
        },
      ],
    });
  });
});

describe('all that was accepted', () => {
  test('is stored, a duplicate, rejected or in flight, at every moment', async () => {
    const tenant = await api.tenant('Counts');
    const batch = (from: number, count: number) =>
      tenant.request('POST', '/v1/events/bulk', {
        events: Array.from({ length: count }, (_, index) =>
          validEvent({ event_id: `n-${from + index}`, external_customer_id: `c-${(from + index) % 7}`, timestamp: NOW.toISO() }),
        ),
      });
    await batch(0, 50);
    await batch(40, 50);
    await appendRubbish(tenant, ['no json', 'none either']);
    expect((await monitoring(tenant)).counts).toEqual({
      accepted: 102,
      stored: 0,
      duplicates: 0,
      rejected: 0,
      in_flight: 102,
      unaccounted: 0,
      complete: true,
    });
    await consumed(async () => {
      let seen = 0;
      // Whatever is stored meanwhile, the parts add up.
      await expect
        .poll(async () => {
          const { counts } = await monitoring(tenant);
          expect({ ...counts, sum: counts.stored + counts.duplicates + counts.rejected + counts.in_flight }).toMatchObject({
            accepted: 102,
            unaccounted: 0,
            sum: 102,
          });
          seen += 1;
          return counts.in_flight;
        }, WAIT)
        .toBe(0);
      expect(seen).toBeGreaterThan(0);
    });
    expect(await monitoring(tenant, `${DAY}&window_size=HOUR`)).toMatchObject({
      total_count: 90,
      consumption_lag: 0,
      post_processing_lag: 0,
      points: [{ timestamp: '2026-11-01T12:00:00Z', event_count: 90 }],
      counts: { accepted: 102, stored: 90, duplicates: 10, rejected: 2, in_flight: 0, unaccounted: 0, complete: true },
      streams: [
        { topic: 'events', group: 'event-store-events', lag_records: 0, in_flight: 0 },
        { topic: 'events_lazy', group: 'event-store-events_lazy', lag_records: 0, in_flight: 0 },
      ],
    });
    // The default is the last day; another range and another tenant have none of it.
    expect((await monitoring(tenant, '')).counts.accepted).toBe(102);
    expect((await monitoring(tenant, 'start_time=2026-11-02T00:00:00Z&end_time=2026-11-03T00:00:00Z')).counts.accepted).toBe(0);
    expect((await monitoring(await api.tenant('Nobody'))).counts).toMatchObject({ accepted: 0, in_flight: 0 });
  });

  test('is counted once, however often a batch is read', async () => {
    const tenant = await api.tenant('Again');
    await send(tenant, 'again-1');
    await consumed(() => nothingWaits(tenant));
    const { createEventConsumer } = await import('#ingestion/service/consume.ts');
    const [slice] = await (await api.app.eventLog)
      .read(TOPICS.events, { from: await partitionsFromTheStart(), limit: 1000 })
      .then((slices) => slices.filter(({ messages }) => messages.some(({ headers }) => headers[HEADERS.tenantId] === tenant.ctx.tenantId)));
    const messages = slice?.messages ?? [];
    const again = createEventConsumer({
      clickhouse: api.app.clickhouse,
      eventLog: await api.app.eventLog,
      enrich: async (events) => [...events],
      clock,
    });
    for (const part of [messages, messages.slice(-1)])
      await again.consume({ topic: TOPICS.events, partition: slice?.partition ?? 0, messages: part, heartbeat: async () => undefined });
    expect((await monitoring(tenant)).counts).toEqual({
      accepted: 1,
      stored: 1,
      duplicates: 0,
      rejected: 0,
      in_flight: 0,
      unaccounted: 0,
      complete: true,
    });
  });
});

async function partitionsFromTheStart() {
  return (await (await api.app.eventLog).offsets(TOPICS.events)).map(({ partition }) => ({ partition, offset: 0n }));
}

test('bad ranges are refused by name, and an unknown lag is an error', async () => {
  for (const [query, field] of [
    ['start_time=2026-11-01T00:00:00Z', 'end_time'],
    ['end_time=2026-11-01T00:00:00Z', 'start_time'],
    ['start_time=soon&end_time=2026-11-01T00:00:00Z', 'start_time'],
    ['start_time=2026-11-02T00:00:00Z&end_time=2026-11-01T00:00:00Z', 'end_time'],
    [`${DAY}&window_size=YEAR`, 'window_size'],
    ['start_time=2000-01-01T00:00:00Z&end_time=2026-11-01T00:00:00Z&window_size=MINUTE', 'window_size'],
  ] as const)
    expect(await api.request('GET', `/v1/events/monitoring?${query}`)).toMatchObject({ status: 400, body: { details: { field } } });
  const log = await api.app.eventLog;
  const { unavailable } = await import('#kernel/errors.ts');
  const real = log.lag;
  log.lag = async () => {
    throw unavailable('event log', new Error('away'));
  };
  try {
    expect((await api.request('GET', '/v1/events/monitoring')).status).toBe(503);
  } finally {
    log.lag = real;
  }
});
