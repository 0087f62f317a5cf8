import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createIngestHandler } from '#functions/ingest/create-handler.ts';
import { createManagementHandler } from '#functions/management/create-handler.ts';
import { type Gateway, startGateway } from '#local/gateway.ts';
import { createOverflow } from '#platform/event-log/create-overflow.ts';
import type { Overflow } from '#platform/event-log/overflow.ts';
import { silentLogger } from '#platform/event-log/log.ts';
import { MAX_BODY_BYTES } from '#platform/http/body.ts';
import { startOverflowReplay } from '#workers/relay/overflow-replay.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { superuser } from '../support/engines.ts';
import { ensureTopics, loggedRecords, validEvent } from '../support/events.ts';

// Ingestion when the log does not take what it gets, and when a request is larger than is allowed.

const WAIT = { timeout: 20_000, interval: 20 };
let api: TestApi;
let database: pg.Client;
let overflow: Overflow;
let gateway: Gateway;

beforeAll(async () => {
  api = await startTestApi();
  await ensureTopics(api.app);
  database = new pg.Client(superuser(api.config.postgres.database));
  await database.connect();
  overflow = await createOverflow(api.config);
  gateway = await startGateway(
    { ingest: createIngestHandler(api.app), management: createManagementHandler(api.app) },
    { host: '127.0.0.1', port: 0 },
  );
});
beforeEach(() => database.query('truncate event_log.ingest_overflow'));
afterEach(() => database.query('grant insert on event_log.batches, event_log.ingest_overflow to flexprice_app'));
afterAll(async () => {
  await Promise.all([gateway.close(), overflow.close(), database.end()]);
  await api.close();
});

const refuse = (what: 'insert on event_log.batches' | 'insert on event_log.ingest_overflow') =>
  database.query(`revoke ${what} from flexprice_app`);
const waiting = async (): Promise<number> =>
  (await database.query<{ n: string }>('select coalesce(sum(record_count), 0) as n from event_log.ingest_overflow')).rows.map(({ n }) =>
    Number(n),
  )[0] ?? 0;

test('what the log refuses is laid aside, accepted, and replayed', async () => {
  const before = await loggedRecords(api.app);
  await refuse('insert on event_log.batches');
  const single = await api.request('POST', '/v1/events', validEvent({ event_id: 'aside-1' }));
  expect([single.status, single.body]).toEqual([202, { message: 'Event accepted for processing', event_id: 'aside-1' }]);
  const bulk = await api.request('POST', '/v1/events/bulk', {
    events: [validEvent({ event_id: 'aside-2' }), validEvent({ event_id: 'aside-3', external_customer_id: 'c2' })],
  });
  expect([bulk.status, bulk.body.event_ids]).toEqual([202, 'aside-2,aside-3']);
  expect(await loggedRecords(api.app)).toBe(before);
  // Without the log nothing is known of its partitions, so every customer's events are a record of their own.
  expect(await waiting()).toBe(3);

  const eventLog = await api.app.eventLog;
  const replay = startOverflowReplay({ overflow, eventLog, logger: silentLogger }, { pollMs: 20 });
  try {
    await database.query('grant insert on event_log.batches to flexprice_app');
    await expect.poll(waiting, WAIT).toBe(0);
  } finally {
    await replay.stop();
  }
  expect(await loggedRecords(api.app)).toBe(before + 3n);
});

test.each(['/v1/events', '/v1/events/bulk'])('%s answers 503 when neither the log nor the overflow takes the events', async (path) => {
  const before = await loggedRecords(api.app);
  await refuse('insert on event_log.batches');
  await refuse('insert on event_log.ingest_overflow');
  const { status, headers, body } = await api.request('POST', path, path.endsWith('bulk') ? { events: [validEvent()] } : validEvent());
  expect({ status, body }).toEqual({
    status: 503,
    body: {
      code: 'service_unavailable',
      message: 'event log is unavailable, try again',
      http_status_code: 503,
      details: { engine: 'event log' },
    },
  });
  expect(headers['Retry-After']).toBe('1');
  expect(await waiting()).toBe(0);
  expect(await loggedRecords(api.app)).toBe(before);
});

test('a refused request is refused whether or not the log is there', async () => {
  await refuse('insert on event_log.batches');
  expect((await api.request('POST', '/v1/events', validEvent({ properties: 'x' }))).status).toBe(400);
  expect(await waiting()).toBe(0);
});

async function post(path: string, body: Uint8Array<ArrayBuffer>): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(`http://127.0.0.1:${gateway.port}${path}`, {
    method: 'POST',
    headers: { 'x-api-key': api.key },
    body: new Blob([body]),
  });
  return { status: answer.status, body: await answer.json() };
}

/** A good request, padded with white space to a size. */
function padded(request: unknown, bytes: number): Uint8Array<ArrayBuffer> {
  const body = Buffer.alloc(bytes, ' ');
  body.write(JSON.stringify(request));
  return body;
}

test.each(['/v1/events', '/v1/events/bulk'])('%s takes a body of 32 MiB and refuses a larger one', async (path) => {
  const request = path.endsWith('bulk') ? { events: [validEvent()] } : validEvent();
  const before = await loggedRecords(api.app);
  for (const size of [MAX_BODY_BYTES + 1, 33 * 1024 * 1024]) {
    const { status, body } = await post(path, padded(request, size));
    expect({ status, body }).toMatchObject({
      status: 400,
      body: { code: 'validation_error', message: 'request body too large', details: { field: 'body' } },
    });
  }
  expect(await loggedRecords(api.app)).toBe(before);
  expect((await post(path, padded(request, MAX_BODY_BYTES))).status).toBe(202);
  expect(await loggedRecords(api.app)).toBe(before + 1n);
});

test('33 MiB of real events are refused', async () => {
  const events = Array.from({ length: 1000 }, () => validEvent({ properties: { text: 'x'.repeat(34_000) } }));
  const before = await loggedRecords(api.app);
  expect(await post('/v1/events/bulk', Buffer.from(JSON.stringify({ events })))).toMatchObject({
    status: 400,
    body: { message: 'request body too large' },
  });
  expect(await loggedRecords(api.app)).toBe(before);
});
