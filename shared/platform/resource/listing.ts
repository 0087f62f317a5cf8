import { createHash } from 'node:crypto';
import type { DateTime } from 'luxon';
import * as z from 'zod';
import type { RequestContext } from '#kernel/context.ts';
import { invalid } from '#kernel/errors.ts';
import { pageKeys } from '#kernel/pagination.ts';
import { type RecordStatus, timeInput } from '#kernel/wire.ts';
import type { Condition, SortKey } from './conditions.ts';
import { type Position, readCursor } from './cursor.ts';
import { COMMON_FIELDS, columnOf, conditionOf, FieldFilter, type ListFields } from './field-filters.ts';
import type { Filter } from './filters.ts';

/** What a list is asked for: made of a query or of the body of a search, understood by `ResourceTable.list`. */
export interface ListRequest {
  readonly conditions: readonly Condition[];
  /** Null: all but what was deleted. */
  readonly status: RecordStatus | null;
  readonly sort: readonly SortKey[];
  readonly limit: number;
  readonly offset: number;
  /** The row after which the page begins. */
  readonly after: Position | null;
  /** Same for the pages of one list: a cursor belongs to the list that it was made for. */
  readonly fingerprint: string;
  /** Same for lists of the same rows, in whatever order and part: what is known of how many they are. */
  readonly counted: string;
}

type Filters = Readonly<Record<string, Filter>>;
type Queries<F extends Filters> = { [K in keyof F]: F[K]['query'] };
type Searches<F extends Filters> = { [K in keyof F]: F[K]['search'] };

const status = z.enum(['published', 'archived', 'deleted']);
const direction = z.enum(['asc', 'desc']);
const expand = z.string().max(512);
/** Where a list goes on. */
export const cursorKey = z.string().max(8192).meta({
  description: '`pagination.next_cursor` of the page before. Sort and filters have to be the same; takes the place of `offset`',
});
const sortField = z.string().max(64);
const COMMON_QUERY = {
  ...pageKeys,
  cursor: cursorKey.optional(),
  status: status.optional(),
  sort: sortField.optional(),
  order: direction.optional(),
  expand: expand.optional(),
  start_time: timeInput.optional(),
  end_time: timeInput.optional(),
};
const COMMON_SEARCH = {
  ...pageKeys,
  cursor: cursorKey.nullish(),
  status: status.nullish(),
  sort: z.union([z.array(z.object({ field: sortField.min(1), direction: direction.default('desc') })).max(8), sortField]).nullish(),
  order: direction.nullish(),
  expand: expand.nullish(),
  start_time: timeInput.optional(),
  end_time: timeInput.optional(),
  filters: z.array(FieldFilter).max(50).nullish(),
};
const orderly = ({ start_time: start, end_time: end }: { start_time?: DateTime | undefined; end_time?: DateTime | undefined }): boolean =>
  !start || !end || end >= start;
const ORDERLY_ERROR = { path: ['end_time'], error: 'must not be before start_time' };

/** What the parsed parameters of every list have in common. */
export interface ListParameters {
  readonly limit: number;
  readonly offset: number;
  readonly cursor?: string | null | undefined;
  readonly status?: RecordStatus | null | undefined;
  readonly sort?: string | readonly { readonly field: string; readonly direction: 'asc' | 'desc' }[] | null | undefined;
  readonly order?: 'asc' | 'desc' | null | undefined;
  readonly start_time?: DateTime | undefined;
  readonly end_time?: DateTime | undefined;
  readonly filters?: readonly FieldFilter[] | null | undefined;
}

export interface ListOptions<F extends Filters, S extends Filters> {
  /** Typed filters by their names on the wire. */
  readonly filters: F;
  /** Those that only the body of a search has. */
  readonly searchFilters?: S;
  /** What the list may be sorted by, and filtered by in `filters`, besides the fields of every entity. Each has an index. */
  readonly fields: ListFields;
  /** Which rows are listed where `status` is not asked for: those that are published, or all that were not deleted. */
  readonly unasked?: 'published' | 'existing';
}

/**
 * A list, declared once: the schema of its query, that of its search body, and what parameters mean for the rows.
 * @param name of the table: cursors of another list are refused
 *
 *     export const PlanList = listing('plans', { filters: { plan_ids: inList('id') }, fields: { name: 'string' } });
 *     PlanList.read(ctx, query)   // -> ListRequest, for the table's `list`
 */
export function listing<F extends Filters, S extends Filters = Record<never, never>>(
  name: string,
  { filters, searchFilters = {} as S, fields, unasked = 'published' }: ListOptions<F, S>,
) {
  const known: ListFields = { ...COMMON_FIELDS, ...fields };
  const declared: Filters = { ...filters, ...searchFilters };
  const queries = mapped(filters, ({ query }) => query) as Queries<F>;
  const searches = mapped(declared, ({ search }) => search) as Searches<F & S>;
  return {
    name,
    fields: known,
    filters: declared,
    query: z.object({ ...COMMON_QUERY, ...queries }).refine(orderly as (value: unknown) => boolean, ORDERLY_ERROR),
    search: z.object({ ...COMMON_SEARCH, ...searches }).refine(orderly as (value: unknown) => boolean, ORDERLY_ERROR),

    /** Throws a validation error that names the parameter which cannot be understood. */
    read(ctx: RequestContext, parameters: ListParameters): ListRequest {
      const values = parameters as unknown as Readonly<Record<string, unknown>>;
      const conditions = [
        ...Object.entries(declared).flatMap(([parameter, filter]) =>
          isBlank(values[parameter]) ? [] : filter.conditions(values[parameter] as never).map((condition) => ({ ...condition, parameter })),
        ),
        ...timeRange(parameters),
        ...(parameters.filters ?? []).map((filter, index) => conditionOf(filter, known, index)),
      ];
      const wanted = parameters.status ?? (unasked === 'published' ? 'published' : null);
      const sort = sortOf(parameters, known);
      const { start_time: start = null, end_time: end = null, filters: language = [] } = parameters;
      const asked = Object.keys(declared).map((parameter) => (isBlank(values[parameter]) ? null : values[parameter]));
      const counted = fingerprintOf([name, ctx.tenantId, ctx.environmentId, wanted, asked, start, end, language]);
      const fingerprint = fingerprintOf([counted, sort]);
      const { limit, offset } = parameters;
      if (parameters.cursor && offset > 0) throw invalid('cursor', 'must not be given together with offset');
      const after = parameters.cursor ? readCursor(parameters.cursor, fingerprint, sort) : null;
      return { conditions, status: wanted, sort, limit, offset, after, fingerprint, counted };
    },
  };
}
export type Listing = ReturnType<typeof listing>;

/** The request for those of its rows that also meet these conditions. What is known of the wider list says nothing about them. */
export function narrowed(request: ListRequest, ...conditions: readonly Condition[]): ListRequest {
  // The time of the request makes no other list of what has not ended.
  const meant = conditions.map((condition) => (condition.is === 'openAfter' ? [condition.column, condition.is] : condition));
  return { ...request, conditions: [...request.conditions, ...conditions], counted: fingerprintOf([request.counted, meant]) };
}

function mapped(filters: Filters, schemaOf: (filter: Filter) => z.ZodType): Record<string, z.ZodType> {
  return Object.fromEntries(Object.entries(filters).map(([name, filter]) => [name, schemaOf(filter)]));
}

function isBlank(value: unknown): boolean {
  return value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0);
}

function timeRange({ start_time: start, end_time: end }: ListParameters): Condition[] {
  return [
    ...(start ? [{ column: 'createdAt', is: 'gte', value: start } as const] : []),
    ...(end ? [{ column: 'createdAt', is: 'lt', value: end } as const] : []),
  ];
}

/** Newest first unless told otherwise. */
function sortOf({ sort, order }: ListParameters, known: ListFields): SortKey[] {
  const keys =
    typeof sort === 'object' && sort !== null && sort.length > 0
      ? sort
      : [{ field: (typeof sort === 'string' && sort) || 'created_at', direction: order ?? 'desc' }];
  return keys.map(({ field, direction }, index) => {
    const kind = Object.hasOwn(known, field) ? known[field] : undefined;
    if (kind === undefined) throw invalid(keys.length > 1 ? `sort[${index}].field` : 'sort', `unknown field ${JSON.stringify(field)}`);
    return { column: columnOf(field), kind, direction };
  });
}

function fingerprintOf(parts: unknown): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 16);
}
