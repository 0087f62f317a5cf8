import fc from 'fast-check';
import { DateTime } from 'luxon';
import { expect, test } from 'vitest';
import { Decimal } from '#kernel/decimal.ts';
import { readCursor, writeCursor } from './cursor.ts';

const times = fc.integer({ min: 0, max: 4e12 }).map((millis) => DateTime.fromMillis(millis, { zone: 'utc' }));
const values = fc.oneof(
  fc.record({ kind: fc.constant('string' as const), value: fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\u0000')) }),
  fc.record({ kind: fc.constant('number' as const), value: fc.integer().map((whole) => new Decimal(whole).div(1000)) }),
  fc.record({ kind: fc.constant('date' as const), value: times }),
  fc.record({ kind: fc.constantFrom('string' as const, 'number' as const, 'date' as const), value: fc.constant(null) }),
);
const sortBy = (kind: 'string' | 'number' | 'date') => [{ column: 'x', kind, direction: 'asc' }] as const;

test('a position comes back as it was written', () => {
  fc.assert(
    fc.property(values, times, fc.nat(), ({ kind, value }, createdAt, seen) => {
      const position = { value, createdAt, id: 'plan_01K', seen };
      expect(readCursor(writeCursor(position, 'list'), 'list', sortBy(kind))).toEqual(position);
    }),
  );
});

test('any other text is refused by name', () => {
  const good = writeCursor({ value: 'a', createdAt: DateTime.utc(2026), id: 'plan_1', seen: 1 }, 'list');
  const forged = (parts: unknown) => Buffer.from(JSON.stringify(parts)).toString('base64url');
  const bad = [
    'x',
    '{}',
    good.slice(0, -4),
    forged(['list', 'a', '2026-01-01T00:00:00Z', "x'; drop table plans", 1]),
    forged(['list', 'a\u0000', '2026-01-01T00:00:00Z', 'plan_1', 1]),
    forged(['list', 'a', 'yesterday', 'plan_1', 1]),
    forged(['list', 'a', '2026-01-01T00:00:00Z', 'plan_1', -1]),
    forged(['list', 7, '2026-01-01T00:00:00Z', 'plan_1', 1]),
    forged(null),
  ];
  for (const cursor of bad) expect(() => readCursor(cursor, 'list', sortBy('string')), cursor).toThrow(/^cursor: /);
  expect(() => readCursor(good, 'other', sortBy('string'))).toThrow('belongs to another list');
  expect(() => readCursor(good, 'list', sortBy('number'))).toThrow(/^cursor: /);
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(() => readCursor(text, 'list', sortBy('string'))).toThrow(/^cursor: /);
    }),
  );
});
