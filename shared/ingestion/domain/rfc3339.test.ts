import fc from 'fast-check';
import { DateTime } from 'luxon';
import { expect, test } from 'vitest';
import { parseRfc3339 } from './rfc3339.ts';

test('reads what luxon reads, to the millisecond', () => {
  const offset = fc.oneof(
    fc.constant('Z'),
    fc
      .tuple(fc.constantFrom('+', '-'), fc.integer({ min: 0, max: 13 }), fc.integer({ min: 0, max: 59 }))
      .map(([sign, hours, minutes]) => `${sign}${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`),
  );
  fc.assert(
    fc.property(
      fc.date({ min: new Date('1900-01-01'), max: new Date('2200-01-01'), noInvalidDate: true }),
      offset,
      fc.integer({ min: 0, max: 9 }),
      (date, zone, digits) => {
        const text = `${date.toISOString().slice(0, 19)}${digits === 0 ? '' : `.${'123456789'.slice(0, digits)}`}${zone}`;
        expect(parseRfc3339(text)).toBe(DateTime.fromISO(text).toMillis());
      },
    ),
  );
});

test.each([
  '',
  '2026-01-01',
  '2026-01-01T00:00:00',
  '2026-02-29T00:00:00Z',
  '2100-02-29T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-00-01T00:00:00Z',
  '2026-01-00T00:00:00Z',
  '2026-04-31T00:00:00Z',
  '2026-01-01T24:00:00Z',
  '2026-01-01T00:60:00Z',
  '2026-01-01T00:00:61Z',
  '2026-01-01T00:00:00+15:00',
  '1767225600',
  'now',
  '2026-01-01T00:00:00ZZ',
  ' 2026-01-01T00:00:00Z',
])('%j is no time', (text) => {
  expect(parseRfc3339(text)).toBeNull();
});

test('a leap day and a leap second', () => {
  expect(parseRfc3339('2024-02-29T00:00:00Z')).toBe(Date.UTC(2024, 1, 29));
  expect(parseRfc3339('2016-12-31T23:59:60Z')).toBe(Date.UTC(2017, 0, 1));
});
