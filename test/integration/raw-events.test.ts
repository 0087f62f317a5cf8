import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { RawEvent } from '#ingestion/domain/raw-transform.ts';
import type { Answer } from '../support/api.ts';
import { cases } from '../support/conformance.ts';
import { loggedRecords } from '../support/events.ts';
import { type MeteringApi, startMeteringApi } from '../support/metering-api.ts';

// Raw items all the way: accepted, made into events, stored and counted; and what becomes of those that make no event.

const WAIT = { timeout: 20_000, interval: 50 };
const MARCH = { start_time: '2026-03-01T00:00:00Z', end_time: '2026-04-01T00:00:00Z' };
type Item = Readonly<Record<string, unknown>>;
let api: MeteringApi;

beforeAll(async () => {
  api = await startMeteringApi();
});
afterAll(() => api.close());

const send = (events: unknown): Promise<Answer> => api.request('POST', '/v1/events/raw/bulk', { events });
const raw = (more: object = {}): Item => ({
  id: 'raw',
  orgId: 'org',
  methodName: 'chat',
  providerName: 'p',
  createdAt: '2026-03-10T00:00:00Z',
  ...more,
});
const lookup = async (id: string): Promise<Answer['body']> =>
  (await api.request('GET', `/v1/events/lookup?id=${encodeURIComponent(id)}`)).body;

/** Sends items and waits until an event that came with them is stored. Those of the same customer are stored with it. */
async function stored(items: readonly Item[], id: string): Promise<void> {
  const { status, body } = await send(items);
  expect([status, body]).toMatchObject([202, { message: 'Raw events accepted for processing', batch_size: items.length }]);
  expect(body.accepted + body.dropped).toBe(items.length);
  await vi.waitFor(async () => expect((await lookup(id)).status).toBe('processed'), WAIT);
}

test('each item is stored as the event that it stands for', async () => {
  const examples = cases<Item, RawEvent>('raw-events.json', 'events');
  await stored(
    examples.map(({ given }) => given),
    examples.at(-1)?.expected.event_id ?? '',
  );
  for (const {
    expected: { event_id, ...expected },
  } of examples) {
    expect((await lookup(event_id)).event).toMatchObject({ source: '', ...expected, id: event_id });
  }
});

test.each(cases<{ event_name: string; property_name: string; items: Item[] }, string>('raw-events.json', 'usage'))(
  '$id: usage of the events',
  async ({ given: { items, ...query }, expected }) => {
    await stored(items, String(items.at(-1)?.id));
    const usage = (): Promise<Answer> => api.request('POST', '/v1/events/usage', { ...query, ...MARCH, aggregation_type: 'SUM' });
    await vi.waitFor(async () => expect((await usage()).text).toContain(`"value":${expected}}`), WAIT);
  },
);

describe('what makes no event', () => {
  const dropped = cases<Item, string>('raw-events.json', 'dropped').map(({ given }) => given);

  test('is dropped, and the rest of its batch counts', async () => {
    const late = raw({ id: 'late', createdAt: '2026-03-16T12:00:00.001Z' });
    const none = [
      late,
      raw({ id: 'old', createdAt: '1999-01-01T00:00:00Z' }),
      raw({ id: 'no-time', createdAt: 'yesterday' }),
      raw({ id: 'x'.repeat(513) }),
      raw({ id: 'nul', orgId: 'a\u0000' }),
      raw({ id: 'large', data: { text: 'x'.repeat(64 * 1024) } }),
      raw({ id: 'wide', data: Object.fromEntries(Array.from({ length: 257 }, (_, index) => [`k${index}`, index])) }),
    ];
    await stored([...dropped, ...none, raw({ id: 'kept' })], 'kept');
    const reasonOf = async (id: string): Promise<unknown> => {
      const { status, acceptance } = await lookup(id);
      return [status, acceptance.status, acceptance.rejections.map(({ reason, detail }: Record<string, string>) => `${reason}: ${detail}`)];
    };
    for (const [id, detail] of [
      ['late', 'timestamp: must not be more than 24 hours in the future'],
      ['old', 'timestamp: must not be before the year 2000'],
      ['no-time', 'timestamp: must be an RFC 3339 time such as 2026-01-31T00:00:00Z'],
      ['nul', 'external_customer_id: must not contain NUL'],
      ['large', 'properties: must not be larger than 65536 bytes'],
      ['wide', 'data: must not have more than 256 keys'],
    ])
      expect([id, await reasonOf(id ?? '')]).toEqual([id, ['failed', 'rejected', [`unusable_item: ${detail}`]]]);
  });

  test('is told to its sender, item by item, and accounted for', async () => {
    const counts = async () => (await api.request('GET', '/v1/events/monitoring')).body.counts;
    const before = await counts();
    const items = [
      raw({ id: 'told-1', createdAt: undefined }),
      raw({ id: 'told-2' }),
      raw({ id: ' told-3 ', orgId: ' ' }),
      raw({ id: {} }),
    ];
    const { status, body } = await send(items);
    expect([status, body]).toEqual([
      202,
      {
        message: 'Raw events accepted for processing',
        batch_size: 4,
        accepted: 1,
        dropped: 3,
        dropped_items: [
          { index: 0, event_id: 'told-1', field: 'createdAt', reason: 'is required' },
          { index: 2, event_id: 'told-3', field: 'orgId', reason: 'is required' },
          { index: 3, field: 'id', reason: 'is required' },
        ],
      },
    ]);
    await vi.waitFor(async () => {
      const after = await counts();
      expect(after).toMatchObject({
        accepted: before.accepted + 4,
        stored: before.stored + 1,
        rejected: before.rejected + 3,
        in_flight: 0,
        unaccounted: 0,
        complete: true,
      });
      expect(after.accepted).toBe(after.stored + after.duplicates + after.rejected + after.in_flight);
    }, WAIT);
    expect((await lookup('told-3')).acceptance.rejections).toMatchObject([{ reason: 'unusable_item', detail: 'orgId: is required' }]);
    // Nothing to drive again: it would make no event the next time either.
    expect((await api.request('GET', '/v1/events/dead-letters')).body.items).toEqual([]);
  });

  test('alone is no fault of the request, and not lost without a trace', async () => {
    const { status, body } = await send(dropped);
    expect([status, body]).toMatchObject([202, { batch_size: dropped.length, accepted: 0, dropped: dropped.length }]);
    expect(body.dropped_items).toHaveLength(dropped.length);
  });

  test('shows the first hundred of many', async () => {
    const { body } = await send(Array.from({ length: 1000 }, (_, index) => raw({ id: `many-${index}`, orgId: null })));
    expect([body.accepted, body.dropped, body.dropped_items.length, body.dropped_items[99].index]).toEqual([0, 1000, 100, 99]);
    await vi.waitFor(async () => expect((await lookup('many-999')).status).toBe('failed'), WAIT);
  });
});

test('a full batch is accepted', async () => {
  await stored(
    Array.from({ length: 1000 }, (_, index) => raw({ id: `full-${index}`, orgId: 'full' })),
    'full-999',
  );
});

test('numbers keep their digits', async () => {
  const { status } = await api.request(
    'POST',
    '/v1/events/raw/bulk',
    `{"events":[${JSON.stringify(raw({ id: 'digits' })).slice(0, -1)},"data":{"durationMS":12345678901234567890.123456789,"channels":3}}]}`,
  );
  expect(status).toBe(202);
  await vi.waitFor(
    async () =>
      expect((await lookup('digits')).event?.properties).toMatchObject({
        durationMS: '12345678901234567890.123456789',
        billable_value: '37037036703703703670.370370367',
      }),
    WAIT,
  );
});

test.each<[what: string, body: unknown, field: string]>([
  ['an empty body', '', 'events'],
  ['no events', {}, 'events'],
  ['an empty list', { events: [] }, 'events'],
  ['an item that is not in a list', { events: raw() }, 'events'],
  ['null for events', { events: null }, 'events'],
  ['1,001 items', { events: Array.from({ length: 1001 }, () => raw()) }, 'events'],
  ['null for an item', { events: [raw(), null] }, 'events[1]'],
  ['a list for an item', { events: [[raw()]] }, 'events[0]'],
  ['a text for an item', { events: [raw(), raw(), 'x'] }, 'events[2]'],
  ['a list for the body', [raw()], 'body'],
  ['malformed JSON', '{"events":[{]}', 'body'],
])('%s is refused, and changes nothing', async (_, body, field) => {
  const before = await loggedRecords(api.app);
  expect(await api.request('POST', '/v1/events/raw/bulk', body)).toMatchObject({
    status: 400,
    body: { code: 'validation_error', http_status_code: 400, details: { field } },
  });
  expect(await loggedRecords(api.app)).toBe(before);
});

test('a key that may only read is refused', async () => {
  expect(
    (await api.send('POST', '/v1/events/raw/bulk', { events: [raw()] }, { 'x-api-key': await api.keyWith(['all_reader']) })).status,
  ).toBe(403);
});
