import { DateTime } from 'luxon';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { fixedClock } from '#kernel/clock.ts';
import { silentLogger } from '#platform/event-log/log.ts';
import { type RunningConsumer, startConsumer } from '#workers/consumer/run.ts';
import { type Answer, startTestApi, type TestApi, type TestTenant } from '../support/api.ts';
import { ensureTopics } from '../support/events.ts';

const NOW = DateTime.utc(2026, 3, 15, 12);
const WAIT = { timeout: 20_000, interval: 50 };
const MARCH = { start_time: '2026-03-01T00:00:00Z', end_time: '2026-04-01T00:00:00Z' };
let api: TestApi;
let consumer: RunningConsumer;

beforeAll(async () => {
  api = await startTestApi({ clock: fixedClock(NOW), clickhouse: true, env: { FLEXPRICE_CONSUMER_MAX_WAIT_MS: '20' } });
  await ensureTopics(api.app);
  consumer = await startConsumer({ app: api.app, logger: silentLogger });
});
afterAll(async () => {
  await consumer.stop();
  await api.close();
});

interface Sent {
  readonly id: string;
  readonly at: string;
  readonly properties?: unknown;
  readonly name?: string;
  readonly source?: string;
}

/** Sends events of a customer and waits until all of them are stored. */
async function send(customer: string, events: readonly Sent[], tenant: TestTenant = api): Promise<void> {
  const { status, body } = await tenant.request('POST', '/v1/events/bulk', {
    events: events.map(({ id, at, properties, name, source }) => ({
      event_id: id,
      timestamp: at,
      external_customer_id: customer,
      event_name: name ?? 'call',
      properties: properties ?? {},
      source,
    })),
  });
  expect({ status, body }).toMatchObject({ status: 202 });
  const ids = new Set(events.map(({ id }) => id));
  await vi.waitFor(async () => {
    expect((await tenant.request('POST', '/v1/events/query', { external_customer_id: customer })).body.total_count).toBeGreaterThanOrEqual(
      ids.size,
    );
  }, WAIT);
}

const usage = (body: object): Promise<Answer> => api.request('POST', '/v1/events/usage', { event_name: 'call', ...MARCH, ...body });
const day = (date: number, hour = 0): string => `2026-03-${String(date).padStart(2, '0')}T${String(hour).padStart(2, '0')}:00:00Z`;

describe('usage by event name', () => {
  beforeAll(() =>
    send('usage', [
      { id: 'u1', at: day(2, 1), properties: { tokens: 10, model: 'a' } },
      { id: 'u2', at: day(2, 2), properties: { tokens: '0.1', model: 'b' } },
      { id: 'u3', at: day(3, 1), properties: { tokens: 0.2, model: 'a' } },
      { id: 'u4', at: day(3, 2), properties: { tokens: 'many', model: 'a' } },
    ]),
  );

  test('an exact JSON number, with the acceptance time up to which it is complete', async () => {
    const answer = await usage({ external_customer_id: 'usage', aggregation_type: 'SUM', property_name: 'tokens' });
    expect(answer.text).toBe('{"event_name":"call","type":"SUM","results":[],"value":10.3}');
    expect(answer.headers['X-Usage-Watermark']).toBe('2026-03-15T12:00:00Z');
  });

  test('points of windows, the total over the range, filters, no property', async () => {
    const scope = { external_customer_id: 'usage', property_name: 'tokens' };
    expect((await usage({ ...scope, aggregation_type: 'AVG', window_size: 'DAY' })).body).toEqual({
      event_name: 'call',
      type: 'AVG',
      value: 3.433333333333333,
      results: [
        { window_size: '2026-03-02T00:00:00Z', value: 5.05 },
        { window_size: '2026-03-03T00:00:00Z', value: 0.2 },
      ],
    });
    expect(
      (await usage({ ...scope, aggregation_type: 'SUM', window_size: 'DAY', timezone: 'Asia/Kolkata' })).body.results.map(
        (point: { window_size: string }) => point.window_size,
      ),
    ).toEqual(['2026-03-01T18:30:00Z', '2026-03-02T18:30:00Z']);
    expect((await usage({ ...scope, aggregation_type: 'SUM', filters: { model: ['a'] } })).body.value).toBe(10.2);
    expect((await usage({ external_customer_id: 'usage', aggregation_type: 'SUM' })).body).toMatchObject({ type: 'COUNT', value: 4 });
    expect((await usage({ ...scope, aggregation_type: 'SUM', group_by: ['model'] })).body.results).toEqual([
      { group: 'a', value: 10.2 },
      { group: 'b', value: 0.1 },
    ]);
    expect((await usage({ external_customer_id: 'nobody', aggregation_type: 'COUNT' })).body).toEqual({
      event_name: 'call',
      type: 'COUNT',
      results: [],
      value: 0,
    });
  });

  test.each([
    [{ aggregation_type: 'MEDIAN' }, 'aggregation_type'],
    [{ aggregation_type: 'COUNT', window_size: 'YEAR' }, 'window_size'],
    [{ aggregation_type: 'COUNT', window_size: 'DAY', timezone: 'Mars/Olympus' }, 'timezone'],
    [{ aggregation_type: 'COUNT', timezone: "UTC'" }, 'timezone'],
    [{ aggregation_type: 'COUNT', start_time: day(3), end_time: day(2) }, 'end_time'],
    [{ aggregation_type: 'COUNT', start_time: '2026-03-01' }, 'start_time'],
    [{ aggregation_type: 'AVG', property_name: 'tokens', bucket_size: 'HOUR' }, 'bucket_size'],
    [{ aggregation_type: 'COUNT', start_time: '2000-01-01T00:00:00Z', window_size: 'MINUTE' }, 'window_size'],
    [{ aggregation_type: 'COUNT', event_name: '' }, 'event_name'],
  ])('%j is refused', async (body, field) => {
    const answer = await usage(body);
    expect([answer.status, answer.body.code, answer.body.details.field]).toEqual([400, 'validation_error', field]);
  });

  test.each(["'; DROP TABLE events; --", '\\', "a' OR '1'='1", '{p0:String}', '%', '\u0000', 'ключ', '"', '`x`'])(
    'property names and values never become SQL: %j',
    async (hostile) => {
      const answer = await usage({
        external_customer_id: 'usage',
        aggregation_type: 'SUM',
        property_name: hostile,
        filters: { [hostile.replace('\u0000', '')]: [hostile.replace('\u0000', '')] },
      });
      expect([answer.status === 200 ? answer.body.results : 'refused', answer.status < 500]).toEqual([
        hostile.includes('\u0000') ? 'refused' : [],
        true,
      ]);
      expect((await usage({ external_customer_id: 'usage', aggregation_type: 'COUNT' })).body.value).toBe(4);
    },
  );
});

describe('meters', () => {
  const definition = {
    name: 'Tokens',
    event_name: 'call',
    aggregation: { type: 'SUM', field: 'tokens' },
    filters: [{ key: 'model', values: ['a'] }],
    reset_usage: 'BILLING_PERIOD',
  };
  const create = (body: object): Promise<Answer> => api.request('POST', '/v1/meters', body);

  test("a meter counts events that came before it, by its own filters and the caller's", async () => {
    await send('metered', [
      { id: 'm1', at: day(2), properties: { tokens: 5, model: 'a', region: 'eu' } },
      { id: 'm2', at: day(3), properties: { tokens: 7, model: 'a', region: 'us' } },
      { id: 'm3', at: day(4), properties: { tokens: 100, model: 'b', region: 'eu' } },
    ]);
    const meter = await create(definition);
    expect(meter.status).toBe(201);
    expect(meter.body).toMatchObject({ ...definition, status: 'published', id: expect.stringMatching(/^meter_/) });
    const of = async (more: object = {}): Promise<unknown> =>
      (await api.request('POST', '/v1/events/usage/meter', { meter_id: meter.body.id, external_customer_id: 'metered', ...MARCH, ...more }))
        .body.value;
    expect(await of()).toBe(12);
    expect(await of({ filters: { region: ['eu'] } })).toBe(5);
    expect(await of({ end_time: day(3) })).toBe(5);

    const union = await api.request('PUT', `/v1/meters/${meter.body.id}`, { filters: [{ key: 'model', values: ['b'] }] });
    expect(union.body.filters).toEqual([{ key: 'model', values: ['a', 'b'] }]);
    expect(await of()).toBe(112);

    expect((await api.request('POST', `/v1/meters/${meter.body.id}/disable`)).status).toBe(200);
    expect((await api.request('GET', `/v1/meters/${meter.body.id}`)).body.status).toBe('archived');
    expect(await of()).toBe(112);
    expect((await api.request('DELETE', `/v1/meters/${meter.body.id}`)).status).toBe(200);
    expect((await api.request('GET', `/v1/meters/${meter.body.id}`)).status).toBe(404);
    expect((await api.request('POST', '/v1/events/usage/meter', { meter_id: meter.body.id })).status).toBe(404);
  });

  test.each([
    [{ aggregation: { type: 'SUM' } }, 'aggregation.field'],
    [{ aggregation: { type: 'SUM_WITH_MULTIPLIER', field: 'x' } }, 'aggregation.multiplier'],
    [{ aggregation: { type: 'SUM_WITH_MULTIPLIER', field: 'x', multiplier: '0' } }, 'aggregation.multiplier'],
    [{ aggregation: { type: 'SUM', field: 'x', multiplier: '2' } }, 'aggregation.multiplier'],
    [{ aggregation: { type: 'AVG', field: 'x', bucket_size: 'HOUR' } }, 'aggregation.bucket_size'],
    [{ aggregation: { type: 'MAX', field: 'x', group_by: 'y' } }, 'aggregation.group_by'],
    [{ aggregation: { type: 'SUM', field: 'x', expression: 'x * 2' } }, 'aggregation.expression'],
    [{ aggregation: { type: 'MEDIAN' } }, 'aggregation.type'],
    [{ filters: [{ key: 'a', values: [] }] }, 'filters[0].values'],
    [{ filters: [{ key: '', values: ['x'] }] }, 'filters[0].key'],
    [{ event_name: ' ' }, 'event_name'],
    [{ reset_usage: 'DAILY' }, 'reset_usage'],
  ])('%j is refused', async (change, field) => {
    const answer = await create({ ...definition, ...change });
    expect([answer.status, answer.body.details.field]).toEqual([400, field]);
  });

  test('another tenant has none of it', async () => {
    const meter = await create(definition);
    const other = await api.tenant('Other tenant');
    await send('metered', [{ id: 'm1', at: day(5), properties: { tokens: 1000, model: 'a' } }], other);
    expect((await other.request('GET', `/v1/meters/${meter.body.id}`)).status).toBe(404);
    expect((await other.request('GET', '/v1/meters')).body.items).toEqual([]);
    expect((await other.request('GET', '/v1/events/lookup?id=m2')).status).toBe(404);
    expect((await other.request('POST', '/v1/events/usage', { event_name: 'call', aggregation_type: 'COUNT', ...MARCH })).body.value).toBe(
      1,
    );
    expect(
      (await api.request('POST', '/v1/events/usage/meter', { meter_id: meter.body.id, external_customer_id: 'metered', ...MARCH })).body
        .value,
    ).toBe(12);
  });
});

describe('events', () => {
  beforeAll(() =>
    send(
      'listed',
      Array.from({ length: 7 }, (_, index) => ({
        id: `l${index}`,
        at: day(1 + Math.floor(index / 2)),
        name: index === 6 ? 'other' : 'call',
        source: index % 2 === 0 ? 'even' : 'odd',
        properties: { n: index, long: '12345678901234567890' },
      })),
    ),
  );

  const query = async (body: object): Promise<Answer['body']> =>
    (await api.request('POST', '/v1/events/query', { external_customer_id: 'listed', ...body })).body;
  const ids = (page: { events: { id: string }[] }): string[] => page.events.map(({ id }) => id);

  test('pages newest first, in both directions, each event once', async () => {
    const first = await query({ page_size: 3 });
    expect([ids(first), first.has_more, first.total_count]).toEqual([['l6', 'l5', 'l4'], true, 7]);
    const second = await query({ page_size: 3, iter_last_key: first.iter_last_key });
    const third = await query({ page_size: 3, iter_last_key: second.iter_last_key });
    expect([ids(second), ids(third), third.has_more]).toEqual([['l3', 'l2', 'l1'], ['l0'], false]);
    expect(ids(await query({ page_size: 3, iter_first_key: third.iter_first_key }))).toEqual(['l3', 'l2', 'l1']);
    expect(ids(await query({ page_size: 3, order: 'asc' }))).toEqual(['l0', 'l1', 'l2']);
    expect(first.events[0]).toEqual({
      id: 'l6',
      external_customer_id: 'listed',
      customer_id: '',
      event_name: 'other',
      timestamp: day(4),
      source: 'even',
      environment_id: api.ctx.environmentId,
      properties: { n: 6, long: '12345678901234567890' },
    });
  });

  test('filters, an inclusive end, one id, GET', async () => {
    expect(ids(await query({ start_time: day(2), end_time: day(3) }))).toEqual(['l5', 'l4', 'l3', 'l2']);
    expect(ids(await query({ event_name: 'other' }))).toEqual(['l6']);
    expect(ids(await query({ source: 'odd' }))).toEqual(['l5', 'l3', 'l1']);
    expect(ids(await query({ property_filters: { n: ['1', '2'] } }))).toEqual(['l2', 'l1']);
    expect(ids(await query({ event_id: 'l3' }))).toEqual(['l3']);
    expect(ids(await query({ event_id: 'nothing' }))).toEqual([]);
    expect(
      ids(
        (
          await api.request(
            'GET',
            '/v1/events?external_customer_id=listed&property_filters=n%3A1%2C2%3Blong%3A12345678901234567890&page_size=100',
          )
        ).body,
      ),
    ).toEqual(['l2', 'l1']);
    expect((await api.request('POST', '/v1/events/query', { iter_last_key: 'nonsense' })).body.details.field).toBe('iter_last_key');
  });

  test('a look-up follows an event to its customer and meters', async () => {
    const { body: customer } = await api.request('POST', '/v1/customers', { external_id: 'traced', name: 'Traced' });
    const { body: meter } = await api.request('POST', '/v1/meters', {
      name: 'N',
      event_name: 'trace',
      aggregation: { type: 'SUM', field: 'n' },
      reset_usage: 'BILLING_PERIOD',
    });
    await send('traced', [
      { id: 't1', at: day(1), name: 'trace', properties: { n: 2.5 } },
      { id: 't2', at: day(1), name: 'trace', properties: { n: true } },
      { id: 't3', at: day(1), name: 'unmetered' },
    ]);
    const found = (await api.request('GET', '/v1/events/lookup?id=t1')).body;
    expect(found).toMatchObject({
      status: 'processed',
      event: { id: 't1', customer_id: customer.id, properties: { n: 2.5 } },
      processed_events: [{ meter_id: meter.id, customer_id: customer.id, qty_total: '2.5' }],
      debug_tracker: {
        customer_lookup: { status: 'found' },
        meter_matching: { status: 'found', matched_meters: [{ meter_id: meter.id }] },
        attributed_to_customer: { status: 'attributed' },
      },
    });
    expect((await api.request('GET', '/v1/events/t1')).body).toEqual(found);
    expect((await api.request('GET', '/v1/events/t2')).body).toMatchObject({
      processed_events: [],
      debug_tracker: { failure_point: { failure_point_type: 'attributed_to_customer' } },
    });
    expect((await api.request('GET', '/v1/events/t3')).body).toMatchObject({
      debug_tracker: { meter_matching: { status: 'not_found' }, failure_point: { failure_point_type: 'meter_lookup' } },
    });
    expect((await api.request('GET', '/v1/events/l1')).body.debug_tracker).toMatchObject({
      customer_lookup: { status: 'not_found' },
      failure_point: { failure_point_type: 'customer_lookup' },
    });
    expect((await api.request('GET', '/v1/events/unknown')).status).toBe(404);
  });

  test('the same events sent again change nothing', async () => {
    const events = Array.from({ length: 7 }, (_, index) => ({ id: `l${index}`, at: day(20 + index, 3), properties: { n: 1 } }));
    await send(
      'listed',
      events.map((event) => ({ ...event, at: day(10) })),
    );
    await send('listed', [{ id: 'l-after', at: day(11) }]);
    await vi.waitFor(async () => expect((await query({})).total_count).toBe(8), WAIT);
    expect(ids(await query({ start_time: day(5) }))).toEqual(['l-after']);
  });
});

test('events that wait in the log while no consumer runs are stored once by the next one', async () => {
  await consumer.stop();
  const events = Array.from({ length: 20 }, (_, index) => ({
    event_id: `w${index % 15}`,
    timestamp: day(1 + (index % 14)),
    external_customer_id: `waiting-${index % 3}`,
    event_name: 'wait',
  }));
  expect((await api.request('POST', '/v1/events/bulk', { events })).status).toBe(202);
  consumer = await startConsumer({ app: api.app, logger: silentLogger });
  const second = await startConsumer({ app: api.app, logger: silentLogger });
  const count = async (): Promise<unknown> =>
    (await api.request('POST', '/v1/events/usage', { event_name: 'wait', aggregation_type: 'COUNT', ...MARCH })).body.value;
  await vi.waitFor(async () => expect(await count()).toBe(15), WAIT);
  expect((await api.request('POST', '/v1/events/bulk', { events })).status).toBe(202);
  await send('waiting-0', [{ id: 'w-last', at: day(2), name: 'wait' }]);
  await vi.waitFor(async () => expect((await api.request('GET', '/v1/events/w-last')).body).toMatchObject({ status: 'processed' }), WAIT);
  await second.stop();
  expect(await count()).toBe(16);
});
