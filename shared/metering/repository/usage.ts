import { DateTime } from 'luxon';
import type { RequestContext } from '#kernel/context.ts';
import { Decimal, ZERO } from '#kernel/decimal.ts';
import type { ClickHouse } from '#platform/clickhouse/client.ts';
import { figureOf, floorTotal, type Usage, type UsagePoint, type UsageQuery, type UsageSums } from '../domain/usage.ts';
import { Bindings, FINAL_SETTINGS, tenantCondition } from './sql.ts';
import { statementsOf } from './statements.ts';
import { type UsageRow, usageSql } from './usage-sql.ts';
import { checkBucketCount } from './windows-sql.ts';

/** Questions that travel in one statement: fewer cost round trips. */
const PER_STATEMENT = 25;

/** How watermarks are looked up: of a set of customers together, and of each of some. */
interface Watermarks {
  ofAll(ctx: RequestContext, externalCustomerIds: readonly string[] | null): Promise<DateTime | null>;
  ofEach(ctx: RequestContext, externalCustomerIds: readonly string[]): Promise<Map<string, DateTime>>;
}

export type UsageRepository = ReturnType<typeof createUsageRepository>;

/** Usage numbers from stored events. Throws `service_unavailable` when ClickHouse does not answer. */
export function createUsageRepository(clickhouse: ClickHouse) {
  /**
   * When the newest stored event of the customers was accepted. For one customer the numbers are complete up to then, because its
   * events are in one partition and are stored in their order; of several, another may still have earlier events on the way.
   */
  const watermark = async (ctx: RequestContext, externalCustomerIds: readonly string[] | null): Promise<DateTime | null> => {
    const bindings = new Bindings();
    const customers = externalCustomerIds === null ? '' : ` AND external_customer_id IN ${bindings.bind('Array(String)', externalCustomerIds)}`;
    const [row] = await clickhouse.query<{ millis: string; events: string }>(
      `SELECT toUnixTimestamp64Milli(max(ingested_at)) AS millis, count() AS events FROM events WHERE ${tenantCondition(bindings, ctx)}${customers}`, bindings.parameters);
    return row === undefined || row.events === '0' ? null : DateTime.fromMillis(Number(row.millis), { zone: 'utc' });
  };

  /** The same of each customer alone; those without events are left out. */
  const eachWatermark = async (ctx: RequestContext, externalCustomerIds: readonly string[]): Promise<Map<string, DateTime>> => {
    const bindings = new Bindings();
    const rows = await clickhouse.query<{ customer: string; millis: string }>(
      `SELECT external_customer_id AS customer, toUnixTimestamp64Milli(max(ingested_at)) AS millis FROM events
       WHERE ${tenantCondition(bindings, ctx)} AND external_customer_id IN ${bindings.bind('Array(String)', externalCustomerIds)} GROUP BY external_customer_id`, bindings.parameters);
    return new Map(rows.map(({ customer, millis }) => [customer, DateTime.fromMillis(Number(millis), { zone: 'utc' })]));
  };

  return {
    watermark,

    /** Answers in the order of the questions. The watermark is read before the numbers, so they hold at least what it promises. */
    async usages(ctx: RequestContext, queries: readonly UsageQuery[]): Promise<Usage[]> {
      for (const { window, range } of queries) if (window !== null) checkBucketCount(range, window.size);
      const marks = await watermarks(ctx, queries, { ofAll: watermark, ofEach: eachWatermark });
      const answers: Usage[] = [];
      for (const chunk of statementsOf(queries, (query) => query, PER_STATEMENT)) {
        const from = answers.length;
        const { sql, bindings } = usageSql(ctx, chunk);
        const rows = await clickhouse.query<UsageRow>(sql, bindings.parameters, FINAL_SETTINGS);
        const byQuestion = Map.groupBy(rows, (row) => Number(row.question));
        answers.push(...chunk.map((query, at) => usageOf(query, byQuestion.get(at) ?? [], marks[from + at] ?? null)));
      }
      return answers;
    },
  };
}

/** One look-up for all single customers together, however many, and one for any other set of them. */
async function watermarks(ctx: RequestContext, queries: readonly UsageQuery[], marks: Watermarks): Promise<(DateTime | null)[]> {
  const single = ({ externalCustomerIds }: UsageQuery): string | null => (externalCustomerIds?.length === 1 ? (externalCustomerIds[0] as string) : null);
  const customers = [...new Set(queries.map(single).filter((id) => id !== null))];
  const ofCustomers = customers.length === 0 ? Promise.resolve(new Map<string, DateTime>()) : marks.ofEach(ctx, customers);
  const ofSets = new Map<string, Promise<DateTime | null>>();
  return Promise.all(queries.map(async (query) => {
    const customer = single(query);
    if (customer !== null) return (await ofCustomers).get(customer) ?? null;
    const key = JSON.stringify(query.externalCustomerIds);
    const mark = ofSets.get(key) ?? marks.ofAll(ctx, query.externalCustomerIds);
    ofSets.set(key, mark);
    return mark;
  }));
}

function usageOf(query: UsageQuery, rows: readonly UsageRow[], mark: DateTime | null): Usage {
  const total = rows.find((row) => Number(row.total) === 1);
  // A window or group whose events had no usable value is as absent as one without events.
  const points = rows.filter((row) => Number(row.total) === 0 && row.events !== '0').map((row) => pointOf(query, row)).sort(inOrder);
  return { ...floorTotal(figureOf(query, total === undefined ? { amount: ZERO, eventCount: 0 } : sumsOf(total))), points, watermark: mark };
}

function pointOf(query: UsageQuery, row: UsageRow): UsagePoint {
  return {
    ...figureOf(query, sumsOf(row)),
    windowStart: Number(row.windowed) === 1 ? DateTime.fromMillis(Number(row.window_start), { zone: 'utc' }) : null,
    group: Number(row.grouped) === 1 ? row.group_text : null,
  };
}

function sumsOf(row: UsageRow): UsageSums {
  return { amount: row.amount === null ? null : new Decimal(row.amount), eventCount: Number(row.events) };
}

function inOrder(a: UsagePoint, b: UsagePoint): number {
  const time = (a.windowStart?.toMillis() ?? 0) - (b.windowStart?.toMillis() ?? 0);
  if (time !== 0) return time;
  return (a.group ?? '') < (b.group ?? '') ? -1 : (a.group ?? '') > (b.group ?? '') ? 1 : 0;
}
