import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { RawEvent } from '#metering/domain/raw-transform.ts';
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
  expect([status, body]).toEqual([202, { message: 'Raw events accepted for processing', batch_size: items.length }]);
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
    for (const id of ['late', 'old', 'no-time', 'nul', 'large', 'wide', 'd1', 'd6'])
      expect((await api.request('GET', `/v1/events/${id}`)).status).toBe(404);
  });

  test('alone changes nothing, and is no fault of the request', async () => {
    const before = await loggedRecords(api.app);
    const { status, body } = await send(dropped);
    expect([status, body]).toEqual([202, { message: 'Raw events accepted for processing', batch_size: dropped.length }]);
    expect(await loggedRecords(api.app)).toBe(before);
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
