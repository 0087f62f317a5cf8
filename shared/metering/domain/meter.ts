import type { DateTime } from 'luxon';
import type { WindowSize } from '#kernel/calendar/windows.ts';
import { Decimal } from '#kernel/decimal.ts';
import { invalid } from '#kernel/errors.ts';
import type { EntityColumns } from '#kernel/wire.ts';

export const AGGREGATION_TYPES = ['COUNT', 'SUM', 'AVG', 'COUNT_UNIQUE', 'LATEST', 'SUM_WITH_MULTIPLIER', 'MAX', 'WEIGHTED_SUM'] as const;
export type AggregationType = (typeof AGGREGATION_TYPES)[number];
export const RESET_USAGE = ['BILLING_PERIOD', 'NEVER'] as const;

/** How a meter turns events into one number (metering.md 3). `multiplier` is decimal text. */
export interface Aggregation {
  readonly type: AggregationType;
  readonly field: string | null;
  readonly multiplier: string | null;
  /** MAX or SUM per bucket; the value of a range is the sum over its buckets. */
  readonly bucketSize: WindowSize | null;
  readonly groupBy: string | null;
}

/** Matches when the property's text is one of the values. */
export interface PropertyFilter { readonly key: string; readonly values: readonly string[] }

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

/** Throws a validation error that names the part which breaks metering.md 3.2. */
export function checkAggregation(aggregation: Aggregation): void {
  const { type, field, multiplier, bucketSize, groupBy } = aggregation;
  if (type !== 'COUNT' && field === null) throw invalid('aggregation.field', `is required for ${type}`);
  if (type === 'SUM_WITH_MULTIPLIER' && multiplier === null) throw invalid('aggregation.multiplier', 'is required for SUM_WITH_MULTIPLIER');
  if (type !== 'SUM_WITH_MULTIPLIER' && multiplier !== null) throw invalid('aggregation.multiplier', 'belongs to SUM_WITH_MULTIPLIER only');
  if (multiplier !== null && !new Decimal(multiplier).gt(0)) throw invalid('aggregation.multiplier', 'must be greater than 0');
  if (bucketSize !== null && type !== 'MAX' && type !== 'SUM') throw invalid('aggregation.bucket_size', 'belongs to MAX and SUM only');
  if (groupBy !== null && (type !== 'MAX' || bucketSize === null)) throw invalid('aggregation.group_by', 'belongs to MAX with a bucket_size only');
}

/** The filters of both, key by key with all values of both: what `PUT /v1/meters/{id}` does (metering.md 3.1). */
export function unionFilters(existing: readonly PropertyFilter[], added: readonly PropertyFilter[]): PropertyFilter[] {
  const values = new Map<string, Set<string>>();
  for (const filter of [...existing, ...added]) values.set(filter.key, new Set([...(values.get(filter.key) ?? []), ...filter.values]));
  return [...values].map(([key, set]) => ({ key, values: [...set] }));
}
