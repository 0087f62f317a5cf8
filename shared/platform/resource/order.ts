import { type RawBuilder, type SqlBool, sql } from 'kysely';
import type { DateTime } from 'luxon';
import { Decimal } from '#kernel/decimal.ts';
import type { Comparable, SortKey } from './conditions.ts';
import type { Position } from './cursor.ts';
import { indexedAs, numberOrder, type Ref } from './where.ts';

/** An order that an index has: by one column, then by age where its values are the same, then by id. */
export interface IndexedOrder {
  readonly key: SortKey;
  readonly columns: readonly string[];
}

/** Null for an order by several columns, which rows have to be sorted for. */
export function indexedOrder(sort: readonly SortKey[]): IndexedOrder | null {
  const [key, ...rest] = sort as readonly [SortKey, ...SortKey[]];
  const column = key.kind === 'number' ? indexedAs(key.column) : key.column;
  const columns = column === 'id' ? [column] : [...new Set([column, 'createdAt', 'id'])];
  const isServed = rest.every(({ column: next, direction }, index) => direction === key.direction && next === columns[index + 1]);
  return isServed ? { key, columns } : null;
}

/** `order by` of a list. Every order ends with the id, so that pages never overlap. */
export function orderBy(sort: readonly SortKey[], ref: Ref): RawBuilder<unknown> {
  const order = indexedOrder(sort);
  const keys = order
    ? order.columns.map((column) => ({ column, direction: order.key.direction }))
    : [...sort, { column: 'id', direction: sort[0]?.direction ?? 'desc' }];
  return sql.join(keys.map(({ column, direction }) => sql`${ref(column)} ${sql.raw(direction)}`));
}

/** Where a row stands in an order. `seen` counts the rows up to it. */
export function positionOf(row: Readonly<Record<string, unknown>>, { key }: IndexedOrder, seen: number): Position {
  return { value: (row[key.column] ?? null) as Comparable | null, createdAt: row.createdAt as DateTime, id: row.id as string, seen };
}

/** What comes after a position, each part one range of the index: rows without a value come last going up, and first going down. */
export function rangesAfter({ value, createdAt, id }: Position, { key, columns }: IndexedOrder, ref: Ref): RawBuilder<SqlBool>[] {
  const ends: Readonly<Record<string, RawBuilder<unknown>>> = { createdAt: sql`${createdAt}::timestamptz`, id: sql`${id}::text` };
  const starts = columns.map((column) => ends[column] ?? start(value, key));
  const beyond = sql.raw(key.direction === 'asc' ? '>' : '<');
  const after = (skipped: number) =>
    sql<boolean>`(${sql.join(columns.slice(skipped).map(ref))}) ${beyond} (${sql.join(starts.slice(skipped))})`;
  const [column = 'id'] = columns;
  if (column in ends) return [after(0)];
  const valued = sql<boolean>`${ref(column)} is not null`;
  const valueless = sql<boolean>`${ref(column)} is null`;
  if (value === null) return [sql<boolean>`${valueless} and ${after(1)}`, ...(key.direction === 'desc' ? [valued] : [])];
  return [sql<boolean>`${valued} and ${after(0)}`, ...(key.direction === 'asc' ? [valueless] : [])];
}

function start(value: Comparable | null, { kind }: SortKey): RawBuilder<unknown> {
  if (Decimal.isDecimal(value)) return kind === 'number' ? numberOrder(value) : sql`${value}::bigint`;
  return kind === 'date' ? sql`${value}::timestamptz` : sql`${value}::text`;
}
