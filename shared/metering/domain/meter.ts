import type { DateTime } from 'luxon';
import type { WindowSize } from '#kernel/calendar/windows.ts';
import { Decimal } from '#kernel/decimal.ts';
import { invalid } from '#kernel/errors.ts';
import type { EntityColumns } from '#kernel/wire.ts';
import { parseExpression } from './expression/parse.ts';

export const AGGREGATION_TYPES = ['COUNT', 'SUM', 'AVG', 'COUNT_UNIQUE', 'LATEST', 'SUM_WITH_MULTIPLIER', 'MAX', 'WEIGHTED_SUM'] as const;
export type AggregationType = (typeof AGGREGATION_TYPES)[number];
/** Aggregations that may measure an expression (metering.md 3.2). */
export const WITH_EXPRESSION: readonly AggregationType[] = ['SUM', 'AVG', 'MAX', 'LATEST'];
export const RESET_USAGE = ['BILLING_PERIOD', 'NEVER'] as const;

/** How a meter turns events into one number (metering.md 3). `multiplier` is decimal text. */
export interface Aggregation {
  readonly type: AggregationType;
  readonly field: string | null;
  /** CEL over the properties of an event, in place of a field. Absent in meters from before there were expressions. */
  readonly expression?: string | null;
  readonly multiplier: string | null;
  /** MAX or SUM per bucket; the value of a range is the sum over its buckets. */
  readonly bucketSize: WindowSize | null;
  readonly groupBy: string | null;
}

/** Matches when the property's text is one of the values. */
export interface PropertyFilter {
  readonly key: string;
  readonly values: readonly string[];
}

/** What is measured. Usage follows from stored events and this definition, so that a new meter sees earlier events (M2). */
export interface Meter extends EntityColumns {
  readonly name: string;
  readonly eventName: string;
  readonly aggregation: Aggregation;
  readonly filters: readonly PropertyFilter[];
  readonly resetUsage: (typeof RESET_USAGE)[number];
  /** Events from here on do not count. */
  readonly disabledAt: DateTime | null;
  /** Rises with every change of what is measured, so that an invoice can say which definition it used. */
  readonly version: number;
}

/** All of a meter that its numbers follow from. */
export type MeterDefinition = Pick<Meter, 'eventName' | 'aggregation' | 'filters' | 'resetUsage' | 'disabledAt'>;

/** What a meter measured until it was changed. */
export interface MeterVersion extends MeterDefinition, Pick<Meter, 'tenantId' | 'environmentId' | 'version'> {
  readonly meterId: string;
  readonly replacedAt: DateTime;
  readonly replacedBy: string;
}

/** Why a change of anything but filters is refused. */
export const FIXED = 'cannot be changed, make a new meter';

/** Throws a validation error that names the part which breaks metering.md 3.2. */
export function checkAggregation(aggregation: Aggregation): void {
  const { type, field, expression = null, multiplier, bucketSize, groupBy } = aggregation;
  if (type !== 'COUNT' && field === null && expression === null) throw invalid('aggregation.field', `is required for ${type}`);
  if (expression !== null) {
    if (!WITH_EXPRESSION.includes(type)) throw invalid('aggregation.expression', `belongs to ${WITH_EXPRESSION.join(', ')} only`);
    if (field !== null) throw invalid('aggregation.expression', 'must not be given together with field');
    parseExpression(expression);
  }
  if (type === 'SUM_WITH_MULTIPLIER' && multiplier === null) throw invalid('aggregation.multiplier', 'is required for SUM_WITH_MULTIPLIER');
  if (type !== 'SUM_WITH_MULTIPLIER' && expression === null && multiplier !== null)
    throw invalid('aggregation.multiplier', 'belongs to SUM_WITH_MULTIPLIER and to expressions only');
  if (multiplier !== null && !new Decimal(multiplier).gt(0)) throw invalid('aggregation.multiplier', 'must be greater than 0');
  if (bucketSize !== null && type !== 'MAX' && type !== 'SUM') throw invalid('aggregation.bucket_size', 'belongs to MAX and SUM only');
  if (groupBy !== null && (type !== 'MAX' || bucketSize === null))
    throw invalid('aggregation.group_by', 'belongs to MAX with a bucket_size only');
}

/** The filters of both, key by key with all values of both: what `PUT /v1/meters/{id}` does (metering.md 3.1). */
export function unionFilters(existing: readonly PropertyFilter[], added: readonly PropertyFilter[]): PropertyFilter[] {
  const values = new Map<string, Set<string>>();
  for (const filter of [...existing, ...added]) values.set(filter.key, new Set([...(values.get(filter.key) ?? []), ...filter.values]));
  return [...values].map(([key, set]) => ({ key, values: [...set] }));
}

/** Whether the filters have as many keys and values as those that they are a union with: then nothing was added. */
export function addsNothing(union: readonly PropertyFilter[], existing: readonly PropertyFilter[]): boolean {
  const size = (filters: readonly PropertyFilter[]): number => filters.reduce((total, { values }) => total + 1 + values.length, 0);
  return size(union) === size(existing);
}
