import fc from 'fast-check';
import { DateTime } from 'luxon';
import { expect, test } from 'vitest';
import { fixedClock } from '#kernel/clock.ts';
import { deadLetterOf, letterId, originalRecord, originOf, parseLetterId, readDeadLetter } from './dead-letter.ts';
import type { LogMessage } from './event-log.ts';

const NOW = DateTime.utc(2026, 3, 15, 12);
const clock = fixedClock(NOW);
const message = (headers: Record<string, string>, value = 'bytes'): LogMessage => ({
  offset: 7n,
  key: 'tenant:env:customer',
  value: Buffer.from(value),
  headers,
  timestamp: NOW,
});

test('what became a dead letter becomes again what it was', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom('tenant_id', 'environment_id', 'content', 'ingested_at', 'other'), fc.string()),
      fc.string(),
      (headers, value) => {
        const failed = message(headers, value);
        const letter = deadLetterOf(
          { topic: 'events', partition: 3 },
          { message: failed, line: null, value: failed.value, reason: 'bad_json', detail: 'x'.repeat(5000) },
          clock,
        );
        const read = readDeadLetter('events.dlq', 0, { ...letter, offset: 1n, timestamp: NOW });
        expect(read).toMatchObject({ reason: 'bad_json', detail: 'x'.repeat(1000), failedAt: NOW, partition: 0, offset: 1n });
        expect(originalRecord(read)).toEqual({ key: failed.key, value: failed.value, headers });
        expect(originOf(read)).toBe('events');
      },
    ),
  );
});

test('a line of a pack goes back as a pack of one', () => {
  const letter = deadLetterOf(
    { topic: 'events', partition: 0 },
    { message: message({ tenant_id: 't', count: '12' }), line: 4, value: Buffer.from('line'), reason: 'invalid_event', detail: '' },
    clock,
  );
  expect(letter.headers).toMatchObject({ count: '12', origin_line: '4', origin_offset: '7' });
  expect(originalRecord(letter)).toEqual({
    key: 'tenant:env:customer',
    value: Buffer.from('line'),
    headers: { tenant_id: 't', count: '1' },
  });
});

test('a letter that somebody else wrote is read all the same', () => {
  expect(readDeadLetter('events.dlq', 0, message({ failed_at: 'yesterday' }))).toMatchObject({
    reason: 'unknown',
    detail: '',
    failedAt: null,
  });
});

test('ids name places, with or without the ending', () => {
  const place = { topic: 'events_lazy.dlq', partition: 2, offset: 9223372036854775807n } as const;
  expect(parseLetterId(letterId(place))).toEqual(place);
  expect(parseLetterId('system_events:0:5')).toEqual({ topic: 'system_events.dlq', partition: 0, offset: 5n });
  for (const id of [
    '',
    'events',
    'events:0',
    'events:0:x',
    'nowhere:0:0',
    'events:-1:0',
    'events:0:9223372036854775808',
    'events:2147483648:0',
    'events.dlq.dlq:0:0',
    ' events:0:0',
  ])
    expect(parseLetterId(id)).toBeNull();
});
