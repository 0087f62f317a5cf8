import type { ColumnType } from 'kysely';

/**
 * All tables, in camelCase. Each module adds its own by declaration merging in its repository, so that a domain type is
 * written once and is at the same time the type of its row.
 */
// biome-ignore lint/suspicious/noEmptyInterface: filled by declaration merging
export interface Tables {}

/** Columns that the database fills from the transaction's settings or a default. */
type Defaulted = 'tenantId' | 'environmentId' | 'status' | 'createdBy' | 'updatedBy' | 'metadata';

/** Row type of a domain type: absent values are null, and what the database fills may be left out on insert. */
export type Table<T> = {
  [K in keyof T]: K extends Defaulted ? ColumnType<T[K], T[K] | undefined, T[K]> : ColumnType<T[K], T[K], T[K]>;
};
