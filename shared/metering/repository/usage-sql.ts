import { longerWindow } from '#kernel/calendar/windows.ts';
import type { RequestContext } from '#kernel/context.ts';
import { meets, type UsageQuery, type UsageWindow } from '../domain/usage.ts';
import { expressionColumns } from './expression-sql.ts';
import { type Bindings, instant, tenantCondition } from '#platform/clickhouse/sql.ts';
import { filterConditions, propertyTextSql, quantitySql } from './property-sql.ts';
import { windowSql } from '#platform/clickhouse/windows-sql.ts';

/** Shape of the rows that `usageSql` selects, whatever the question. */
export interface UsageRow {
  /** Which of the questions asked together this row answers. */
  readonly question: number;
  /** 1: over the whole range and all groups. */
  readonly total: 0 | 1;
  /** Start in milliseconds; only meaningful when windows were asked for and `windowed` is 1. */
  readonly windowed: 0 | 1;
  readonly window_start: string;
  readonly grouped: 0 | 1;
  readonly group_text: string | null;
  /** Exact decimal text; null when no event took part. */
  readonly amount: string | null;
  readonly events: string;
}

/**
 * Several usage questions as branches of one statement, read once each. Totals come from the same scan as the points, over the whole
 * range, never from the points (N12). FINAL removes rows that a redelivery wrote again (N1).
 */
export function usageSql(bindings: Bindings, ctx: RequestContext, queries: readonly UsageQuery[]): string[] {
  return queries.map((query, question) =>
    query.type === 'MAX' && query.bucketSize !== null
      ? bucketedMaximum(bindings, ctx, query, question, query.bucketSize)
      : plain(bindings, ctx, query, question),
  );
}

/** Window of the points: never shorter than the meter's buckets. */
export function pointWindow({ window, bucketSize }: UsageQuery): UsageWindow | null {
  return window === null || bucketSize === null ? window : { ...window, size: longerWindow(window.size, bucketSize) };
}

function plain(bindings: Bindings, ctx: RequestContext, query: UsageQuery, question: number): string {
  const window = pointWindow(query);
  const columns = [
    ...valueColumns(bindings, query),
    ...(window === null ? [] : [`${windowSql(bindings, 'toUnixTimestamp64Milli(timestamp)', window, query.range)} AS w`]),
    ...(query.groupBy === null ? [] : [`${propertyTextSql(bindings, query.groupBy)} AS g`]),
    'timestamp',
    'ingested_at',
    'id',
  ];
  const { amount, events } = aggregates(bindings, query);
  return `${head(question, window !== null, query.groupBy !== null, amount, events)}
FROM (SELECT ${columns.join(', ')} FROM events FINAL WHERE ${conditions(bindings, ctx, query).join(' AND ')})
${grouping(window !== null, query.groupBy !== null)}`;
}

/** MAX per bucket (and group), added up over the range; a point is the greatest of its buckets (metering.md 3.7, 6.2). */
function bucketedMaximum(
  bindings: Bindings,
  ctx: RequestContext,
  query: UsageQuery,
  question: number,
  bucketSize: NonNullable<UsageQuery['bucketSize']>,
): string {
  const window = pointWindow(query);
  const bucket = { size: bucketSize, timezone: window?.timezone ?? query.timezone, anchor: window?.anchor ?? null };
  const group = query.groupBy === null ? '' : `, ${propertyTextSql(bindings, query.groupBy)} AS g`;
  const events = `SELECT ${windowSql(bindings, 'toUnixTimestamp64Milli(timestamp)', bucket, query.range)} AS b${group}, ${valueColumns(bindings, query).join(', ')}
FROM events FINAL WHERE ${conditions(bindings, ctx, query).join(' AND ')}`;
  const buckets = `SELECT b${query.groupBy === null ? '' : ', g'}, max(quantity) AS highest, count(quantity) AS taken FROM (${events}) GROUP BY b${query.groupBy === null ? '' : ', g'} HAVING taken > 0`;
  const columns = [
    'highest',
    'taken',
    ...(query.groupBy === null ? [] : ['g']),
    ...(window === null ? [] : [`${windowSql(bindings, 'b', window, query.range)} AS w`]),
  ];
  const amount = window === null ? 'sum(highest)' : 'if(grouping(w) = 0, max(highest), sum(highest))';
  return `${head(question, window !== null, query.groupBy !== null, amount, 'sum(taken)')}
FROM (SELECT ${columns.join(', ')} FROM (${buckets}))
${grouping(window !== null, query.groupBy !== null)}`;
}

function head(question: number, windowed: boolean, grouped: boolean, amount: string, events: string): string {
  const w = windowed ? 'grouping(w) = 0' : '0';
  const g = grouped ? 'grouping(g) = 0' : '0';
  return `SELECT toUInt32(${question}) AS question, toUInt8(NOT (${w} OR ${g})) AS total, toUInt8(${w}) AS windowed, toInt64(${windowed ? 'w' : '0'}) AS window_start,
toUInt8(${g}) AS grouped, ${grouped ? 'g' : 'NULL'}::Nullable(String) AS group_text, toString(${amount})::Nullable(String) AS amount, toUInt64(${events}) AS events`;
}

function grouping(windowed: boolean, grouped: boolean): string {
  if (windowed && grouped) return 'GROUP BY GROUPING SETS ((w, g), ())';
  if (windowed) return 'GROUP BY GROUPING SETS ((w), ())';
  return grouped ? 'GROUP BY GROUPING SETS ((g), ())' : '';
}

/** What each event is worth: `quantity`, exact or NULL, or for distinct counts `value_text`. */
export function valueColumns(bindings: Bindings, query: UsageQuery): string[] {
  if (query.expression !== null) return expressionColumns(bindings, query.expression);
  if (query.field === null) return [];
  return [
    `${propertyTextSql(bindings, query.field)} AS value_text`,
    ...(isNumeric(query) ? [`${quantitySql('value_text')} AS quantity`] : []),
  ];
}

/** Whether events are worth a number, which they may lack. */
export function isNumeric({ type }: UsageQuery): boolean {
  return type !== 'COUNT' && type !== 'COUNT_UNIQUE';
}

export function aggregates(bindings: Bindings, { type, range }: UsageQuery): { amount: string; events: string } {
  switch (type) {
    case 'COUNT':
      return { amount: 'count()', events: 'count()' };
    case 'COUNT_UNIQUE':
      return { amount: 'uniqExact(value_text)', events: 'count(value_text)' };
    case 'SUM':
    case 'SUM_WITH_MULTIPLIER':
    case 'AVG':
      return { amount: 'sum(quantity)', events: 'count(quantity)' };
    case 'MAX':
      return { amount: 'max(quantity)', events: 'count(quantity)' };
    // On equal timestamps the later ingested event wins, then the greater id (N7).
    case 'LATEST':
      return { amount: 'argMaxIf(assumeNotNull(quantity), (timestamp, ingested_at, id), isNotNull(quantity))', events: 'count(quantity)' };
    // Value times milliseconds until the end of the range: 30 integer digits of a value and 13 of the time leave 33 of 76 for the fraction.
    case 'WEIGHTED_SUM':
      return {
        amount: `sum(toDecimal256(quantity, 20) * toDecimal256(${bindings.bind('Int64', range.end.toMillis())} - toUnixTimestamp64Milli(timestamp), 0))`,
        events: 'count(quantity)',
      };
  }
}

/** The events that a question is about. */
export function conditions(bindings: Bindings, ctx: RequestContext, query: UsageQuery): string[] {
  return [
    tenantCondition(bindings, ctx),
    ...customerCondition(bindings, query),
    `event_name = ${bindings.bind('String', query.eventName)}`,
    ...(query.range.start === null ? [] : [`timestamp >= ${instant(bindings, query.range.start.toMillis())}`]),
    `timestamp < ${instant(bindings, query.range.end.toMillis())}`,
    ...(query.customerId === null ? [] : [`customer_id = ${bindings.bind('String', query.customerId)}`]),
    ...(query.sources === null ? [] : [`source IN ${bindings.bind('Array(String)', query.sources)}`]),
    ...filterConditions(bindings, query.filters),
  ];
}

/** Whose events: the customers' own, and of those that are inherited what lies within their time. */
function customerCondition(bindings: Bindings, { externalCustomerIds, inherited, range }: UsageQuery): string[] {
  if (externalCustomerIds === null) return [];
  const isOf = (ids: readonly string[]): string => `external_customer_id IN ${bindings.bind('Array(String)', ids)}`;
  const spans = inherited
    .filter((span) => meets(span, range))
    .map(({ externalCustomerId, start, end }) => ({
      externalCustomerId,
      from: range.start !== null && start <= range.start ? null : start.toMillis(),
      until: end === null || end >= range.end ? null : end.toMillis(),
    }));
  // Those with the same limits in the range share a condition: most are there all the time.
  const limited = [
    ...Map.groupBy(
      spans.filter(({ from, until }) => from !== null || until !== null),
      ({ from, until }) => `${from} ${until}`,
    ).values(),
  ].map((together) => {
    const { from, until } = together[0] as (typeof spans)[number];
    const limits = [
      ...(from === null ? [] : [`timestamp >= ${instant(bindings, from)}`]),
      ...(until === null ? [] : [`timestamp < ${instant(bindings, until)}`]),
    ];
    return `${isOf(together.map(({ externalCustomerId }) => externalCustomerId))} AND ${limits.join(' AND ')}`;
  });
  const whole = isOf([
    ...externalCustomerIds,
    ...spans.filter(({ from, until }) => from === null && until === null).map(({ externalCustomerId }) => externalCustomerId),
  ]);
  return [limited.length === 0 ? whole : `(${[whole, ...limited].join(' OR ')})`];
}
