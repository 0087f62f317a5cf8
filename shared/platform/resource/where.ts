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
 * The column that stands for an exact number in an index: text that sorts as the number does. Row-level security lets an index be asked
 * only with operators that tell nothing when they fail, and those of `numeric` are not among them; those of text are.
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
      const indexed = Decimal.isDecimal(condition.value) ? ref(indexedAs(condition.column)) : column;
      return sql<boolean>`${indexed} ${operator} ${typed(condition.value)}`;
    }
  }
}

function anyOf(column: string, values: readonly Comparable[], ref: Ref): Expression<SqlBool> {
  const [first] = values;
  if (first === undefined) return sql<boolean>`false`;
  if (typeof first === 'string') return sql<boolean>`${ref(column)} = any(${values}::text[])`;
  return sql<boolean>`${ref(Decimal.isDecimal(first) ? indexedAs(column) : column)} in (${sql.join(values.map(typed))})`;
}

/** A parameter of the value's own type: the column's would round a fraction, or fail on it. */
function typed(value: Comparable): RawBuilder<unknown> {
  return Decimal.isDecimal(value) ? numberOrder(value) : typeof value === 'number' ? sql`${value}::bigint` : sql`${value}`;
}

/** The number as `indexedAs` has it. */
export function numberOrder(value: Decimal): RawBuilder<unknown> {
  return sql`number_order(${value}::numeric)`;
}

function patternOf(text: string): string {
  return `%${text.replace(/[\\%_]/g, '\\$&')}%`;
}
