import { DateTime } from 'luxon';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { Decimal } from '#kernel/decimal.ts';
import { toJson } from '#kernel/wire.ts';
import { shaped } from './shape.ts';

const Part = z.object({ amount: z.string(), count: z.number() });
const Whole = z.object({
  id: z.string(),
  created_at: z.string(),
  address_line1: z.string().optional(),
  kind: z.enum(['a', 'b']),
  parts: z.array(Part).optional(),
  part: Part.nullish(),
  metadata: z.record(z.string(), z.string()),
  anything: z.unknown(),
  done: z.boolean(),
});
const value = {
  id: 'x_1',
  createdAt: DateTime.utc(2026, 1, 31),
  addressLine1: 'Main street',
  kind: 'a',
  parts: [{ amount: new Decimal('1.50'), count: new Decimal('12345678901234567890'), secretShare: 1 }],
  part: null,
  metadata: { camelCase: 'kept', snake_case: 'kept' },
  anything: { someKey: new Decimal(1) },
  done: false,
  keyHash: 'secret',
  amountSort: 1.5,
};

test('only what the contract names leaves, as it says', () => {
  expect(JSON.parse(toJson(shaped(Whole, value)).replace('12345678901234567890', '"exact"'))).toEqual({
    id: 'x_1',
    created_at: '2026-01-31T00:00:00Z',
    address_line1: 'Main street',
    kind: 'a',
    parts: [{ amount: '1.5', count: 'exact' }],
    metadata: { camelCase: 'kept', snake_case: 'kept' },
    anything: { some_key: '1' },
    done: false,
  });
});

test('what is null or missing is left out', () => {
  expect(shaped(z.object({ a: z.string().nullish(), b: z.string().optional() }), { a: null })).toEqual({});
});

test('a contract that leaves open what is shown is a mistake', () => {
  expect(() => shaped(z.union([z.object({ a: z.string() }), z.object({ b: z.string() })]), { a: '' })).toThrow('union');
});
