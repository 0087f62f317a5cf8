import fc from 'fast-check';
import { DateTime } from 'luxon';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, startTestApi, type TestApi } from '../support/api.ts';

// Lists of every kind: pages by cursor, filters that mean what they say, and bounds that say so.

let now = DateTime.utc(2026, 3, 1);
let api: TestApi;

const make = async (path: string, body: object): Promise<string> => {
  const answer = await api.request('POST', path, body);
  if (answer.status !== 201) throw new Error(answer.text);
  return answer.body.id;
};
const search = (path: string, body: object): Promise<Answer> => api.request('POST', `${path}/search`, body);
const idsOf = ({ body }: Answer): string[] => body.items.map(({ id }: { id: string }) => id);
const filter = (field: string, operator: string, value: object) => ({ field, operator, data_type: 'string', value });

beforeAll(async () => {
  api = await startTestApi({ clock: { now: () => now } });
  for (let index = 0; index < 23; index += 1) {
    // Several of an age, several of a name, some without an e-mail or an order.
    if (index % 3 === 0) now = now.plus({ minutes: 1 });
    await make('/v1/customers', {
      external_id: `c-${index}`,
      name: `name ${index % 4}`,
      email: index % 3 === 1 ? `${'ab'[index % 2]}@example.com` : null,
    });
    await make('/v1/plans', { name: `plan ${index}`, display_order: index % 5 === 0 ? null : (index % 5) - 3 });
  }
  const planId = await make('/v1/plans', { name: 'priced' });
  for (const amount of ['0.1', '0.10000000000000000001', '0.1', '7', '100000000000000001', '100000000000000002', '3.50']) {
    await make('/v1/prices', {
      entity_type: 'PLAN',
      entity_id: planId,
      type: 'FIXED',
      billing_model: 'FLAT_FEE',
      billing_period: 'MONTHLY',
      billing_period_count: 1,
      price_unit_type: 'FIAT',
      invoice_cadence: 'ADVANCE',
      currency: 'usd',
      amount,
    });
  }
});
afterAll(() => api.close());

describe('pages by cursor', () => {
  const lists = [
    ['/v1/customers', ['created_at', 'updated_at', 'id', 'status', 'name', 'email', 'external_id', 'timezone', 'created_by']],
    ['/v1/plans', ['created_at', 'display_order', 'name', 'lookup_key']],
    ['/v1/prices', ['amount', 'sequence', 'start_date', 'currency', 'billing_period_count', 'created_at']],
  ] as const;

  test.each(lists.flatMap(([path, fields]) => fields.flatMap((field) => [[path, field, 'asc'] as const, [path, field, 'desc'] as const])))(
    '%s by %s %s hold every row once, in the order of the whole list',
    async (path, sort, order) => {
      const all = await api.request('GET', `${path}?limit=1000&sort=${sort}&order=${order}`);
      expect(all.body.pagination.next_cursor).toBeUndefined();
      for (const limit of [1, 4, 22]) {
        const seen: string[] = [];
        let cursor: string | undefined;
        do {
          const page = await api.request('GET', `${path}?limit=${limit}&sort=${sort}&order=${order}${cursor ? `&cursor=${cursor}` : ''}`);
          expect(page.status, page.text).toBe(200);
          seen.push(...idsOf(page));
          expect(page.body.pagination).toMatchObject({ total: all.body.items.length, limit });
          cursor = page.body.pagination.next_cursor;
          if (cursor) expect(page.body.pagination.offset).toBe(seen.length);
        } while (cursor);
        expect(seen).toEqual(idsOf(all));
      }
    },
  );

  test('go on where they were when rows are made and deleted meanwhile', async () => {
    const first = await search('/v1/customers', { limit: 5, sort: [{ field: 'created_at', direction: 'asc' }] });
    const [gone = ''] = idsOf(first).slice(-1);
    await api.request('DELETE', `/v1/customers/${gone}`);
    const next = await search('/v1/customers', {
      limit: 5,
      sort: [{ field: 'created_at', direction: 'asc' }],
      cursor: first.body.pagination.next_cursor,
    });
    const rest = await search('/v1/customers', { limit: 5, offset: 4, sort: [{ field: 'created_at', direction: 'asc' }] });
    expect(idsOf(next)).toEqual(idsOf(rest));
  });

  test.each([
    ['another order', { sort: 'name' }],
    ['another direction', { order: 'asc' }],
    ['another filter', { email: 'a@example.com' }],
    ['another filter of the language', { filters: [filter('name', 'eq', { string: 'name 1' })] }],
    ['another status', { status: 'archived' }],
    ['an offset', { offset: 1 }],
  ])('belong to their list: with %s they are refused by name', async (_, asked) => {
    const { next_cursor: cursor } = (await search('/v1/customers', { limit: 1 })).body.pagination;
    const answer = await search('/v1/customers', { limit: 1, cursor, ...asked });
    expect([answer.status, answer.body.details?.field], answer.text).toEqual([400, 'cursor']);
  });

  test('belong to their tenant, their environment and their list', async () => {
    const { next_cursor: cursor } = (await search('/v1/customers', { limit: 1 })).body.pagination;
    const other = await api.tenant('Other');
    const answers = [
      await other.request('GET', `/v1/customers?limit=1&cursor=${cursor}`),
      await api.request('GET', `/v1/plans?limit=1&cursor=${cursor}`),
      await api.request('GET', '/v1/customers?cursor=abc'),
      await api.request('GET', `/v1/customers?cursor=${cursor.slice(2)}`),
    ];
    expect(answers.map(({ status, body }) => [status, body.details?.field])).toEqual(answers.map(() => [400, 'cursor']));
  });

  test('an empty cursor begins at the beginning', async () => {
    expect(idsOf(await api.request('GET', '/v1/customers?limit=3&cursor='))).toEqual(
      idsOf(await api.request('GET', '/v1/customers?limit=3')),
    );
  });

  test('whatever is sent as one is answered with 200 or refused by name', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.base64String()), async (cursor) => {
        const answer = await search('/v1/customers', { cursor });
        expect(answer.status === 200 ? cursor : answer.body.details.field).toBe(answer.status === 200 ? '' : 'cursor');
      }),
      { numRuns: 50 },
    );
  });

  test('several fields sort without one, and rows come in their order', async () => {
    const { body } = await search('/v1/customers', {
      limit: 7,
      sort: [{ field: 'name', direction: 'asc' }, { field: 'external_id' }],
    });
    const rows: { name: string; external_id: string }[] = body.items;
    const sorted = rows.toSorted((a, b) => a.name.localeCompare(b.name) || (a.external_id < b.external_id ? 1 : -1));
    expect(rows).toEqual(sorted);
    expect(body.pagination.next_cursor).toBeUndefined();
  });
});

describe('filters', () => {
  test('what is not in, or does not contain, is also what has no value', async () => {
    const total = async (...filters: object[]) => (await search('/v1/customers', { filters })).body.pagination.total;
    const all = await total();
    const [a, b] = [
      await total(filter('email', 'eq', { string: 'a@example.com' })),
      await total(filter('email', 'eq', { string: 'b@example.com' })),
    ];
    expect([a > 0, b > 0, all > a + b]).toEqual([true, true, true]);
    expect(await total(filter('email', 'not_in', { array: ['a@example.com'] }))).toBe(all - a);
    expect(await total(filter('email', 'not_in', { array: [] }))).toBe(all);
    expect(await total(filter('email', 'not_contains', { string: 'A@' }))).toBe(all - a);
    expect(await total(filter('email', 'in', { array: [] }))).toBe(0);
  });

  test('an empty list, or an empty text, as a typed filter does not filter', async () => {
    const all = idsOf(await search('/v1/customers', {}));
    expect(idsOf(await search('/v1/customers', { customer_ids: [], external_ids: [], email: '' }))).toEqual(all);
    expect(idsOf(await api.request('GET', '/v1/customers?external_ids=&email='))).toEqual(all);
  });

  test.each([
    ['gt', '0.1', ['0.10000000000000000001', '7', '100000000000000001', '100000000000000002', '3.5']],
    ['gte', '0.1', ['0.1', '0.10000000000000000001', '0.1', '7', '100000000000000001', '100000000000000002', '3.5']],
    ['lt', '0.10000000000000000001', ['0.1', '0.1']],
    ['eq', '100000000000000001', ['100000000000000001']],
    ['gt', '100000000000000001', ['100000000000000002']],
    ['lt', '-1e400', []],
    ['lt', '1e400', ['0.1', '0.10000000000000000001', '0.1', '7', '100000000000000001', '100000000000000002', '3.5']],
  ])('numbers are compared exactly: %s %s', async (operator, value, amounts) => {
    const { body } = await search('/v1/prices', {
      filters: [filter('amount', operator, { string: value })],
      sort: [{ field: 'sequence', direction: 'asc' }],
    });
    expect(body.items.map(({ amount }: { amount: string }) => amount)).toEqual(amounts);
  });

  test('numbers in a list are compared exactly', async () => {
    const { body } = await search('/v1/prices', { filters: [filter('amount', 'in', { array: ['0.10', '100000000000000002', '8'] })] });
    expect(body.pagination.total).toBe(3);
    const others = await search('/v1/prices', { filters: [filter('amount', 'not_in', { array: ['0.10', '100000000000000002', '8'] })] });
    expect(others.body.pagination.total).toBe(4);
  });

  test('whole numbers are compared with any number', async () => {
    const orders = async (operator: string, value: object): Promise<number[]> =>
      (await search('/v1/plans', { filters: [filter('display_order', operator, value)] })).body.items
        .map((plan: { display_order: number }) => plan.display_order)
        .sort();
    expect(new Set(await orders('gt', { number: -0.5 }))).toEqual(new Set([0, 1]));
    expect(new Set(await orders('lt', { number: -1.5 }))).toEqual(new Set([-2]));
    expect(await orders('eq', { string: '0.5' })).toEqual([]);
    expect(new Set(await orders('in', { array: ['1', '1e30', '0.5'] }))).toEqual(new Set([1]));
  });

  test.each(['/v1/customers', '/v1/meters', '/v1/plans', '/v1/features'])(
    'an unknown part to expand is refused by name: %s',
    async (path) => {
      const answer = await api.request('GET', `${path}?expand=bogus`);
      expect([answer.status, answer.body.details.field]).toEqual([400, 'expand']);
    },
  );
});
