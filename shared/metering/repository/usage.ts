import { DateTime } from 'luxon';
import type { RequestContext } from '#kernel/context.ts';
import { Decimal, ZERO } from '#kernel/decimal.ts';
import type { ClickHouse } from '#platform/clickhouse/client.ts';
import { customersOf, figureOf, floorTotal, type Usage, type UsagePoint, type UsageQuery, type UsageSums } from '../domain/usage.ts';
import { Bindings, FINAL_SETTINGS, SAME_ROWS } from '#platform/clickhouse/sql.ts';
import { statementsOf } from './statements.ts';
import { type UsageRow, usageSql } from './usage-sql.ts';
import { watermarkOf, watermarkSql } from './watermark-sql.ts';
import { checkBucketCount } from '#platform/clickhouse/windows-sql.ts';
import { ofTenant } from '#platform/clickhouse/tenant.ts';

/** Questions that travel in one statement: fewer cost round trips. */
const PER_STATEMENT = 25;

export type UsageRepository = ReturnType<typeof createUsageRepository>;

/** Usage numbers from stored events. Throws `service_unavailable` when ClickHouse does not answer. */
export function createUsageRepository(clickhouse: ClickHouse) {
  return {
    /** Up to which time of acceptance the events of some customers are all stored; null without events. What is read later holds at least that. */
    async watermark(ctx: RequestContext, externalCustomerIds: readonly string[] | null): Promise<DateTime | null> {
      const bindings = new Bindings();
      const rows = await ofTenant(clickhouse, ctx).query<UsageRow>(
        watermarkSql(bindings, ctx, [externalCustomerIds], 0).join('\nUNION ALL\n'),
        bindings.parameters,
      );
      return watermarkOf(externalCustomerIds, byQuestion(rows), 0);
    },

    /** Answers in the order of the questions, each with the watermark of its customers. */
    async usages(ctx: RequestContext, queries: readonly UsageQuery[]): Promise<Usage[]> {
      for (const { window, range } of queries) if (window !== null) checkBucketCount(range, window.size);
      const answers: Usage[] = [];
      for (const chunk of statementsOf(queries, (query) => query, PER_STATEMENT)) {
        const bindings = new Bindings();
        const sql = [...usageSql(bindings, ctx, chunk), ...watermarkSql(bindings, ctx, chunk.map(customersOf), chunk.length)].join(
          '\nUNION ALL\n',
        );
        const rows = byQuestion(
          await ofTenant(clickhouse, ctx).query<UsageRow>(sql, bindings.parameters, { ...FINAL_SETTINGS, ...SAME_ROWS }),
        );
        answers.push(...chunk.map((query, at) => usageOf(query, rows.get(at) ?? [], watermarkOf(customersOf(query), rows, chunk.length))));
      }
      return answers;
    },
  };
}

function byQuestion(rows: readonly UsageRow[]): Map<number, UsageRow[]> {
  return Map.groupBy(rows, (row) => Number(row.question));
}

function usageOf(query: UsageQuery, rows: readonly UsageRow[], mark: DateTime | null): Usage {
  const total = rows.find((row) => Number(row.total) === 1);
  // A window or group whose events had no usable value is as absent as one without events.
  const points = rows
    .filter((row) => Number(row.total) === 0 && row.events !== '0')
    .map((row) => pointOf(query, row))
    .sort(inOrder);
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
