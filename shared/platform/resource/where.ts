import { type Expression, type RawBuilder, type SqlBool, sql } from 'kysely';
import { Decimal } from '#kernel/decimal.ts';
import { jsonb } from '../postgres/types.ts';
import type { Comparable, Condition } from './conditions.ts';
import type { ListRequest } from './listing.ts';

/** The table that is listed. */
export interface ListSource {
  readonly table: string;
  /** Its columns of free content, which may be long. */
  readonly large: readonly string[];
}

/** Column of a table, as a reference. */
export type Ref = (column: string) => Expression<unknown>;

export function refIn({ table }: ListSource): Ref {
  return (column) => sql.ref(`${table}.${column}`);
}

/** What an index finds, and what rows have to be looked at for. */
export function split({ conditions }: ListRequest): { readonly indexed: readonly Condition[]; readonly others: readonly Condition[] } {
  return { indexed: conditions.filter(isIndexed), others: conditions.filter((condition) => !isIndexed(condition)) };
}

/** All conditions, and the status that the request lists unless that is asked elsewhere. */
export function whereAll(source: ListSource, request: ListRequest | null, conditions: readonly Condition[]): RawBuilder<SqlBool> {
  const ref = refIn(source);
  const status =
    request === null ? [] : [request.status === null ? sql`${ref('status')} <> 'deleted'` : sql`${ref('status')} = ${request.status}`];
  const all = [...status, ...conditions.map((condition) => whereOf(condition, ref))];
  return all.length === 0 ? sql<boolean>`true` : sql<boolean>`${sql.join(all, sql` and `)}`;
}

const OPERATORS = { eq: '=', lt: '<', lte: '<=', gt: '>', gte: '>=' } as const;

/**
 * The column that stands for an exact number in an index. Row-level security lets an index be asked only with operators that tell
 * nothing when they fail, and those of `numeric` are not among them; those of `double precision` are. Neighbours that share a
 * double are told apart by the number itself.
 */
export function indexedAs(column: string): string {
  return `${column}Sort`;
}

/** Whether an index can find the rows. Others are looked at one by one (`total.ts` says how many at most). */
export function isIndexed({ is }: Condition): boolean {
  return is !== 'contains' && is !== 'notContains' && is !== 'notIn' && is !== 'holds';
}

/** The condition in SQL. A row without a value is in no list and contains nothing, so it passes what is not in, and what does not contain. */
export function whereOf(condition: Condition, ref: Ref): Expression<SqlBool> {
  const column = ref(condition.column);
  switch (condition.is) {
    case 'in':
      return anyOf(condition.column, condition.values, ref);
    case 'notIn':
      return sql<boolean>`(${column} is null or not ${anyOf(condition.column, condition.values, ref)})`;
    case 'contains':
      return sql<boolean>`${column} ilike ${patternOf(condition.text)}`;
    case 'notContains':
      return sql<boolean>`(${column} is null or ${column} not ilike ${patternOf(condition.text)})`;
    case 'holds':
      return sql<boolean>`${column} @> ${jsonb(condition.pairs)}`;
    case 'set':
      return sql<boolean>`${column} is not null`;
    case 'unset':
      return sql<boolean>`${column} is null`;
    case 'openAfter':
      return sql<boolean>`(${column} is null or ${column} > ${condition.value})`;
    default: {
      const operator = sql.raw(OPERATORS[condition.is]);
      const exactly = sql<boolean>`${column} ${operator} ${typed(condition.value)}`;
      if (!Decimal.isDecimal(condition.value)) return exactly;
      const roughly = sql.raw(condition.is === 'eq' ? '=' : condition.is.startsWith('l') ? '<=' : '>=');
      return sql<boolean>`(${ref(indexedAs(condition.column))} ${roughly} ${double(condition.value)} and ${exactly})`;
    }
  }
}

function anyOf(column: string, values: readonly Comparable[], ref: Ref): Expression<SqlBool> {
  const [first] = values;
  if (first === undefined) return sql<boolean>`false`;
  if (typeof first === 'string') return sql<boolean>`${ref(column)} = any(${values}::text[])`;
  const exactly = sql<boolean>`${ref(column)} in (${sql.join(values.map(typed))})`;
  if (!Decimal.isDecimal(first)) return exactly;
  return sql<boolean>`(${ref(indexedAs(column))} in (${sql.join((values as readonly Decimal[]).map(double))}) and ${exactly})`;
}

/** A parameter of the value's own type: the column's would round a fraction, or fail on it. */
function typed(value: Comparable) {
  return Decimal.isDecimal(value) ? sql`${value}::numeric` : typeof value === 'number' ? sql`${value}::bigint` : sql`${value}`;
}

/** As the database rounds the number to a double; one that is too large for it is infinite. */
export function double(value: Decimal) {
  return sql`${Number(value.toFixed())}::double precision`;
}

function patternOf(text: string): string {
  return `%${text.replace(/[\\%_]/g, '\\$&')}%`;
}
