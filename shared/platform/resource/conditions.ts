import type { DateTime } from 'luxon';
import type { Decimal } from '#kernel/decimal.ts';

export type Comparable = string | number | boolean | Decimal | DateTime;

/**
 * One condition on a column of the listed table, by its name in the domain. All conditions of a list hold at once.
 * `parameter` is what the caller named it by, for an answer that cannot be given.
 */
export type Condition = Meaning & { readonly parameter?: string };

type Meaning =
  | { readonly column: string; readonly is: Comparison; readonly value: Comparable }
  /** Rows without a value are not in any list of values. */
  | { readonly column: string; readonly is: 'in' | 'notIn'; readonly values: readonly Comparable[] }
  | { readonly column: string; readonly is: 'contains' | 'notContains'; readonly text: string }
  /** Every pair is there. */
  | { readonly column: string; readonly is: 'holds'; readonly pairs: Readonly<Record<string, string>> }
  | { readonly column: string; readonly is: 'set' | 'unset' }
  /** Ends after this time, or never. */
  | { readonly column: string; readonly is: 'openAfter'; readonly value: DateTime };

export type Comparison = 'eq' | 'lt' | 'lte' | 'gt' | 'gte';

/** What a field of a list is: `number` is exact, `integer` a whole number that the database keeps as one. */
export type FieldKind = 'string' | 'number' | 'integer' | 'date';

export interface SortKey {
  readonly column: string;
  readonly kind: FieldKind;
  readonly direction: 'asc' | 'desc';
}
