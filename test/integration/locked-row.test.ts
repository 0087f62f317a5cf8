import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startTestApi, type TestApi } from '../support/api.ts';
import { superuser } from '../support/engines.ts';
import { validEvent } from '../support/events.ts';

// A pool of four, of which a row that somebody holds must not take all.
const POOL = 4;
let api: TestApi;
let holder: pg.Client;

beforeAll(async () => {
  api = await startTestApi({ env: { FLEXPRICE_POSTGRES_POOL_MAX: String(POOL), FLEXPRICE_POSTGRES_LOCK_TIMEOUT_MS: '1500' } });
  holder = new pg.Client(superuser(api.config.postgres.database));
  await holder.connect();
});
afterAll(async () => {
  await holder.end();
  await api.close();
});

test('callers who wait for a locked row are told to try again, and nobody else waits with them', async () => {
  const { id } = (await api.request('POST', '/v1/customers', { external_id: 'held', name: 'Held' })).body;
  await holder.query('begin');
  await holder.query('select id from customers where id = $1 for update', [id]);
  try {
    const waiting = Array.from({ length: 3 * POOL }, (_, index) => api.request('PUT', `/v1/customers/${id}`, { name: `Name ${index}` }));
    let open = true;
    const ended = Promise.all(waiting).finally(() => {
      open = false;
    });
    // As long as they wait, whoever wants something else gets it.
    let others = 0;
    while (open) {
      const created = await api.request('POST', '/v1/customers', { external_id: `other-${others}`, name: 'Other' });
      expect([created.status, (await api.request('GET', '/v1/plans?limit=1')).status]).toEqual([201, 200]);
      others += 1;
    }
    expect(others).toBeGreaterThan(5);
    for (const answer of await ended) {
      expect([answer.status, answer.body.code, answer.headers['Retry-After']]).toEqual([409, 'version_conflict', '1']);
    }
  } finally {
    await holder.query('rollback');
  }
  expect((await api.request('PUT', `/v1/customers/${id}`, { name: 'Free' })).status).toBe(200);
  expect((await api.request('GET', `/v1/customers/${id}`)).body.name).toBe('Free');
});

test('events that come at once wait for no turn, however slow the log is', async () => {
  const log = await api.app.eventLog;
  const append = vi.spyOn(log, 'append');
  const slow = Promise.withResolvers<void>();
  append.mockImplementation(() => slow.promise);
  const requests = Array.from({ length: 6 }, (_, index) =>
    api.request('POST', '/v1/events/bulk', { events: [validEvent({ event_id: `slow-${index}` })] }),
  );
  // Until all are under way, or the first one is turned away.
  const answered = Promise.race(requests).then(() => true);
  await expect.poll(async () => append.mock.calls.length === 6 || (await Promise.race([answered, false])), { timeout: 20_000 }).toBe(true);
  slow.resolve();
  expect((await Promise.all(requests)).map(({ status }) => status)).toEqual(requests.map(() => 202));
  append.mockRestore();
});
