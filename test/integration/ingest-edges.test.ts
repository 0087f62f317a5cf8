import { DateTime } from 'luxon';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fixedClock } from '#kernel/clock.ts';
import { silentLogger } from '#platform/event-log/log.ts';
import { type RunningConsumer, startConsumer } from '#workers/consumer/run.ts';
import { type Answer, startTestApi, type TestApi } from '../support/api.ts';
import { ensureTopics, loggedRecords, validEvent } from '../support/events.ts';

// What ingestion accepts, at the edge of what it refuses: the answers to the letter, and what is stored of the events.

const WAIT = { timeout: 20_000, interval: 50 };
const NOW = DateTime.utc(2026, 3, 15, 12);
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

const post = (event: unknown): Promise<Answer> => api.request('POST', '/v1/events', event);
/** The event as it is stored, once it is. */
async function stored(id: string): Promise<Record<string, unknown>> {
  await expect
    .poll(async () => (await api.request('GET', `/v1/events/lookup?id=${encodeURIComponent(id)}`)).body.status, WAIT)
    .toBe('processed');
  return (await api.request('GET', `/v1/events/lookup?id=${encodeURIComponent(id)}`)).body.event;
}
/** Sends properties as JSON text of any notation and gives back what is stored of them. */
async function storedProperties(id: string, json: string): Promise<unknown> {
  const { status, body } = await post(
    `{"event_name":"call","external_customer_id":"c1","event_id":${JSON.stringify(id)},"properties":${json}}`,
  );
  expect({ status, body }).toMatchObject({ status: 202 });
  return (await stored(id)).properties;
}

test('the answers are maps of strings', async () => {
  const single = await post(validEvent({ event_id: 'mine' }));
  expect([single.status, single.body]).toEqual([202, { message: 'Event accepted for processing', event_id: 'mine' }]);
  const bulk = await api.request('POST', '/v1/events/bulk', { events: [validEvent({ event_id: 'b1' }), validEvent({ event_id: 'b2' })] });
  expect([bulk.status, bulk.body]).toEqual([202, { message: 'Events accepted for processing', accepted: '2', event_ids: 'b1,b2' }]);
});

test('ids that are missing or empty are made by the server, in the order of the items', async () => {
  const { body } = await api.request('POST', '/v1/events/bulk', {
    events: [validEvent(), validEvent({ event_id: 'own' }), validEvent({ event_id: '' }), validEvent({ event_id: null })],
  });
  const ids = body.event_ids.split(',') as string[];
  expect(ids).toEqual([
    expect.stringMatching(/^event_[0-9A-Za-z]{26}$/),
    'own',
    expect.stringMatching(/^event_/),
    expect.stringMatching(/^event_/),
  ]);
  expect(new Set(ids).size).toBe(4);
  expect((await stored(ids[2] as string)).event_name).toBe('call');
});

test('a full batch is accepted', async () => {
  const before = await loggedRecords(api.app);
  const { status, body } = await api.request('POST', '/v1/events/bulk', {
    events: Array.from({ length: 1000 }, (_, index) => validEvent({ event_id: `full-${index}` })),
  });
  expect([status, body.accepted]).toEqual([202, '1000']);
  expect(await loggedRecords(api.app)).toBeGreaterThan(before);
});

test('one id twice in a batch is accepted, and counts once', async () => {
  const events = [1, 2, 3].map((tokens) => validEvent({ event_id: 'twice', event_name: 'twin', properties: { tokens } }));
  const { status, body } = await api.request('POST', '/v1/events/bulk', { events });
  expect([status, body.accepted, body.event_ids]).toEqual([202, '3', 'twice,twice,twice']);
  expect((await stored('twice')).properties).toEqual({ tokens: 1 });
  const usage = await api.request('POST', '/v1/events/usage', {
    event_name: 'twin',
    aggregation_type: 'SUM',
    property_name: 'tokens',
    end_time: NOW.plus({ hours: 1 }).toISO(),
  });
  expect(usage.body.value).toBe(1);
});

test.each([
  ['now, when it is absent', undefined, NOW],
  ['now, when it is empty', '', NOW],
  ['now, when it is null', null, NOW],
  ['now, when it is the zero time', '0001-01-01T00:00:00Z', NOW],
  ['24 hours ahead', NOW.plus({ hours: 24 }).toISO(), NOW.plus({ hours: 24 })],
  ['the year 2000', '2000-01-01T00:00:00Z', DateTime.utc(2000)],
  ['many years ago', '2011-06-30T23:59:59.999Z', DateTime.utc(2011, 6, 30, 23, 59, 59, 999)],
  ['another zone', '2026-03-14T23:30:00+05:30', DateTime.utc(2026, 3, 14, 18)],
  ['nanoseconds, cut to milliseconds', '2026-03-14T00:00:00.123999999Z', DateTime.utc(2026, 3, 14, 0, 0, 0, 123)],
])('a timestamp may be %s', async (what, timestamp, expected) => {
  expect((await post(validEvent({ event_id: `time ${what}`, timestamp }))).status).toBe(202);
  expect(DateTime.fromISO((await stored(`time ${what}`)).timestamp as string).toMillis()).toBe(expected.toMillis());
});

test('white space around a name is cut, and absent properties are an empty object', async () => {
  await post({ event_id: 'bare', event_name: '  call\t', external_customer_id: 'c1', properties: null, source: null, customer_id: null });
  expect(await stored('bare')).toMatchObject({ event_name: 'call', properties: {}, source: '', customer_id: '' });
});

test('keys that are special in JavaScript are keys like others', async () => {
  const json = '{"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}},"toString":1,"hasOwnProperty":"x"}';
  expect(JSON.stringify(await storedProperties('pollute', json))).toBe(json);
  expect(({} as Record<string, unknown>).admin).toBeUndefined();
  // Beside the fields of an event they are dropped like every unknown field.
  const { status } = await post(
    '{"event_id":"pollute-2","event_name":"call","external_customer_id":"c1","__proto__":{"event_name":"other"},"constructor":1}',
  );
  expect(status).toBe(202);
  expect((await stored('pollute-2')).event_name).toBe('call');
  const grouped = await api.request('POST', '/v1/events/usage', {
    event_name: 'call',
    aggregation_type: 'COUNT_UNIQUE',
    property_name: '__proto__',
    end_time: NOW.plus({ hours: 1 }).toISO(),
  });
  expect([grouped.status, grouped.body.value]).toEqual([200, 1]);
});

test('numbers keep their digits', async () => {
  const json =
    '{"minus_zero":-0,"long":123456789012345678901234567890,"fraction":0.123456789012345678901234567890,"tiny":1e-7,"big":1e21,"safe":9007199254740993,"plain":1.50}';
  expect(await storedProperties('digits', json)).toEqual({
    minus_zero: 0,
    long: '123456789012345678901234567890',
    fraction: '0.12345678901234567890123456789',
    tiny: '0.0000001',
    big: '1000000000000000000000',
    safe: '9007199254740993',
    plain: 1.5,
  });
});

test('a number that no meter can count is stored and takes part in nothing', async () => {
  const sum = {
    event_name: 'call',
    external_customer_id: 'huge',
    aggregation_type: 'SUM',
    property_name: 'n',
    end_time: NOW.plus({ hours: 1 }).toISO(),
  };
  await api.request(
    'POST',
    '/v1/events/bulk',
    `{"events":[${['1e400', '-1e400', '1e999999999', '1e30', '5']
      .map((n, index) => `{"event_id":"huge-${index}","event_name":"call","external_customer_id":"huge","properties":{"n":${n}}}`)
      .join()}]}`,
  );
  await stored('huge-4');
  expect((await stored('huge-0')).properties).toEqual({ n: `1${'0'.repeat(400)}` });
  expect((await api.request('POST', '/v1/events/usage', sum)).body.value).toBe(5);
});

test('text that is hard to store comes back', async () => {
  expect(await storedProperties('nul', '{"a\\u0000b":"c\\u0000d","quote":"\\\\\\"\'","lines":"a\\nb\\r\\u2028"}')).toEqual({
    'a\u0000b': 'c\u0000d',
    quote: '\\"\'',
    lines: 'a\nb\r\u2028',
  });
  expect(await storedProperties('whole', '{"whole":"\\ud83d\\ude00"}')).toEqual({ whole: '😀' });
  // Half of a surrogate pair is no character: two texts that differ in it would become one.
  for (const half of ['{"a":"\\ud83d"}', '{"\\udc00":1}', '{"a":["\\ud83d!"]}']) {
    const answer = await post(`{"event_name":"call","external_customer_id":"c","event_id":"half","properties":${half}}`);
    expect([half, answer.status, answer.body.code]).toEqual([half, 400, 'validation_error']);
  }
});

test('properties at the bounds', async () => {
  let deep: Record<string, unknown> = { leaf: 1 };
  for (let level = 1; level < 10; level += 1) deep = { inner: deep };
  expect(await storedProperties('deep', JSON.stringify(deep))).toEqual(deep);
  const wide = Object.fromEntries(Array.from({ length: 256 }, (_, index) => [`k${index}`, index]));
  expect(await storedProperties('wide', JSON.stringify(wide))).toEqual(wide);
  const large = { text: 'x'.repeat(64 * 1024 - '{"text":""}'.length) };
  expect(await storedProperties('large', JSON.stringify(large))).toEqual(large);
});
