import type { DateTime } from 'luxon';
import * as z from 'zod';
import type { Decimal } from '#kernel/decimal.ts';
import { queryFlag, queryList } from '#kernel/pagination.ts';
import { decimalInput, metadataInput, text, timeInput } from '#kernel/wire.ts';
import type { Comparable, Comparison, Condition } from './conditions.ts';

/**
 * A filter of a list, declared once: how a query carries it, how the body of a search does, and what it means for the rows.
 * Left out, null, '' and an empty list all mean: no filter.
 */
export interface Filter<Q extends z.ZodType = z.ZodType, S extends z.ZodType = z.ZodType> {
  readonly query: Q;
  readonly search: S;
  conditions(value: NonNullable<z.output<Q>>): readonly Condition[];
}

/** Clients send '' for what was left out. */
const blankable = <T extends z.ZodType>(schema: T) => z.preprocess((value) => (value === '' ? null : value), schema.nullish());
const MOST_VALUES = 1000;

/** One value. `conditions` says what it means where that is more than one comparison. */
export function oneValue<T extends z.ZodType<Comparable>>(schema: T, conditions: (value: z.output<T>) => readonly Condition[]) {
  return { query: schema.optional(), search: blankable(schema), conditions: (value: unknown) => conditions(value as z.output<T>) };
}

/** A list of values: in a query repeated or joined by commas. */
export function manyValues<T extends z.ZodType<string, string>>(
  schema: T,
  conditions: (values: readonly z.output<T>[]) => readonly Condition[],
) {
  return {
    query: queryList.pipe(z.array(schema).optional()),
    search: z.array(schema).max(MOST_VALUES).nullish(),
    conditions: (values: unknown) => conditions(values as readonly z.output<T>[]),
  };
}

/** Yes or no. */
export function flag(conditions: (value: boolean) => readonly Condition[]) {
  return { query: queryFlag, search: z.boolean().nullish(), conditions: (value: unknown) => conditions(value as boolean) };
}

/** Says something else about the answer: which rows are in it does not depend on it. */
export const shows = flag(() => []);

/** Filters on the columns of one entity, for the usual cases. */
export function filtersOn<E>() {
  type Column = keyof E & string;
  const compares = (is: Comparison) => {
    const decimal = (column: Column) => oneValue(decimalInput, (value: Decimal) => [{ column, is, value }]);
    const time = (column: Column) => oneValue(timeInput, (value: DateTime) => [{ column, is, value }]);
    return { decimal, time };
  };
  return {
    /** The column has this value: any text unless `schema` names its values. */
    equals: <T extends z.ZodType<Comparable> = typeof text>(column: Column, schema: T = text as unknown as T) =>
      oneValue(schema, (value) => [{ column, is: 'eq', value }]),
    /** The column has one of these values. */
    inList: <T extends z.ZodType<string, string> = typeof text>(column: Column, schema: T = text as unknown as T) =>
      manyValues(schema, (values) => [{ column, is: 'in', values }]),
    isTrue: (column: Column) => flag((value) => [{ column, is: 'eq', value }]),
    contains: (column: Column) => oneValue(text, (value: string) => [{ column, is: 'contains', text: value }]),
    /** Every pair is in the column's map. For the body of a search. */
    holds: (column: Column) => ({
      query: metadataInput.optional(),
      search: metadataInput.nullish(),
      conditions: (pairs: unknown): readonly Condition[] => [{ column, is: 'holds', pairs: pairs as Readonly<Record<string, string>> }],
    }),
    above: compares('gt').decimal,
    before: compares('lt').time,
    from: compares('gte').time,
    upTo: compares('lte').time,
  };
}
