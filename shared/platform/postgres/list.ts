import { type Expression, type ExpressionBuilder, type SelectQueryBuilder, type SqlBool, sql } from 'kysely';
import { decimal } from '#kernel/decimal.ts';
import { invalid } from '#kernel/errors.ts';
import type { FieldFilter, ListOptions, Page } from '#kernel/pagination.ts';
import type { Tables } from './tables.ts';

/** Wire name of a field that lists may sort and filter by, with the column it means and its kind. */
export type ListFields = Readonly<Record<string, 'string' | 'number' | 'date'>>;

/** Fields of every entity. */
const COMMON_FIELDS: ListFields = { id: 'string', created_at: 'date', updated_at: 'date', status: 'string', created_by: 'string' };

// biome-ignore lint/suspicious/noExplicitAny: the builder is generic over every table
type AnySelect = SelectQueryBuilder<any, any, any>;

/**
 * Runs a list: status, time range on created_at, the filter language, sorting (with id as the last key, so that pages never
 * overlap) and the page. `query` carries the typed filters of the resource already.
 * Throws a validation error that names an unknown field or a value that does not fit its operator.
 */
export async function listRows<T>(
  query: AnySelect,
  options: ListOptions,
  fields: ListFields,
  table: keyof Tables & string,
): Promise<Page<T>> {
  const known = { ...COMMON_FIELDS, ...fields };
  const column = (field: string) => sql.ref(`${table}.${camel(field)}`);
  let filtered =
    options.status === null ? query.where(column('status'), '!=', 'deleted') : query.where(column('status'), '=', options.status);
  if (options.startTime) filtered = filtered.where(column('created_at'), '>=', options.startTime);
  if (options.endTime) filtered = filtered.where(column('created_at'), '<', options.endTime);
  options.filters.forEach((filter, index) => {
    const kind = Object.hasOwn(known, filter.field) ? known[filter.field] : undefined;
    if (kind === undefined) throw invalid(`filters[${index}].field`, `unknown field ${JSON.stringify(filter.field)}`);
    // biome-ignore lint/suspicious/noExplicitAny: generic over every table
    filtered = filtered.where((eb: ExpressionBuilder<any, any>) => condition(eb, column(filter.field), filter, kind, index));
  });

  let page = filtered;
  options.sort.forEach(({ field, direction }, index) => {
    if (!Object.hasOwn(known, field))
      throw invalid(options.sort.length > 1 ? `sort[${index}].field` : 'sort', `unknown field ${JSON.stringify(field)}`);
    page = page.orderBy(column(field), direction);
  });
  const { limit, offset } = options;
  // One more than asked for: where there is none, the page itself says how many there are, and nothing has to be counted.
  const found = await page
    .orderBy(column('id'), options.sort[0]?.direction ?? 'desc')
    .limit(limit + 1)
    .offset(offset)
    .execute();
  const isLast = found.length <= limit && (found.length > 0 || offset === 0);
  const counted = async (): Promise<number> =>
    (
      (await filtered
        .clearSelect()
        .select((eb) => eb.fn.countAll<number>().as('total'))
        .executeTakeFirstOrThrow()) as { total: number }
    ).total;
  return { items: found.slice(0, limit) as T[], total: isLast ? offset + found.length : await counted(), limit, offset };
}

function condition(
  // biome-ignore lint/suspicious/noExplicitAny: generic over every table
  eb: ExpressionBuilder<any, any>,
  // biome-ignore lint/suspicious/noExplicitAny: generic over every table
  column: any,
  filter: FieldFilter,
  kind: 'string' | 'number' | 'date',
  index: number,
): Expression<SqlBool> {
  const bad = (reason: string) => invalid(`filters[${index}].value`, reason);
  if (filter.operator === 'in' || filter.operator === 'not_in') {
    if (!filter.value.array) throw bad('must be {"array": [...]} for this operator');
    const list = filter.value.array.map((item) => convert(item, kind, bad));
    if (list.length === 0) return filter.operator === 'in' ? sql<boolean>`false` : sql<boolean>`true`;
    return filter.operator === 'in' ? eb(column, 'in', list) : eb(column, 'not in', list);
  }
  if (filter.operator === 'contains' || filter.operator === 'not_contains') {
    if (kind !== 'string' || filter.value.string === undefined) throw bad('must be {"string": ...} on a text field for this operator');
    const pattern = `%${filter.value.string.replace(/[\\%_]/g, '\\$&')}%`;
    return filter.operator === 'contains' ? eb(column, 'ilike', pattern) : eb(column, 'not ilike', pattern);
  }
  const given =
    filter.value.string ??
    filter.value.number ??
    filter.value.date ??
    (filter.value.boolean === undefined ? undefined : String(filter.value.boolean));
  if (given === undefined) throw bad('is missing');
  const value = convert(given, kind, bad);
  const operator = ({ eq: '=', gt: '>', lt: '<', gte: '>=', before: '<', after: '>' } as const)[filter.operator];
  return eb(column, operator, value);
}

function convert(value: unknown, kind: 'string' | 'number' | 'date', bad: (reason: string) => Error): unknown {
  if (kind === 'string') return String(value);
  if (kind === 'number') {
    try {
      // As numeric, because an integer column would take its own type for the parameter and fail on a fraction.
      return sql`${decimal(value as string | number)}::numeric`;
    } catch {
      throw bad('must be a number');
    }
  }
  if (typeof value === 'object' && value !== null) return value;
  throw bad('must be {"date": ...} on a time field');
}

function camel(field: string): string {
  return field.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
