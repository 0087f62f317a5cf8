import { DateTime } from 'luxon';
import type { RequestContext } from '#kernel/context.ts';
import { Decimal, ZERO } from '#kernel/decimal.ts';
import { type DomainError, invalid } from '#kernel/errors.ts';
import type { ClickHouse } from '#platform/clickhouse/client.ts';
import {
  type AnswerBounds,
  FOR_PEOPLE,
  type GroupedQuery,
  type GroupedUsage,
  MAX_FIGURES,
  type TimedFigure,
  type UsageGroup,
} from '../domain/grouped-usage.ts';
import { figureOf, floorTotal, type UsageFigure, type UsageRange } from '../domain/usage.ts';
import { type GroupedRow, groupedUsageSql, ROW } from './grouped-usage-sql.ts';
import { Bindings, FINAL_SETTINGS, instant, SAME_ROWS, tenantCondition } from '#platform/clickhouse/sql.ts';
import { statementsOf } from './statements.ts';
import { pointWindow } from './usage-sql.ts';
import { type Mark, watermarkOf, watermarkSql } from './watermark-sql.ts';
import { checkBucketCount, checkWindowCount } from '#platform/clickhouse/windows-sql.ts';
import { ofTenant } from '#platform/clickhouse/tenant.ts';

/** Questions that travel in one statement: more items than a subscription has. */
const PER_STATEMENT = 100;

export type GroupedUsageRepository = ReturnType<typeof createGroupedUsageRepository>;

/** Grouped usage from stored events. Throws `service_unavailable` when ClickHouse does not answer. */
export function createGroupedUsageRepository(clickhouse: ClickHouse) {
  return {
    /**
     * Answers in the order of the questions, with the watermark of `customers` (null: of everybody), up to which they hold everything.
     * Throws a validation error when groups and windows together are more than an answer holds.
     */
    async usages(
      ctx: RequestContext,
      customers: readonly string[] | null,
      questions: readonly GroupedQuery[],
      bounds: AnswerBounds = FOR_PEOPLE,
    ): Promise<{ usages: GroupedUsage[]; watermark: DateTime | null }> {
      for (const { query, buckets } of questions) {
        const window = pointWindow(query);
        if (window !== null) checkWindowCount(query.range, window);
        if (buckets && query.bucketSize !== null) checkBucketCount(query.range, query.bucketSize);
      }
      const usages: GroupedUsage[] = [];
      let watermark: DateTime | null = null;
      for (const [number, chunk] of statementsOf(questions, ({ query }) => query, PER_STATEMENT).entries()) {
        const bindings = new Bindings();
        const figuresSql = groupedUsageSql(bindings, ctx, chunk, bounds);
        // Later statements see at least the rows of the first one: all of them hold what its watermark promises.
        const sql =
          number > 0
            ? figuresSql
            : `(${figuresSql})
UNION ALL SELECT question, toUInt8(0) AS kind, [group_text] AS groups, toInt64(0) AS start, amount, events, []::Array(String) AS sources, toUInt64(0) AS group_count
FROM (${watermarkSql(bindings, ctx, [customers], chunk.length).join('\nUNION ALL\n')})`;
        const byQuestion = Map.groupBy(
          await ofTenant(clickhouse, ctx).query<GroupedRow>(sql, bindings.parameters, { ...FINAL_SETTINGS, ...SAME_ROWS }),
          (row) => Number(row.question),
        );
        const figures = chunk.reduce((count, _, at) => count + (byQuestion.get(at)?.length ?? 0), 0);
        if (figures > MAX_FIGURES) throw tooMany(chunk, byQuestion, bounds);
        usages.push(...chunk.map((question, at) => usageOf(question, byQuestion.get(at) ?? [])));
        if (number === 0) watermark = watermarkOf(customers, marksOf(byQuestion, chunk.length), chunk.length);
      }
      return { usages, watermark };
    },

    /** Names of the events that a customer has in a range, at most `limit`. */
    async eventNames(ctx: RequestContext, externalCustomerId: string, { start, end }: UsageRange, limit: number): Promise<string[]> {
      const bindings = new Bindings();
      const from = start === null ? '' : ` AND timestamp >= ${instant(bindings, start.toMillis())}`;
      const rows = await ofTenant(clickhouse, ctx).query<{ event_name: string }>(
        `SELECT DISTINCT event_name FROM events WHERE ${tenantCondition(bindings, ctx)} AND external_customer_id = ${bindings.bind('String', externalCustomerId)}${from}
         AND timestamp < ${instant(bindings, end.toMillis())} ORDER BY event_name LIMIT ${bindings.bind('UInt32', limit)}`,
        bindings.parameters,
      );
      return rows.map((row) => row.event_name);
    },
  };
}

/** Names what makes the answer too large: the buckets of a meter, which nobody asked for, are told as such. */
function tooMany(questions: readonly GroupedQuery[], rows: ReadonlyMap<number, readonly GroupedRow[]>, bounds: AnswerBounds): DomainError {
  const bucketsOf = (at: number): number => (rows.get(at) ?? []).filter(({ kind }) => Number(kind) === ROW.bucket).length;
  const [most] = [...questions.keys()].sort((a, b) => bucketsOf(b) - bucketsOf(a));
  const query = questions[most ?? 0]?.query;
  if (most === undefined || query?.bucketSize == null || bucketsOf(most) * 2 < MAX_FIGURES)
    return invalid(bounds.field, `the answer holds more than ${MAX_FIGURES} figures: ${bounds.advice}`);
  return invalid(
    'start_time',
    `more than ${MAX_FIGURES} buckets hold events, most of them ${query.bucketSize} buckets of ${query.eventName}, each of which is priced by itself: choose a shorter range`,
    { event_name: query.eventName, bucket_size: query.bucketSize },
  );
}

/** Rows of watermarks stand in the columns of groups: whose it is, is the only value. */
function marksOf(rows: ReadonlyMap<number, readonly GroupedRow[]>, first: number): Map<number, Mark[]> {
  return new Map(
    [...rows]
      .filter(([question]) => question >= first)
      .map(([question, own]) => [question, own.map(({ groups, amount, events }) => ({ group_text: groups[0] ?? null, amount, events }))]),
  );
}

function usageOf({ query, keys }: GroupedQuery, rows: readonly GroupedRow[]): GroupedUsage {
  const figure = (row: GroupedRow): UsageFigure =>
    figureOf(query, { amount: row.amount === null ? null : new Decimal(row.amount), eventCount: Number(row.events) });
  const timed = (row: GroupedRow): TimedFigure => ({
    ...figure(row),
    windowStart: DateTime.fromMillis(Number(row.start), { zone: 'utc' }),
  });
  const groups = [...Map.groupBy(rows, (row) => JSON.stringify(row.groups)).values()]
    .map((own): UsageGroup => {
      const of = (kind: number) => own.filter((row) => Number(row.kind) === kind);
      const total = of(ROW.total)[0];
      const inTime = (kind: number) =>
        of(kind)
          .map(timed)
          .sort((a, b) => a.windowStart.toMillis() - b.windowStart.toMillis());
      return {
        ...floorTotal(total === undefined ? NOTHING : figure(total)),
        values: own[0]?.groups ?? [],
        sources: (total?.sources ?? []).filter((source) => source !== ''),
        points: inTime(ROW.window),
        buckets: inTime(ROW.bucket),
      };
    })
    .sort((a, b) => compareValues(a.values, b.values));
  // Nothing grouped is one group, also when it is empty.
  if (keys.length === 0 && groups.length === 0)
    return { groups: [{ ...NOTHING, values: [], sources: [], points: [], buckets: [] }], groupCount: 1 };
  return { groups, groupCount: Number(rows[0]?.group_count ?? 0) };
}

const NOTHING: UsageFigure = { value: ZERO, eventCount: 0 };

/** What is missing comes before what is empty. */
function compareValues(a: readonly (string | null)[], b: readonly (string | null)[]): number {
  for (const [index, value] of a.entries()) {
    const other = b[index] ?? null;
    if (value === other) continue;
    if (value === null || other === null) return value === null ? -1 : 1;
    return value < other ? -1 : 1;
  }
  return 0;
}
