import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { recordOf } from '#kernel/records.ts';
import { readKeys } from './request-keys.ts';

const unknown = (schema: z.ZodType, value: unknown): string[] => readKeys(schema, value).unknown.map((path) => path.join('.'));
const Item = z.object({ id: z.string(), note: z.string().optional() });

test.each([
  ['an object', z.object({ a: z.string() }), { a: 'x', b: 1 }, ['b']],
  ['inside of an object', z.object({ a: Item.nullish() }), { a: { id: '1', ide: 2 } }, ['a.ide']],
  ['inside of a list', z.object({ list: z.array(Item).default([]) }), { list: [{ id: '1' }, { id: '2', x: 1 }] }, ['list.1.x']],
  ['behind a transform', z.object({ a: Item }).transform((value) => value.a), { a: { id: '1', x: 1 }, y: 2 }, ['a.x', 'y']],
  ['behind a refinement', z.object({ a: z.string() }).refine(() => true), { z: 1 }, ['z']],
  ['behind a preprocess', z.preprocess((value) => value, z.object({ a: z.string() })), { a: '1', z: 1 }, ['z']],
  ['behind a lazy schema', z.lazy(() => Item), { id: '1', z: 1 }, ['z']],
  ['values of a record', z.record(z.string(), Item), { any: { id: '1', z: 1 } }, ['any.z']],
  ['keys of a record', z.record(z.string(), z.string()), { any: '1' }, []],
  ['a free map', z.object({ metadata: recordOf(z.string(), z.string()) }), { metadata: { any: '1', __proto__: 'x' } }, []],
  ['a loose object', z.looseObject({ a: z.string() }), { a: '1', any: 1 }, []],
  ['a strict object', z.strictObject({ a: z.string() }), { a: '1', any: 1 }, ['any']],
  [
    'names of the language',
    z.object({ a: z.string().optional() }),
    JSON.parse('{"__proto__":1,"constructor":2,"toString":3}'),
    ['__proto__', 'constructor', 'toString'],
  ],
  ['a union of a list and a text', z.union([z.array(Item), z.string()]), [{ id: '1', z: 1 }], ['0.z']],
  [
    'the option that is meant',
    z.union([z.object({ type: z.literal('a'), x: z.int() }), z.object({ type: z.literal('b'), y: z.int().optional() })]),
    { type: 'b', x: 1 },
    ['x'],
  ],
  ['a list where an object is awaited', Item, ['id'], []],
  ['no object at all', Item, 'text', []],
] as const)('%s', (_, schema, value, expected) => {
  expect(unknown(schema, value)).toEqual(expected);
});

test('of any number, also more than a call takes arguments', () => {
  const many = Object.fromEntries(Array.from({ length: 200_000 }, (_, index) => [`k${index}`, 1]));
  expect(readKeys(z.object({ a: z.object({}) }), { a: many }).unknown).toHaveLength(200_000);
});

test('null means absent where a key may be absent and must not be null, at any depth', () => {
  const schema = z.object({
    optional: z.string().optional(),
    defaulted: z.int().default(7),
    cleared: z.string().nullish(),
    list: z.array(z.object({ inner: z.string().optional() })).optional(),
    required: z.string(),
  });
  const { value } = readKeys(schema, { optional: null, defaulted: null, cleared: null, list: [{ inner: null }], required: null });
  expect(value).toEqual({ cleared: null, list: [{}], required: null });
});

test('a value of which nothing is taken out is the same, not a copy', () => {
  const schema = z.object({ a: z.array(Item), metadata: recordOf(z.string(), z.string()).optional() });
  fc.assert(
    fc.property(
      fc.record({
        a: fc.array(fc.record({ id: fc.string(), note: fc.string() }, { requiredKeys: ['id'] })),
        metadata: fc.dictionary(fc.string(), fc.string()),
      }),
      (value) => {
        expect(readKeys(schema, value)).toEqual({ value, unknown: [] });
        expect(readKeys(schema, value).value).toBe(value);
      },
    ),
  );
});
