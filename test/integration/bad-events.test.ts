import { DateTime } from 'luxon';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fixedClock } from '#kernel/clock.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { ensureTopics, loggedRecords, validEvent } from '../support/events.ts';

// What ingestion refuses: each with the field and the reason, and with nothing in the log (metering.md D2, D11).

const NOW = DateTime.utc(2026, 3, 15, 12);
let api: TestApi;

beforeAll(async () => {
  api = await startTestApi({ clock: fixedClock(NOW) });
  await ensureTopics(api.app);
});
afterAll(() => api.close());

/** An object inside of objects; the outermost is level 1. */
function nested(levels: number): Record<string, unknown> {
  let value: Record<string, unknown> = { leaf: 1 };
  for (let level = 1; level < levels; level += 1) value = { inner: value };
  return value;
}

const keys = (count: number): Record<string, number> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, index]));
const later = (hours: number, milliseconds = 0): string | null => NOW.plus({ hours, milliseconds }).toISO();

const REFUSED: readonly [what: string, event: unknown, field: string, reason: RegExp][] = [
  ['no name', { external_customer_id: 'c1' }, 'event_name', /is required/],
  ['an empty name', validEvent({ event_name: '  ' }), 'event_name', /must not be empty/],
  ['a name that is a number', validEvent({ event_name: 7 }), 'event_name', /must be text/],
  ['a name that is null', validEvent({ event_name: null }), 'event_name', /must be text/],
  ['a name that is too long', validEvent({ event_name: 'x'.repeat(513) }), 'event_name', /512/],
  ['a name with NUL', validEvent({ event_name: 'a\u0000b' }), 'event_name', /must not contain NUL/],
  ['no customer', { event_name: 'call' }, 'external_customer_id', /is required/],
  ['an empty customer', validEvent({ external_customer_id: '' }), 'external_customer_id', /must not be empty/],
  ['a customer that is an object', validEvent({ external_customer_id: { id: 'c1' } }), 'external_customer_id', /must be text/],
  ['a customer that is too long', validEvent({ external_customer_id: 'x'.repeat(513) }), 'external_customer_id', /512/],
  ['a customer with NUL', validEvent({ external_customer_id: 'a\u0000' }), 'external_customer_id', /must not contain NUL/],
  ['an id that is a number', validEvent({ event_id: 12 }), 'event_id', /must be text/],
  ['an id that is too long', validEvent({ event_id: 'x'.repeat(513) }), 'event_id', /512/],
  ['an id with NUL', validEvent({ event_id: '\u0000' }), 'event_id', /must not contain NUL/],
  ['an id that no path can hold', validEvent({ event_id: '..' }), 'event_id', /must not be \. or \.\./],
  ['such an id with blanks around it', validEvent({ event_id: ' . ' }), 'event_id', /must not be \. or \.\./],
  ['a customer that no path can hold', validEvent({ external_customer_id: '.' }), 'external_customer_id', /must not be \. or \.\./],
  ['a customer that is blank', validEvent({ external_customer_id: ' \t ' }), 'external_customer_id', /must not be empty/],
  ['a source that is a list', validEvent({ source: ['api'] }), 'source', /must be text/],
  ['a timestamp that is a number', validEvent({ timestamp: 1_700_000_000 }), 'timestamp', /must be text/],
  ['a timestamp without a zone', validEvent({ timestamp: '2026-03-15T00:00:00' }), 'timestamp', /RFC 3339/],
  ['a timestamp that is a date', validEvent({ timestamp: '2026-03-15' }), 'timestamp', /RFC 3339/],
  ['a day that does not exist', validEvent({ timestamp: '2026-02-29T00:00:00Z' }), 'timestamp', /RFC 3339/],
  ['a month that does not exist', validEvent({ timestamp: '2026-13-01T00:00:00Z' }), 'timestamp', /RFC 3339/],
  ['a timestamp of another kind', validEvent({ timestamp: 'yesterday' }), 'timestamp', /RFC 3339/],
  ['more than 24 hours in the future', validEvent({ timestamp: later(24, 1) }), 'timestamp', /24 hours in the future/],
  ['the year 9999', validEvent({ timestamp: '9999-12-31T23:59:59Z' }), 'timestamp', /24 hours in the future/],
  ['the zero of Unix time', validEvent({ timestamp: '1970-01-01T00:00:00Z' }), 'timestamp', /before the year 2000/],
  ['the last instant before 2000', validEvent({ timestamp: '1999-12-31T23:59:59.999Z' }), 'timestamp', /before the year 2000/],
  ['properties that are a text', validEvent({ properties: 'tokens=3' }), 'properties', /must be an object/],
  ['properties that are a list', validEvent({ properties: [1, 2] }), 'properties', /must be an object/],
  ['properties that are a number', validEvent({ properties: 3 }), 'properties', /must be an object/],
  ['properties of 11 levels', validEvent({ properties: nested(11) }), 'properties', /deeper than 10 levels/],
  ['properties of 100 levels', validEvent({ properties: nested(100) }), 'properties', /deeper than 10 levels/],
  [
    'lists of 100 levels',
    validEvent({ properties: { a: JSON.parse(`${'['.repeat(100)}${']'.repeat(100)}`) } }),
    'properties',
    /deeper than 10 levels/,
  ],
  ['257 keys', validEvent({ properties: keys(257) }), 'properties', /more than 256 keys/],
  ['257 keys further inside', validEvent({ properties: { inner: [keys(257)] } }), 'properties', /more than 256 keys/],
  ['properties above 64 KiB', validEvent({ properties: { text: 'x'.repeat(64 * 1024) } }), 'properties', /larger than 65536 bytes/],
  [
    'properties above 64 KiB of bytes, not of characters',
    validEvent({ properties: { text: 'é'.repeat(33 * 1024) } }),
    'properties',
    /larger than 65536 bytes/,
  ],
];

describe.each(REFUSED)('%s', (_what, event, field, reason) => {
  test('alone', async () => {
    const before = await loggedRecords(api.app);
    const { status, body } = await api.request('POST', '/v1/events', event);
    expect({ status, body }).toEqual({
      status: 400,
      body: {
        code: 'validation_error',
        http_status_code: 400,
        message: expect.stringMatching(reason),
        details: expect.objectContaining({ field, reason: expect.stringMatching(reason) }),
      },
    });
    expect(await loggedRecords(api.app)).toBe(before);
  });

  test('in a batch of good ones', async () => {
    const before = await loggedRecords(api.app);
    const { status, body } = await api.request('POST', '/v1/events/bulk', { events: [validEvent(), event, validEvent()] });
    expect({ status, code: body.code, errors: body.details.errors }).toEqual({
      status: 400,
      code: 'validation_error',
      errors: [{ field: `events[1].${field}`, reason: expect.stringMatching(reason) }],
    });
    expect(await loggedRecords(api.app)).toBe(before);
  });
});

describe('requests that are no event at all', () => {
  const cut = JSON.stringify(validEvent()).slice(0, -2);
  test.each([
    ['/v1/events', 'malformed JSON', cut],
    ['/v1/events', 'text', 'hello'],
    ['/v1/events', 'two documents', '{}{}'],
    ['/v1/events', 'an unquoted number of its own kind', '{"event_name": NaN}'],
    ['/v1/events', 'brackets without end', '['.repeat(200_000)],
    ['/v1/events/bulk', 'malformed JSON', `{"events":[${cut}]}`],
  ])('%s with %s', async (path, _, text) => {
    const before = await loggedRecords(api.app);
    const { status, body } = await api.request('POST', path, text);
    expect({ status, body }).toMatchObject({
      status: 400,
      body: { code: 'validation_error', message: 'invalid request payload', details: { field: 'body' } },
    });
    expect(await loggedRecords(api.app)).toBe(before);
  });

  test.each<[string, string, unknown, string]>([
    ['/v1/events', 'an empty body', '', 'event_name'],
    ['/v1/events', 'an empty object', {}, 'event_name'],
    ['/v1/events', 'null', 'null', 'body'],
    ['/v1/events', 'a list', [validEvent()], 'body'],
    ['/v1/events/bulk', 'an empty body', '', 'events'],
    ['/v1/events/bulk', 'no events', {}, 'events'],
    ['/v1/events/bulk', 'an empty list', { events: [] }, 'events'],
    ['/v1/events/bulk', 'events that are one event', { events: validEvent() }, 'events'],
    ['/v1/events/bulk', 'null for events', { events: null }, 'events'],
    ['/v1/events/bulk', 'null for an event', { events: [null] }, 'events[0]'],
    ['/v1/events/bulk', 'a text for an event', { events: [validEvent(), 'call'] }, 'events[1]'],
    ['/v1/events/bulk', '1,001 events', { events: Array.from({ length: 1001 }, () => validEvent()) }, 'events'],
  ])('%s with %s', async (path, _, body, field) => {
    const before = await loggedRecords(api.app);
    const answer = await api.request('POST', path, body);
    expect(answer).toMatchObject({ status: 400, body: { code: 'validation_error', http_status_code: 400, details: { field } } });
    expect(await loggedRecords(api.app)).toBe(before);
  });

  test('without a key, with a wrong one, and with one that may only read', async () => {
    const before = await loggedRecords(api.app);
    expect((await api.send('POST', '/v1/events', validEvent(), {})).status).toBe(401);
    expect((await api.send('POST', '/v1/events', validEvent(), { 'x-api-key': 'sk_test_wrong' })).status).toBe(401);
    expect(
      (await api.send('POST', '/v1/events/bulk', { events: [validEvent()] }, { 'x-api-key': await api.keyWith(['all_reader']) })).status,
    ).toBe(403);
    expect(await loggedRecords(api.app)).toBe(before);
  });
});

describe('a batch with several bad items', () => {
  const fieldsOf = async (events: readonly unknown[]): Promise<unknown> => {
    const before = await loggedRecords(api.app);
    const { status, body } = await api.request('POST', '/v1/events/bulk', { events });
    expect(status).toBe(400);
    expect(await loggedRecords(api.app)).toBe(before);
    return body.details.errors.map(({ field }: { field: string }) => field);
  };

  test('lists every one of them', async () => {
    const events = [
      validEvent(),
      validEvent({ event_name: 1 }),
      validEvent(),
      { event_name: 'call' },
      validEvent({ properties: [] }),
      validEvent({ timestamp: 'x' }),
    ];
    expect(await fieldsOf(events)).toEqual([
      'events[1].event_name',
      'events[3].external_customer_id',
      'events[4].properties',
      'events[5].timestamp',
    ]);
  });

  test('lists every part of an item', async () => {
    expect(await fieldsOf([{ event_name: '', external_customer_id: 4, properties: 'x' }])).toEqual([
      'events[0].event_name',
      'events[0].external_customer_id',
      'events[0].properties',
    ]);
  });

  test('lists times and sizes out of bounds', async () => {
    const events = [
      validEvent({ timestamp: later(25) }),
      validEvent(),
      validEvent({ timestamp: '1980-01-01T00:00:00Z' }),
      validEvent({ properties: { text: 'x'.repeat(70_000) } }),
    ];
    expect(await fieldsOf(events)).toEqual(['events[0].timestamp', 'events[2].timestamp', 'events[3].properties']);
  });

  test('lists faults of form and of bounds together, in the order of the items', async () => {
    const events = [
      validEvent({ timestamp: later(25) }),
      { event_name: 'call' },
      validEvent(),
      validEvent({ properties: { text: 'x'.repeat(70_000) } }),
      7,
      validEvent({ event_name: '' }),
    ];
    expect(await fieldsOf(events)).toEqual([
      'events[0].timestamp',
      'events[1].external_customer_id',
      'events[3].properties',
      'events[4]',
      'events[5].event_name',
    ]);
  });

  test('lists all of a thousand', async () => {
    const events = Array.from({ length: 1000 }, (_, index) => (index % 2 === 0 ? {} : validEvent({ timestamp: later(25) })));
    expect(await fieldsOf(events)).toEqual(
      events.flatMap((_, index) =>
        index % 2 === 0 ? [`events[${index}].event_name`, `events[${index}].external_customer_id`] : [`events[${index}].timestamp`],
      ),
    );
  });
});
