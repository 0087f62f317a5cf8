import fc from 'fast-check';
import { DateTime } from 'luxon';
import { describe, expect, test } from 'vitest';
import { decimal } from './decimal.ts';
import {
  amountInput,
  currencyInput,
  decimalInput,
  fromWire,
  metadataInput,
  objectInput,
  requiredText,
  timeInput,
  toJson,
  toWire,
  wireNumber,
  wireTime,
} from './wire.ts';

describe('decimals in requests', () => {
  test.each([
    ['12.50', '12.5'],
    [12.5, '12.5'],
    ['1e-7', '0.0000001'],
    ['-3', '-3'],
    ['.5', '0.5'],
    [0.1, '0.1'],
    ['123456789012345678901234567890.123456789', '123456789012345678901234567890.123456789'],
  ])('%s', (input, expected) => {
    expect(decimalInput.parse(input).toFixed()).toBe(expected);
  });

  test.each([
    [''],
    ['abc'],
    ['0x10'],
    ['1,5'],
    ['NaN'],
    ['Infinity'],
    [Number.NaN],
    [Number.POSITIVE_INFINITY],
    [null],
    [true],
    [{}],
    ['1e99999'],
    ['9'.repeat(200)],
  ])('%s is refused', (input) => {
    expect(decimalInput.safeParse(input).success).toBe(false);
  });

  test('amounts are not negative', () => {
    expect(amountInput.safeParse('-0.01').success).toBe(false);
    expect(amountInput.parse('0').isZero()).toBe(true);
  });
});

describe('objects in requests', () => {
  const nested = (levels: number): unknown => JSON.parse(`{"a":${'['.repeat(levels - 1)}1${']'.repeat(levels - 1)}}`);

  test('may hold anything, 20 levels deep and 65,536 characters long', () => {
    for (const value of [{}, { a: null, b: [1, 'x', { c: true }] }, nested(20), { a: 'x'.repeat(65_536 - '{"a":""}'.length) }])
      expect(objectInput.parse(value)).toEqual(value);
  });

  test.each([
    ['21 levels', nested(21)],
    ['100,000 levels', nested(100_000)],
    ['too long', { a: 'x'.repeat(65_536) }],
    ['a list', []],
    ['a text', '{}'],
  ])('%s is refused', (_, value) => {
    expect(objectInput.safeParse(value).success).toBe(false);
  });
});

describe('times in requests', () => {
  test.each([
    ['2026-01-31T10:00:00Z', '2026-01-31T10:00:00.000Z'],
    ['2026-01-31T10:00:00.123456Z', '2026-01-31T10:00:00.123Z'],
    ['2026-01-31T10:00:00+05:30', '2026-01-31T04:30:00.000Z'],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
  ])('%s', (input, expected) => {
    expect(timeInput.parse(input).toISO()).toBe(expected);
  });

  test.each([
    ['2026-01-31'],
    ['2026-01-31T10:00:00'],
    ['31.01.2026'],
    ['2026-02-30T00:00:00Z'],
    [''],
    [1_700_000_000],
    ['2026-01-31T25:00:00Z'],
  ])('%s is refused', (input) => {
    expect(timeInput.safeParse(input).success).toBe(false);
  });
});

test('a currency is case-insensitive, and three letters', () => {
  expect(currencyInput.parse('USD')).toBe('usd');
  expect(currencyInput.safeParse('US').success).toBe(false);
});

test('text says something, and holds no NUL', () => {
  expect([' ', '', 'a\u0000b'].map((value) => requiredText.safeParse(value).success)).toEqual([false, false, false]);
  expect(metadataInput.safeParse({ a: 1 }).success).toBe(false);
});

describe('the mapping between wire and domain', () => {
  test('re-cases keys but not those inside metadata and properties', () => {
    const wire = {
      external_id: 'x',
      line_items: [{ unit_amount: '1' }],
      metadata: { Keep_Me: 'a', other_key: 'b' },
      properties: { in_tokens: 1 },
      address_line1: 'a',
    };
    const domain = fromWire(wire);
    expect(domain).toEqual({
      externalId: 'x',
      lineItems: [{ unitAmount: '1' }],
      metadata: { Keep_Me: 'a', other_key: 'b' },
      properties: { in_tokens: 1 },
      addressLine1: 'a',
    });
    expect(toWire(domain)).toEqual(wire);
  });

  test('writes decimals as plain text, times as RFC 3339 in UTC, and leaves out what is absent', () => {
    expect(
      toWire({
        unitAmount: decimal('1e-10'),
        big: decimal('1e30'),
        startDate: DateTime.fromISO('2026-01-01T05:30:00+05:30'),
        gone: null,
        list: [],
        flag: false,
        count: 0,
      }),
    ).toEqual({
      unit_amount: '0.0000000001',
      big: `1${'0'.repeat(30)}`,
      start_date: '2026-01-01T00:00:00Z',
      list: [],
      flag: false,
      count: 0,
    });
  });

  test('JSON numbers keep all their digits', () => {
    expect(toJson({ value: wireNumber(decimal('9007199254740993.000000000000000001')) })).toBe(
      '{"value":9007199254740993.000000000000000001}',
    );
  });
});

test('times are written as the library writes them, whatever their zone', () => {
  fc.assert(
    fc.property(
      fc.date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true }),
      fc.constantFrom('utc', 'America/New_York', 'Asia/Kathmandu'),
      fc.boolean(),
      (date, zone, whole) => {
        const time = DateTime.fromMillis(whole ? Math.floor(date.getTime() / 1000) * 1000 : date.getTime(), { zone });
        expect(wireTime(time)).toBe(time.toUTC().toISO({ suppressMilliseconds: true }));
      },
    ),
  );
  expect(wireTime(DateTime.invalid('none'))).toBe('');
});
