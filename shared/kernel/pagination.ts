import type { DateTime } from 'luxon';
import * as z from 'zod';
import { invalid } from './errors.ts';
import { timeInput } from './wire.ts';

/** What every list and search takes (wire-rules.md section 6). */
export interface ListOptions {
  readonly limit: number;
  readonly offset: number;
  readonly status: 'published' | 'archived' | 'deleted' | null;
  readonly sort: readonly SortKey[];
  readonly startTime: DateTime | null;
  readonly endTime: DateTime | null;
  readonly filters: readonly FieldFilter[];
}

export interface SortKey {
  readonly field: string;
  readonly direction: 'asc' | 'desc';
}

export interface FieldFilter {
  readonly field: string;
  readonly operator: FilterOperator;
  readonly dataType: 'string' | 'number' | 'date' | 'array';
  readonly value: {
    readonly string?: string | undefined;
    readonly number?: number | undefined;
    readonly boolean?: boolean | undefined;
    readonly date?: DateTime | undefined;
    readonly array?: readonly string[] | undefined;
  };
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly total: number;
  readonly limit: number;
  readonly offset: number;
}

const OPERATORS = ['eq', 'contains', 'not_contains', 'gt', 'lt', 'gte', 'in', 'not_in', 'before', 'after'] as const;
export type FilterOperator = (typeof OPERATORS)[number];

const limit = z.coerce.number().int().min(1).max(1000).default(50);
const offset = z.coerce.number().int().min(0).max(1_000_000_000).default(0);
/** Which page, for lists that take nothing else. */
export const pageKeys = { limit, offset };
const status = z.enum(['published', 'archived', 'deleted']);
const orderly = (value: { start_time?: DateTime | undefined; end_time?: DateTime | undefined }): boolean =>
  !value.start_time || !value.end_time || value.end_time >= value.start_time;
const ORDERLY_ERROR = { path: ['end_time'], error: 'must not be before start_time' };

/** Query parameter that is a list: repeated, or comma-joined in one (wire-rules.md section 6). */
export const queryList = z.preprocess(
  (value) =>
    value === undefined
      ? undefined
      : (Array.isArray(value) ? value : [value])
          .flatMap((part) => String(part).split(','))
          .map((part) => part.trim())
          .filter(Boolean),
  z.array(z.string().max(512)).max(1000).optional(),
);
export const queryFlag = z
  .enum(['true', 'false'])
  .transform((value) => value === 'true')
  .optional();

/** List keys of a GET, with the typed filters of the resource. */
export function listQuery<T extends z.ZodRawShape>(filters: T) {
  return z
    .object({
      limit,
      offset,
      status: status.optional(),
      sort: z.string().max(64).optional(),
      order: z.enum(['asc', 'desc']).optional(),
      expand: z.string().max(512).optional(),
      start_time: timeInput.optional(),
      end_time: timeInput.optional(),
      ...filters,
    })
    .refine(orderly as (value: unknown) => boolean, ORDERLY_ERROR);
}

const fieldFilter = z.object({
  field: z.string().min(1).max(64),
  operator: z.enum(OPERATORS),
  data_type: z.enum(['string', 'number', 'date', 'array']),
  value: z.object({
    string: z.string().optional(),
    number: z.number().optional(),
    boolean: z.boolean().optional(),
    date: timeInput.optional(),
    array: z.array(z.string()).max(1000).optional(),
  }),
});

/** Body of a search, with the typed filters of the resource. */
export function searchBody<T extends z.ZodRawShape>(filters: T) {
  return z
    .object({
      limit,
      offset,
      status: status.nullish(),
      sort: z
        .union([
          z.array(z.object({ field: z.string().min(1).max(64), direction: z.enum(['asc', 'desc']).default('desc') })).max(8),
          z.string().max(64),
        ])
        .nullish(),
      order: z.enum(['asc', 'desc']).nullish(),
      expand: z.string().max(512).nullish(),
      start_time: timeInput.optional(),
      end_time: timeInput.optional(),
      filters: z.array(fieldFilter).max(50).nullish(),
      ...filters,
    })
    .refine(orderly as (value: unknown) => boolean, ORDERLY_ERROR);
}

interface ParsedList {
  readonly limit: number;
  readonly offset: number;
  readonly status?: ListOptions['status'] | undefined;
  readonly sort?: string | readonly SortKey[] | null | undefined;
  readonly order?: 'asc' | 'desc' | null | undefined;
  readonly start_time?: DateTime | undefined;
  readonly end_time?: DateTime | undefined;
  readonly filters?:
    | readonly { field: string; operator: FilterOperator; data_type: FieldFilter['dataType']; value: FieldFilter['value'] }[]
    | null
    | undefined;
}

/** Parsed list query or search body as options for a repository. Newest first unless told otherwise. */
export function listOptions(parsed: ParsedList): ListOptions {
  const direction = parsed.order ?? 'desc';
  const sort = Array.isArray(parsed.sort)
    ? (parsed.sort as readonly SortKey[])
    : [{ field: (parsed.sort as string | null | undefined) || 'created_at', direction }];
  return {
    limit: parsed.limit,
    offset: parsed.offset,
    status: parsed.status ?? null,
    sort,
    startTime: parsed.start_time ?? null,
    endTime: parsed.end_time ?? null,
    filters: (parsed.filters ?? []).map((filter) => ({
      field: filter.field,
      operator: filter.operator,
      dataType: filter.data_type,
      value: filter.value,
    })),
  };
}

/** Comma list of `expand`; an unknown field is a 400. */
export function parseExpand(value: string | null | undefined, allowed: readonly string[]): ReadonlySet<string> {
  const fields = (value ?? '')
    .split(',')
    .map((field) => field.trim())
    .filter(Boolean);
  const unknown = fields.find((field) => !allowed.includes(field));
  if (unknown !== undefined)
    throw invalid('expand', `unknown field ${JSON.stringify(unknown)}, known are: ${allowed.join(', ') || 'none'}`);
  return new Set(fields);
}
