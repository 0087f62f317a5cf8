import { DateTime } from 'luxon';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { systemContext } from '#kernel/context.ts';
import { Decimal } from '#kernel/decimal.ts';
import { filtersOn, flag, shows } from './filters.ts';
import { listing } from './listing.ts';

interface Thing {
  readonly id: string;
  readonly name: string;
  readonly amount: Decimal;
  readonly startDate: DateTime;
  readonly metadata: Readonly<Record<string, string>>;
}
const { inList, equals, contains, holds, above, upTo } = filtersOn<Thing>();
const ThingList = listing('plans', {
  filters: {
    thing_ids: inList('id'),
    kind: equals('name', z.enum(['a', 'b'])),
    name_contains: contains('name'),
    amount_gt: above('amount'),
    start_date_lte: upTo('startDate'),
    has_start: flag((value) => [{ column: 'startDate', is: value ? 'set' : 'unset' }]),
    with_parts: shows,
  },
  searchFilters: { metadata: holds('metadata') },
  fields: { name: 'string', amount: 'number', rank: 'integer', start_date: 'date' },
});
const ctx = systemContext('tenant_1', 'env_1', 'test');
const query = (parameters: object) => ThingList.read(ctx, ThingList.query.parse(parameters));
const search = (parameters: object) => ThingList.read(ctx, ThingList.search.parse(parameters));
const meanings = (conditions: readonly { readonly parameter?: string }[]) => conditions.map(({ parameter: _, ...meaning }) => meaning);

test.each([
  ['thing_ids', 'a, b', ['a', 'b'], { column: 'id', is: 'in', values: ['a', 'b'] }],
  ['kind', 'a', 'a', { column: 'name', is: 'eq', value: 'a' }],
  ['name_contains', '%', '%', { column: 'name', is: 'contains', text: '%' }],
  ['amount_gt', '0.10', 0.1, { column: 'amount', is: 'gt', value: new Decimal('0.1') }],
  ['start_date_lte', '2026-01-31T00:00:00Z', '2026-01-31T00:00:00Z', { column: 'startDate', is: 'lte', value: DateTime.utc(2026, 1, 31) }],
  ['has_start', 'false', false, { column: 'startDate', is: 'unset' }],
])('%s means the same in a query and in a search', (name, inQuery, inSearch, meaning) => {
  expect(meanings(query({ [name]: inQuery }).conditions)).toEqual([meaning]);
  expect(meanings(search({ [name]: inSearch }).conditions)).toEqual([meaning]);
  expect(query({ [name]: inQuery }).conditions[0]?.parameter).toBe(name);
});

test.each(['thing_ids', 'kind', 'name_contains', 'amount_gt', 'start_date_lte', 'has_start'])(
  '%s that is left out, null or empty does not filter',
  (name) => {
    expect(query({}).conditions).toEqual([]);
    expect(search({ [name]: null }).conditions).toEqual([]);
    if (name === 'thing_ids') expect([search({ [name]: [] }), query({ [name]: '' })].map(({ conditions }) => conditions)).toEqual([[], []]);
    else if (name !== 'has_start') expect(search({ [name]: '' }).conditions).toEqual([]);
  },
);

test('what says how the answer is shown does not filter', () => {
  expect(query({ with_parts: 'true' }).conditions).toEqual([]);
  expect(ThingList.search.parse({ with_parts: true }).with_parts).toBe(true);
});

test('a map filters searches only', () => {
  expect(meanings(search({ metadata: { a: 'b' } }).conditions)).toEqual([{ column: 'metadata', is: 'holds', pairs: { a: 'b' } }]);
  expect(query({ metadata: 'a' }).conditions).toEqual([]);
});

describe('the filter language', () => {
  const filter = (field: string, operator: string, value: object) =>
    meanings(search({ filters: [{ field, operator, data_type: 'string', value }] }).conditions)[0];

  test.each([
    ['gt', 1.5, { is: 'gt', value: 1 }],
    ['gte', 1.5, { is: 'gte', value: 2 }],
    ['lt', 1.5, { is: 'lt', value: 2 }],
    ['before', 2, { is: 'lt', value: 2 }],
    ['eq', 1.5, { is: 'in', values: [] }],
    ['eq', '-7', { is: 'eq', value: -7 }],
    ['gt', '1e30', { is: 'in', values: [] }],
    ['lt', '1e30', { is: 'set' }],
    ['gt', '-1e30', { is: 'set' }],
    ['lt', '-1e30', { is: 'in', values: [] }],
    ['eq', '1e30', { is: 'in', values: [] }],
  ])('whole numbers, %s %s', (operator, value, meaning) => {
    expect(filter('rank', operator, typeof value === 'string' ? { string: value } : { number: value })).toEqual({
      column: 'rank',
      ...meaning,
    });
  });

  test('of whole numbers, those that a column can hold', () => {
    expect(filter('rank', 'in', { array: ['1', '1.5', '1e30', '-2'] })).toEqual({ column: 'rank', is: 'in', values: [1, -2] });
  });

  test.each([
    [{ field: 'tenant_id', operator: 'eq', value: { string: 'x' } }, 'filters[0].field'],
    [{ field: '__proto__', operator: 'eq', value: { string: 'x' } }, 'filters[0].field'],
    [{ field: 'constructor', operator: 'eq', value: { string: 'x' } }, 'filters[0].field'],
    [{ field: 'name', operator: 'in', value: { string: 'x' } }, 'filters[0].value'],
    [{ field: 'name', operator: 'eq', value: {} }, 'filters[0].value'],
    [{ field: 'rank', operator: 'eq', value: { string: '1', number: 2 } }, 'filters[0].value'],
    [{ field: 'name', operator: 'in', value: { string: 'a', array: ['b'] } }, 'filters[0].value'],
    [{ field: 'name', operator: 'eq', value: { array: ['b'] } }, 'filters[0].value'],
    [{ field: 'rank', operator: 'gt', value: { number: 1, boolean: true } }, 'filters[0].value'],
    [{ field: 'name', operator: 'eq', value: { string: 'a\u0000b' } }, 'filters[0].value'],
    [{ field: 'amount', operator: 'eq', value: { string: '0x10' } }, 'filters[0].value'],
    [{ field: 'amount', operator: 'contains', value: { string: '1' } }, 'filters[0].value'],
    [{ field: 'start_date', operator: 'after', value: { string: '2026-01-01' } }, 'filters[0].value'],
  ])('%j is refused by name', (given, field) => {
    expect(() => search({ filters: [{ data_type: 'string', ...given }] })).toThrow(
      expect.objectContaining({ details: expect.objectContaining({ field }) }),
    );
  });
});

test('newest first unless told otherwise, by one field or by several', () => {
  expect(query({}).sort).toEqual([{ column: 'createdAt', kind: 'date', direction: 'desc' }]);
  expect(search({ sort: [] }).sort).toEqual([{ column: 'createdAt', kind: 'date', direction: 'desc' }]);
  expect(query({ sort: 'start_date', order: 'asc' }).sort).toEqual([{ column: 'startDate', kind: 'date', direction: 'asc' }]);
  expect(search({ sort: [{ field: 'name' }, { field: 'rank', direction: 'asc' }] }).sort).toEqual([
    { column: 'name', kind: 'string', direction: 'desc' },
    { column: 'rank', kind: 'integer', direction: 'asc' },
  ]);
  expect(() => query({ sort: 'secret' })).toThrow('sort: unknown field');
  expect(() => search({ sort: [{ field: 'name' }, { field: 'secret' }] })).toThrow('sort[1].field');
});

test('pages of one list share a fingerprint, and another list, tenant, filter or order has another', () => {
  const { fingerprint } = query({ limit: 10 });
  expect(query({ limit: 20, offset: 5, expand: 'x' }).fingerprint).toBe(fingerprint);
  const other = systemContext('tenant_1', 'env_2', 'test');
  const others = [
    query({ sort: 'name' }),
    query({ order: 'asc' }),
    query({ kind: 'a' }),
    query({ status: 'archived' }),
    ThingList.read(other, ThingList.query.parse({})),
  ];
  expect(new Set([fingerprint, ...others.map((request) => request.fingerprint)]).size).toBe(6);
});
