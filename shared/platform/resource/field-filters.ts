import type { DateTime } from 'luxon';
import * as z from 'zod';
import { Decimal, isDecimalText } from '#kernel/decimal.ts';
import { invalid } from '#kernel/errors.ts';
import { timeInput } from '#kernel/wire.ts';
import type { Comparable, Comparison, Condition, FieldKind } from './conditions.ts';

/** Wire names of the fields that a list is sorted and filtered by, and what they are. The column has the same name, in camel case. */
export type ListFields = Readonly<Record<string, FieldKind>>;

/** Fields of every entity. */
export const COMMON_FIELDS = { id: 'string', created_at: 'date', updated_at: 'date', status: 'string', created_by: 'string' } as const;

const COMPARISONS = { eq: 'eq', gt: 'gt', lt: 'lt', gte: 'gte', before: 'lt', after: 'gt' } as const satisfies Record<string, Comparison>;
const OPERATORS = ['eq', 'contains', 'not_contains', 'gt', 'lt', 'gte', 'in', 'not_in', 'before', 'after'] as const;

/** One entry of `filters` in the body of a search (wire-rules.md section 6). */
export const FieldFilter = z.object({
  field: z.string().min(1).max(64),
  operator: z.enum(OPERATORS).meta({
    description:
      '`not_in` and `not_contains` also keep rows without a value. `in` with an empty array keeps no row. `contains` and `not_contains` are for text and ignore case',
  }),
  data_type: z.enum(['string', 'number', 'date', 'array']),
  value: z.object({
    string: z.string().optional(),
    number: z.number().optional(),
    boolean: z.boolean().optional(),
    date: timeInput.optional(),
    array: z.array(z.string()).max(1000).optional(),
  }),
});
export type FieldFilter = z.output<typeof FieldFilter>;

/** What the entry at `index` says about the rows. Throws a validation error that names an unknown field, or a value that does not fit. */
export function conditionOf(filter: FieldFilter, fields: ListFields, index: number): Condition {
  return { ...meaningOf(filter, fields, index), parameter: `filters[${index}]` };
}

function meaningOf({ field, operator, value }: FieldFilter, fields: ListFields, index: number): Condition {
  const kind = Object.hasOwn(fields, field) ? fields[field] : undefined;
  if (kind === undefined) throw invalid(`filters[${index}].field`, `unknown field ${JSON.stringify(field)}`);
  const column = columnOf(field);
  const bad = (reason: string) => invalid(`filters[${index}].value`, reason);
  const given = Object.entries(value).filter(([, one]) => one !== undefined);
  if (given.length > 1) throw bad(`holds ${given.map(([name]) => name).join(' and ')}: only one of them can be compared with`);
  if (operator === 'in' || operator === 'not_in') {
    if (!value.array) throw bad('must be {"array": [...]} for this operator');
    const values = value.array.map((item) => comparable(item, kind, bad));
    return { column, is: operator === 'in' ? 'in' : 'notIn', values: kind === 'integer' ? wholesOf(values as Decimal[]) : values };
  }
  if (operator === 'contains' || operator === 'not_contains') {
    if (kind !== 'string' || value.string === undefined) throw bad('must be {"string": ...} on a text field for this operator');
    return { column, is: operator === 'contains' ? 'contains' : 'notContains', text: value.string };
  }
  const [one] = [value.string, value.number, value.date, value.boolean].filter((any) => any !== undefined);
  if (one === undefined) throw bad(value.array === undefined ? 'is missing' : `must not be {"array": ...} for ${operator}`);
  const compared = comparable(typeof one === 'boolean' ? String(one) : one, kind, bad);
  return kind === 'integer'
    ? wholeComparison(column, COMPARISONS[operator], compared as Decimal)
    : { column, is: COMPARISONS[operator], value: compared };
}

/** A comparison of whole numbers with any number, as one of whole numbers: the database then has an index for it. */
function wholeComparison(column: string, is: Comparison, value: Decimal): Condition {
  const whole = is === 'gt' || is === 'lte' ? value.floor() : value.ceil();
  if (is === 'eq' && !value.isInteger()) return { column, is: 'in', values: [] };
  if (whole.abs().lte(Number.MAX_SAFE_INTEGER)) return { column, is, value: whole.toNumber() };
  const isBeyond = whole.isNegative() ? is === 'gt' || is === 'gte' : is === 'lt' || is === 'lte';
  return isBeyond ? { column, is: 'set' } : { column, is: 'in', values: [] };
}

/** Those that a column of whole numbers can hold. */
function wholesOf(values: readonly Decimal[]): number[] {
  return values.filter((value) => value.isInteger() && value.abs().lte(Number.MAX_SAFE_INTEGER)).map((value) => value.toNumber());
}

function comparable(value: string | number | DateTime, kind: FieldKind, bad: (reason: string) => Error): Comparable {
  if (kind === 'date') {
    if (typeof value === 'object') return value;
    throw bad('must be {"date": ...} on a time field');
  }
  if (kind === 'string') {
    const text = String(value);
    if (text.includes('\u0000')) throw bad('must not contain NUL');
    return text;
  }
  const text = String(value);
  const number = isDecimalText(text) ? new Decimal(text) : null;
  if (number === null || !number.isFinite()) throw bad('must be a number');
  return number;
}

/** Column of a wire name. */
export function columnOf(field: string): string {
  return field.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
