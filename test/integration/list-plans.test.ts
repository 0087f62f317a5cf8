import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { FeatureList } from '#catalog/contracts/feature.ts';
import { PlanList } from '#catalog/contracts/plan.ts';
import { PriceList } from '#catalog/contracts/price.ts';
import { CostsheetList } from '#costs/contracts/costsheet.ts';
import { CustomerList } from '#customers/contracts.ts';
import { EntitlementList } from '#entitlements/contracts.ts';
import { InvoiceList } from '#invoicing/contracts/queries.ts';
import { type RequestContext, systemContext } from '#kernel/context.ts';
import { MeterList } from '#metering/contracts/meter.ts';
import { createDatabase, type Database } from '#platform/postgres/database.ts';
import { indexedAs } from '#platform/resource/where.ts';
import { resourceTable } from '#platform/resource/table.ts';
import { type ListRequest, narrowed } from '#platform/resource/listing.ts';
import { COUNTED, LOOKED_AT } from '#platform/resource/total.ts';
import { SubscriptionList } from '#subscriptions/contracts/queries.ts';
import { ApiKeyList, EnvironmentList } from '#tenancy/contracts.ts';
import { createTestPostgres, superuser, type TestPostgres } from '../support/engines.ts';
import { fillTable } from '../support/many-rows.ts';

// What a list costs does not depend on how many rows there are. Every statement of a list is explained on many rows:
// FLEXPRICE_TEST_LIST_ROWS=1000000 npm test -- test/integration/list-plans.test.ts

const ROWS = Number(process.env.FLEXPRICE_TEST_LIST_ROWS ?? 60_000);
const LISTS = [
  CustomerList,
  PlanList,
  FeatureList,
  CostsheetList,
  EntitlementList,
  PriceList,
  SubscriptionList,
  InvoiceList,
  MeterList,
  ApiKeyList,
  EnvironmentList,
] as const;
const PAGE = 50;
/** Rows that a page looks at when an index has its order and its condition: itself, the row that says whether there are more, and some of others. */
const FEW = 2 * PAGE;
/** And when a filter is met by few rows of an order: the less there are, the further it looks, until their own index is the shorter way. */
const SOME = LOOKED_AT;

let postgres: TestPostgres;
let database: Database;
let client: pg.Client;
const ctx: RequestContext = systemContext('tenant_many', 'env_many', 'test');

interface Node {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly Node[];
}
interface Cost {
  readonly text: string;
  /** Rows of the table that were looked at. */
  readonly looked: number;
  readonly sorted: number;
  readonly scans: readonly string[];
}

beforeAll(async () => {
  postgres = await createTestPostgres();
  database = createDatabase(postgres.config);
  client = new pg.Client(superuser(postgres.config.database));
  await client.connect();
}, 60_000);
afterAll(async () => {
  await Promise.all([client.end(), database.close()]);
  await postgres.drop();
});

const nodesOf = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

/** What Postgres does for a statement of the product's own role. */
async function costOf(table: string, text: string, values: unknown[]): Promise<Cost> {
  await client.query('begin');
  try {
    await client.query(`select set_config('app.tenant_id', $1, true), set_config('app.environment_id', $2, true)`, [
      ctx.tenantId,
      ctx.environmentId,
    ]);
    await client.query('set local role flexprice_app');
    const { rows } = await client.query(`explain (analyze, timing off, format json) ${text}`, values);
    const nodes = nodesOf(rows[0]['QUERY PLAN'][0].Plan);
    // An estimate looks at so many blocks, however long the table is.
    const own = nodes.filter((node) => node['Relation Name'] === table && node['Node Type'] !== 'Sample Scan');
    const sorts = nodes.filter((node) => node['Node Type'].includes('Sort')).flatMap((node) => node.Plans ?? []);
    return {
      text,
      looked: own.reduce((sum, node) => sum + (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'], 0),
      sorted: Math.max(0, ...sorts.map((node) => node['Actual Rows'] * node['Actual Loops'])),
      scans: own.map((node) => node['Node Type']),
    };
  } finally {
    await client.query('rollback');
  }
}

describe.each(LISTS.map((list) => [list.name, list] as const))('%s', (table, list) => {
  // biome-ignore lint/suspicious/noExplicitAny: tables of every kind
  const rows = resourceTable(table as any, {
    entity: table,
    large: ['secrets', 'environments', 'meters', 'entitlements'].includes(table) ? [] : ['metadata' as never],
  });
  // biome-ignore lint/suspicious/noExplicitAny: rows of every kind
  let sample: any;

  const ask = async (parameters: object) => {
    const query = vi.spyOn(pg.Client.prototype, 'query');
    const page = await database
      .withTenant(ctx, (tx) => rows.list(tx, list.read(ctx, { limit: PAGE, offset: 0, ...parameters })))
      .catch((error: unknown) => error as Error);
    const statements = query.mock.calls
      .map(([text, values]) => ({ text: text as unknown, values: values as unknown }))
      .filter((call): call is { text: string; values: unknown[] } => typeof call.text === 'string' && call.text.includes(`"${table}"`));
    query.mockRestore();
    const costs = [];
    for (const { text, values } of statements) costs.push(await costOf(table, text, values));
    return { page, pageCost: costs[0] as Cost, costs };
  };
  const expectNoWholeTable = (costs: readonly Cost[]) => {
    for (const { scans, text } of costs) expect(scans, text).not.toContain('Seq Scan');
  };
  const equal = (field: string, value: unknown) => ({
    field,
    operator: 'eq' as const,
    data_type: 'string' as const,
    value: list.fields[field] === 'date' ? { date: value } : { string: String(value) },
  });
  const fields = Object.keys(list.fields);
  const column = (field: string) => field.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

  beforeAll(async () => {
    await fillTable(postgres.config.database, ctx, table, ROWS);
    const { page } = await ask({ offset: 101, limit: 1 });
    sample = (page as { readonly items: readonly unknown[] }).items[0];
  }, 600_000);

  test.each(fields.flatMap((field) => [[field, 'asc'] as const, [field, 'desc'] as const]))('sorted by %s %s', async (sort, order) => {
    const { page, pageCost, costs } = await ask({ sort, order });
    expect(pageCost.looked, pageCost.text).toBeLessThanOrEqual(FEW);
    expect(pageCost.sorted).toBeLessThanOrEqual(FEW);
    expect(Math.max(...costs.map(({ looked }) => looked))).toBeLessThanOrEqual(COUNTED + 1);
    expectNoWholeTable(costs);
    expect(page).toMatchObject({ isEstimate: true });
    expect((page as { total: number }).total / (ROWS * 0.9)).toBeCloseTo(1, 0);
  });

  test.each(fields)(
    'by cursor from the middle, sorted by %s',
    async (sort) => {
      for (const order of ['asc', 'desc'] as const) {
        const { page } = await ask({ sort, order, offset: Math.floor(ROWS / 2) });
        const { pageCost, costs } = await ask({ sort, order, cursor: (page as { next: string }).next });
        expect(pageCost.looked, pageCost.text).toBeLessThanOrEqual(FEW);
        expect(pageCost.sorted).toBeLessThanOrEqual(FEW);
        expectNoWholeTable(costs);
      }
    },
    60_000,
  );

  test.each(fields.filter((field) => field !== 'status'))('filtered by %s, newest first', async (field) => {
    const value = sample[column(field)];
    if (value === null) return;
    const { pageCost, costs } = await ask({ filters: [equal(field, value)] });
    expect(pageCost.looked, pageCost.text).toBeLessThanOrEqual(field === 'id' ? 1 : FEW);
    expect(pageCost.sorted).toBeLessThanOrEqual(FEW);
    expect(Math.max(...costs.map(({ looked }) => looked))).toBeLessThanOrEqual(5 * COUNTED);
    expectNoWholeTable(costs);
  });

  test('filtered by any field, sorted by any other', async () => {
    for (const [index, field] of fields.entries()) {
      const sort = fields[(index * 7 + 3) % fields.length] as string;
      if (field === 'status' || sample[column(field)] === null) continue;
      const { costs } = await ask({ sort, filters: [equal(field, sample[column(field)])] });
      for (const { looked, sorted, text } of costs) {
        expect(looked, `${field}, ${sort}: ${text}`).toBeLessThanOrEqual(SOME);
        expect(sorted, `${field}, ${sort}: ${text}`).toBeLessThanOrEqual(SOME);
      }
      expectNoWholeTable(costs);
    }
  }, 120_000);

  test('a text that few rows contain is refused by name after a bounded look, one that many do is found', async () => {
    const contains = (text: string) => ({
      filters: [{ field: 'created_by', operator: 'contains' as const, data_type: 'string' as const, value: { string: text } }],
    });
    const few = await ask(contains('no such thing'));
    expect(few.page).toMatchObject({ details: { field: 'filters[0]' } });
    // Half of a small table is read as a whole; of a large one there is no more than the bound.
    for (const { looked } of few.costs) expect(looked).toBeLessThanOrEqual(2 * LOOKED_AT);
    const many = await ask(contains('created_by'));
    if (ROWS > 4 * LOOKED_AT) expect(many.pageCost.looked).toBeLessThanOrEqual(FEW);
    expect(many.page).toMatchObject({ isEstimate: true, items: { length: PAGE } });
    if (ROWS > 4 * LOOKED_AT) expectNoWholeTable([...few.costs, ...many.costs]);
  });

  test('an order by several fields is refused by name after a bounded look', async () => {
    const { page, costs } = await ask({
      sort: [
        { field: 'created_by', direction: 'asc' },
        { field: 'updated_at', direction: 'desc' },
      ],
    });
    expect(page).toMatchObject({ details: { field: 'sort' } });
    for (const { looked } of costs) expect(looked).toBeLessThanOrEqual(2 * LOOKED_AT);
  });

  test('what is known of a long list says nothing about a part of it', async () => {
    const request = list.read(ctx, { limit: 1, offset: 0 });
    const listed = (asked: ListRequest) => database.withTenant(ctx, (tx) => rows.list(tx, asked));
    expect(await listed(request)).toMatchObject({ isEstimate: true });
    const few = narrowed(request, { column: 'createdAt', is: 'gte', value: sample.createdAt });
    const { total } = await listed(few);
    expect(await listed(few)).toMatchObject({ total, isEstimate: false });
    expect(total).toBeLessThan(COUNTED);
  });

  test('typed filters have an index, too', async () => {
    const { rows: found } = await client.query<{ columns: string }>(
      `select array_to_string(array(select a.attname from unnest(i.indkey) with ordinality k (number, place)
         join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number order by place), ',') as columns
       from pg_index i where i.indrelid = $1::regclass`,
      [table],
    );
    const indexes = found.map(({ columns }) => columns.split(','));
    const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const conditions = Object.entries(list.filters).flatMap(([, filter]) => {
      for (const value of ['x', ['x'], true, sample.createdAt]) {
        try {
          return filter.conditions(value as never);
        } catch {}
      }
      return [];
    });
    for (const { column: name, is } of conditions) {
      if (is === 'holds' || is === 'contains' || is === 'openAfter') continue;
      const key = snake(name);
      const served =
        indexes.some((columns) => columns.includes(key) && columns.indexOf(key) <= 3) ||
        indexes.some((columns) => columns.includes(snake(indexedAs(name))));
      expect(served, `${table}.${key}`).toBe(true);
    }
  });
});
