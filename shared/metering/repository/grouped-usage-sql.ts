import type { RequestContext } from '#kernel/context.ts';
import { type AnswerBounds, type GroupedQuery, type GroupKey, MAX_FIGURES, MAX_SOURCES } from '../domain/grouped-usage.ts';
import type { UsageQuery } from '../domain/usage.ts';
import type { Bindings } from '#platform/clickhouse/sql.ts';
import { propertyTextSql } from './property-sql.ts';
import { aggregates, conditions, pointWindow, valueColumns } from './usage-sql.ts';
import { windowSql } from '#platform/clickhouse/windows-sql.ts';

/** What a row is about: the whole range, a window of it, or a bucket of the meter. Always of one group. */
export const ROW = { total: 0, window: 1, bucket: 2 } as const;

/** Shape of the rows that `groupedUsageSql` selects. */
export interface GroupedRow {
  readonly question: number;
  readonly kind: number;
  readonly groups: readonly (string | null)[];
  /** Milliseconds since 1970 of the window or bucket. */
  readonly start: string;
  readonly amount: string | null;
  readonly events: string;
  readonly sources: readonly string[];
  readonly group_count: string;
}

/**
 * Grouped usage questions as one statement, read once each: totals, windows and buckets of all groups come from the same scan, so
 * that the cost does not grow with the groups (metering.md Q1). Groups stand in an array by the position of their key, so two keys
 * never collide (Q2). Groups with more events come first, ties go by their values, so that an answer can be repeated and paged.
 */
export function groupedUsageSql(
  bindings: Bindings,
  ctx: RequestContext,
  questions: readonly GroupedQuery[],
  { groups, groupsBefore }: AnswerBounds,
): string {
  const parts = questions
    .map((question, index) =>
      question.query.type === 'MAX' && question.query.bucketSize !== null
        ? bucketedMaximum(bindings, ctx, question, index)
        : plain(bindings, ctx, question, index),
    )
    .join('\nUNION ALL\n');
  const ranked = `SELECT *, dense_rank() OVER (PARTITION BY question ORDER BY weight DESC, groups) AS place, sum(kind = ${ROW.total}) OVER (PARTITION BY question) AS group_count
FROM (SELECT *, sum(if(kind = ${ROW.total}, events, 0)) OVER (PARTITION BY question, groups) AS weight FROM (${parts}) WHERE events > 0)`;
  return `SELECT question, kind, groups, start, amount, events, sources, group_count FROM (${ranked})
WHERE place > ${bindings.bind('UInt32', groupsBefore)} AND place <= ${bindings.bind('UInt32', groupsBefore + groups)} LIMIT ${MAX_FIGURES + 1}`;
}

/** Aggregates events as they are: the same aggregates and conditions as every usage question (usage-sql.ts). */
function plain(bindings: Bindings, ctx: RequestContext, { query, keys, buckets }: GroupedQuery, index: number): string {
  const window = pointWindow(query);
  const bucket = buckets && query.bucketSize !== null ? bucketWindow(query, query.bucketSize) : null;
  const columns = [
    ...keyColumns(bindings, keys),
    ...valueColumns(bindings, query),
    ...(window === null ? [] : [`${windowSql(bindings, TIME, window, query.range)} AS w`]),
    ...(bucket === null ? [] : [`${windowSql(bindings, TIME, bucket, query.range)} AS b`]),
    'timestamp',
    'ingested_at',
    'id',
    'source',
  ];
  const { amount, events } = aggregates(bindings, query);
  const sources = `arraySort(groupUniqArray(${MAX_SOURCES})(source))`;
  return `${head(index, keys, window !== null, bucket !== null, { amount, events, sources })}
FROM (SELECT ${columns.join(', ')} FROM events FINAL WHERE ${conditions(bindings, ctx, query).join(' AND ')})
${groupingSets(keys, window !== null, bucket === null ? null : ['b'])}`;
}

/** MAX per bucket (and group of the meter), added up over the range; a window is the greatest of its buckets (metering.md 3.7, 6.2). */
function bucketedMaximum(bindings: Bindings, ctx: RequestContext, { query, keys, buckets }: GroupedQuery, index: number): string {
  const window = pointWindow(query);
  const bucket = bucketWindow(query, query.bucketSize ?? 'DAY');
  const own = query.groupBy === null ? [] : ['m'];
  const by = ['b', ...own, ...keys.map((_, key) => `g${key}`)];
  const columns = [
    `${windowSql(bindings, TIME, bucket, query.range)} AS b`,
    ...(query.groupBy === null ? [] : [`${propertyTextSql(bindings, query.groupBy)} AS m`]),
    ...keyColumns(bindings, keys),
    ...valueColumns(bindings, query),
    'source',
  ];
  const events = `SELECT ${columns.join(', ')} FROM events FINAL WHERE ${conditions(bindings, ctx, query).join(' AND ')}`;
  const maxima = `SELECT ${by.join(', ')}, max(quantity) AS highest, count(quantity) AS taken, groupUniqArray(${MAX_SOURCES})(source) AS origins FROM (${events}) GROUP BY ${by.join(', ')} HAVING taken > 0`;
  const windowed = window === null ? maxima : `SELECT *, ${windowSql(bindings, 'b', window, query.range)} AS w FROM (${maxima})`;
  const amount = window === null ? 'sum(highest)' : 'if(grouping(w) = 0, max(highest), sum(highest))';
  return `${head(index, keys, window !== null, buckets, { amount, events: 'sum(taken)', sources: `arraySort(groupUniqArrayArray(${MAX_SOURCES})(origins))` })}
FROM (${windowed})
${groupingSets(keys, window !== null, buckets ? ['b', ...own] : null)}`;
}

const KEY_COLUMN = { source: 'source', customer: 'external_customer_id' } as const;
const TIME = 'toUnixTimestamp64Milli(timestamp)';

/** Where the meter's buckets lie: in the zone of the question, without an anchor, as billing asks for them. */
function bucketWindow({ window, timezone }: UsageQuery, size: NonNullable<UsageQuery['bucketSize']>) {
  return { size, timezone: window?.timezone ?? timezone, anchor: null };
}

function keyColumns(bindings: Bindings, keys: readonly GroupKey[]): string[] {
  return keys.map((key, index) => `${keySql(bindings, key)} AS g${index}`);
}

function keySql(bindings: Bindings, key: GroupKey): string {
  switch (key.kind) {
    case 'property':
      return propertyTextSql(bindings, key.key);
    case 'span': {
      const [starts, ends] = [0, 1].map((side) =>
        bindings.bind(
          'Array(Int64)',
          key.spans.map((span) => span[side]),
        ),
      );
      const lies = `(at, since, until) -> since <= ${TIME} AND ${TIME} < until`;
      return `toString(arrayJoin(arrayFilter(${lies}, range(${key.spans.length}), ${starts}, ${ends})))::Nullable(String)`;
    }
    default:
      return `${KEY_COLUMN[key.kind]}::Nullable(String)`;
  }
}

function head(
  index: number,
  keys: readonly GroupKey[],
  windowed: boolean,
  bucketed: boolean,
  { amount, events, sources }: { amount: string; events: string; sources: string },
): string {
  const start = [...(windowed ? ['grouping(w) = 0, w'] : []), ...(bucketed ? ['grouping(b) = 0, b'] : [])];
  const kind = [...(windowed ? [`grouping(w) = 0, ${ROW.window}`] : []), ...(bucketed ? [`grouping(b) = 0, ${ROW.bucket}`] : [])];
  const choose = (cases: readonly string[]) => (cases.length === 0 ? '0' : `multiIf(${[...cases, '0'].join(', ')})`);
  return `SELECT toUInt32(${index}) AS question, toUInt8(${choose(kind)}) AS kind, [${keys.map((_, key) => `g${key}`).join(', ')}]::Array(Nullable(String)) AS groups,
toInt64(${choose(start)}) AS start, toString(${amount})::Nullable(String) AS amount, toUInt64(${events}) AS events, ${sources} AS sources`;
}

function groupingSets(keys: readonly GroupKey[], windowed: boolean, bucket: readonly string[] | null): string {
  const groups = keys.map((_, key) => `g${key}`);
  if (!windowed && bucket === null && groups.length === 0) return '';
  const sets = [groups, ...(windowed ? [[...groups, 'w']] : []), ...(bucket === null ? [] : [[...groups, ...bucket]])];
  return `GROUP BY GROUPING SETS (${sets.map((set) => `(${set.join(', ')})`).join(', ')})`;
}
