import fc from 'fast-check';
import { sql } from 'kysely';
import { DateTime } from 'luxon';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PlanList } from '#catalog/contracts/plan.ts';
import { PriceList } from '#catalog/contracts/price.ts';
import { CustomerList } from '#customers/contracts.ts';
import { Decimal } from '#kernel/decimal.ts';
import type { Listing } from '#platform/resource/listing.ts';
import { startTestApi, type TestApi } from '../support/api.ts';

// Any filters, any order and any page of a list, against a plain walk over all of its rows as the API shows them.

type Item = Readonly<Record<string, unknown>> & { readonly id: string };
interface Filter {
  readonly field: string;
  readonly operator: string;
  readonly data_type: 'string' | 'number' | 'date' | 'array';
  readonly value: { readonly string?: string; readonly number?: number; readonly date?: string; readonly array?: readonly string[] };
}
interface Asked {
  readonly filters: readonly Filter[];
  readonly sort: readonly { readonly field: string; readonly direction: 'asc' | 'desc' }[];
  readonly limit: number;
  readonly offset: number;
}

const LISTS = [
  ['/v1/customers', CustomerList as unknown as Listing],
  ['/v1/plans', PlanList as unknown as Listing],
  ['/v1/prices', PriceList as unknown as Listing],
] as const;
const RUNS = Number(process.env.FLEXPRICE_TEST_FUZZ_RUNS ?? 150);

let now = DateTime.utc(2026, 3, 1);
let api: TestApi;
const rows = new Map<string, readonly Item[]>();

beforeAll(async () => {
  api = await startTestApi({ clock: { now: () => now } });
  const make = async (path: string, body: object): Promise<string> => {
    const answer = await api.request('POST', path, body);
    expect(answer.status, answer.text).toBe(201);
    return answer.body.id;
  };
  const plans: string[] = [];
  for (let n = 0; n < 40; n += 1) {
    if (n % 4 !== 3) now = now.plus({ seconds: n });
    await make('/v1/customers', {
      external_id: `c-${(n * 7) % 40}`,
      name: ['ada', 'Ada', 'Łukasz', '100%', 'under_score', 'back\\slash', "O'Neill", '日本'][n % 8],
      email: n % 3 === 0 ? null : `${n % 5}@example.com`,
      contact: n % 2 === 0 ? null : `${n}`,
      timezone: n % 4 === 0 ? 'Asia/Tokyo' : null,
    });
    plans.push(
      await make('/v1/plans', {
        name: `plan ${n % 6}`,
        lookup_key: n % 2 ? `p${n}` : null,
        display_order: n % 5 === 0 ? null : (n % 7) - 3,
      }),
    );
    await make('/v1/prices', {
      entity_type: 'PLAN',
      entity_id: plans[n % 3],
      type: 'FIXED',
      billing_model: 'FLAT_FEE',
      billing_period: n % 2 ? 'MONTHLY' : 'ANNUAL',
      billing_period_count: 1 + (n % 3),
      price_unit_type: 'FIAT',
      invoice_cadence: n % 2 ? 'ADVANCE' : 'ARREAR',
      currency: n % 3 ? 'usd' : 'eur',
      amount: ['0.1', '0.10000000000000000001', '7', '100000000000000001', '100000000000000002', '3.50', '0'][n % 7],
      display_name: n % 4 ? `Price ${n % 4}` : null,
    });
  }
  for (const [path] of LISTS) rows.set(path, (await api.request('GET', `${path}?limit=1000`)).body.items);
}, 120_000);
afterAll(() => api.close());

/** Null sorts and compares as having no value. */
const fieldOf = (item: Item, field: string): unknown => item[field] ?? null;
const bytes = (text: unknown) => Buffer.from(String(text), 'utf8');
function compared(a: unknown, b: unknown, kind: string): number {
  if (kind === 'string') return Buffer.compare(bytes(a), bytes(b));
  if (kind === 'date') return DateTime.fromISO(String(a)).toMillis() - DateTime.fromISO(String(b)).toMillis();
  return new Decimal(String(a)).cmp(new Decimal(String(b)));
}

function isMet({ field, operator, value }: Filter, item: Item, kind: string): boolean {
  const own = fieldOf(item, field);
  const array = value.array ?? [];
  const isListed = own !== null && array.some((one) => compared(own, one, kind) === 0);
  const isContained = own !== null && String(own).toLowerCase().includes(String(value.string).toLowerCase());
  if (operator === 'in') return isListed;
  if (operator === 'not_in') return !isListed;
  if (operator === 'contains') return isContained;
  if (operator === 'not_contains') return !isContained;
  if (own === null) return false;
  const order = compared(own, value.string ?? value.number ?? value.date, kind);
  return { eq: order === 0, gt: order > 0, after: order > 0, gte: order >= 0, lt: order < 0, before: order < 0 }[operator] as boolean;
}

/** Rows without a value come last going up and first going down; equal ones by age and id, in the direction of the first field. */
function inOrder(items: readonly Item[], sort: Asked['sort'], list: Listing): Item[] {
  const [{ direction: first }] = sort as [Asked['sort'][number]];
  const ends = sort.length === 1 ? ['created_at', 'id'] : ['id'];
  const keys = [...sort, ...ends.map((field) => ({ field, direction: first }))];
  return items.toSorted((a, b) => {
    for (const { field, direction } of keys) {
      const [own, other] = [fieldOf(a, field), fieldOf(b, field)];
      const up =
        own === null || other === null
          ? Number(own === null) - Number(other === null)
          : compared(own, other, list.fields[field] ?? 'string');
      if (up !== 0) return direction === 'asc' ? up : -up;
    }
    return 0;
  });
}

function askedOf(list: Listing, items: readonly Item[]): fc.Arbitrary<Asked> {
  const fields = Object.keys(list.fields);
  const filter = fc.constantFrom(...fields).chain((field): fc.Arbitrary<Filter> => {
    const kind = list.fields[field] ?? 'string';
    const present = items
      .map((item) => fieldOf(item, field))
      .filter((value) => value !== null)
      .map(String);
    const made = (operator: string, data_type: Filter['data_type'], value: Filter['value']): Filter => ({
      field,
      operator,
      data_type,
      value,
    });
    const comparison = fc.constantFrom('eq', 'gt', 'gte', 'lt', 'before', 'after');
    if (kind === 'date') {
      const date = fc.oneof(
        fc.constantFrom(...present, '2026-03-01T00:00:05Z'),
        fc.constantFrom('2020-01-01T00:00:00Z', '2026-03-01T02:00:00+02:00'),
      );
      return fc.tuple(comparison, date).map(([operator, text]) => made(operator, 'date', { date: text }));
    }
    const texts =
      kind === 'string' ? ['', 'a', 'A', '%', '_', '\\', "'", 'é', 'ł', 'zzz'] : ['0', '-1', '0.5', '1e2', '100000000000000001.5'];
    const text = fc.constantFrom(...present, ...texts);
    const listed = fc.tuple(fc.constantFrom('in', 'not_in'), fc.array(text, { maxLength: 4 }));
    const one = fc.tuple(comparison, text).map(([operator, string]) => made(operator, 'string', { string }));
    const many = listed.map(([operator, array]) => made(operator, 'array', { array }));
    if (kind === 'string') {
      const part = fc.oneof(
        text,
        fc.constantFrom(...present, 'x').map((whole) => whole.slice(1, 4)),
      );
      return fc.oneof(
        one,
        many,
        fc.tuple(fc.constantFrom('contains', 'not_contains'), part).map(([operator, string]) => made(operator, 'string', { string })),
      );
    }
    const number = fc.constantFrom(-2.5, 0, 1, 3, 0.1).map((value) => value);
    return fc.oneof(
      one,
      many,
      fc.tuple(comparison, number).map(([operator, value]) => made(operator, 'number', { number: value })),
    );
  });
  const key = fc.record({ field: fc.constantFrom(...fields), direction: fc.constantFrom('asc' as const, 'desc' as const) });
  return fc.record({
    filters: fc.array(filter, { maxLength: 3 }),
    sort: fc.uniqueArray(key, { minLength: 1, maxLength: 3, selector: ({ field }) => field }),
    limit: fc.integer({ min: 1, max: 30 }),
    offset: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 50 })),
  });
}

const everyOrder = (list: Listing): [Asked][] =>
  Object.keys(list.fields).flatMap((field) =>
    (['asc', 'desc'] as const).map((direction): [Asked] => [{ filters: [], sort: [{ field, direction }], limit: 4, offset: 0 }]),
  );

test('the order of exact numbers in an index is theirs', async () => {
  const digits = fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n });
  const decimal = fc.tuple(fc.oneof(digits, fc.bigInt({ min: -20n, max: 20n })), fc.integer({ min: -45, max: 45 }));
  const texts = fc.sample(decimal, 3000).map(([whole, exponent]) => new Decimal(`${whole}e${exponent}`).toString());
  const { rows: compared } = await api.app.database.withTenant(api.ctx, (tx) =>
    sql<{ order: string; exact: number }>`
      select number_order(number) as order, dense_rank() over (order by number) as exact
      from unnest(${[...texts, '1e9999', '-1e9999', '1e-9999', '0', '0.0', '-0']}::numeric[]) as given (number)`.execute(tx),
  );
  const byText = [...new Set(compared.map(({ order }) => order))].sort((a, b) => Buffer.compare(bytes(a), bytes(b)));
  const places = new Map(byText.map((order, index) => [order, index + 1]));
  expect(compared.filter(({ order, exact }) => places.get(order) !== Number(exact))).toEqual([]);
});

test.each(LISTS)(
  '%s',
  async (path, list) => {
    const items = rows.get(path) ?? [];
    expect(items).toHaveLength(40);
    await fc.assert(
      fc.asyncProperty(askedOf(list, items), async (asked) => {
        const answer = await api.request('POST', `${path}/search`, asked);
        expect(answer.status, answer.text).toBe(200);
        const met = inOrder(
          items.filter((item) => asked.filters.every((filter) => isMet(filter, item, list.fields[filter.field] ?? 'string'))),
          asked.sort,
          list,
        );
        const { items: page, pagination } = answer.body;
        expect(page.map(({ id }: Item) => id)).toEqual(met.slice(asked.offset, asked.offset + asked.limit).map(({ id }) => id));
        expect(pagination).toMatchObject({ total: met.length, limit: asked.limit });

        const { next_cursor: cursor } = pagination;
        if (asked.sort.length === 1) expect(cursor !== undefined).toBe(asked.offset + page.length < met.length);
        if (cursor === undefined) return;
        const { offset: _, ...rest } = asked;
        const next = await api.request('POST', `${path}/search`, { ...rest, cursor });
        const from = asked.offset + asked.limit;
        expect(
          next.body.items?.map(({ id }: Item) => id),
          next.text,
        ).toEqual(met.slice(from, from + asked.limit).map(({ id }) => id));
      }),
      { numRuns: RUNS, examples: everyOrder(list) },
    );
  },
  120_000,
);
