import type { RequestContext } from '#kernel/context.ts';
import type { QueryParameters } from '#platform/clickhouse/client.ts';
import type { PropertyFilter } from '../domain/meter.ts';
import { QUANTITY_DIGITS } from '../domain/properties.ts';

/**
 * SQL with its parameters. Values of callers, property names included, become `{name:Type}` placeholders: no text from outside
 * is ever part of a statement.
 */
export class Bindings {
  readonly values: Record<string, unknown> = {};
  #count = 0;
  /** Lists that are bound already: all questions of a statement may be about the same customers. */
  readonly #lists = new Map<string, string>();

  /** A placeholder for the value, such as `{p3:String}`. */
  bind(type: 'String' | 'Array(String)' | 'Int64' | 'UInt32' | 'UInt64' | 'Int256', value: unknown): string {
    const list = Array.isArray(value) ? JSON.stringify(value) : null;
    const known = list === null ? undefined : this.#lists.get(list);
    if (known !== undefined) return known;
    const name = `p${this.#count++}`;
    this.values[name] = value;
    const placeholder = `{${name}:${type}}`;
    if (list !== null) this.#lists.set(list, placeholder);
    return placeholder;
  }

  get parameters(): QueryParameters {
    return this.values;
  }
}

/**
 * For reads with FINAL. Every event lies in one monthly partition, so copies of it meet without looking across partitions; and
 * copies are alike in all that conditions look at, so conditions may come first and the wide columns be read for what is left.
 */
export const FINAL_SETTINGS = { do_not_merge_across_partitions_select_final: 1, optimize_move_to_prewhere_if_final: 1 } as const;

/** Every branch of a statement reads the same parts of a table, however many are inserted meanwhile. */
export const SAME_ROWS = { enable_shared_storage_snapshot_in_query: 1 } as const;

/** Milliseconds since 1970 as a point in time of the table's type. */
export function instant(bindings: Bindings, millis: number): string {
  return `fromUnixTimestamp64Milli(${bindings.bind('Int64', millis)}, 'UTC')`;
}

/** Rows of the context's environment. */
export function tenantCondition(bindings: Bindings, ctx: Pick<RequestContext, 'tenantId' | 'environmentId'>): string {
  return `tenant_id = ${bindings.bind('String', ctx.tenantId)} AND environment_id = ${bindings.bind('String', ctx.environmentId)}`;
}

/** Text of a first-level property as `propertyText` defines it: NULL when it is missing or null. */
export function propertyTextSql(bindings: Bindings, key: string): string {
  return `JSONExtract(properties, ${bindings.bind('String', key)}, 'Nullable(String)')`;
}

/**
 * Exact number of a text as `quantityOf` defines it, else NULL. The pattern is needed because the conversion alone takes
 * "-", "1.2.3" and "e5" for numbers.
 */
export function quantitySql(text: string): string {
  const value = `toDecimal256OrNull(${text}, ${QUANTITY_DIGITS})`;
  return `if(match(${text}, '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,4})?$') AND abs(${value}) < toDecimal256('1e30', ${QUANTITY_DIGITS}), ${value}, NULL)`;
}

/** All filters match, each by any of its values; a missing key never does (metering.md 3.3). */
export function filterConditions(bindings: Bindings, filters: readonly PropertyFilter[]): string[] {
  return filters.map(({ key, values }) => `ifNull(has(${bindings.bind('Array(String)', values)}, ${propertyTextSql(bindings, key)}), 0)`);
}
