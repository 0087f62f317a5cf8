import type { RequestContext } from '#kernel/context.ts';
import type { QueryParameters } from '#platform/clickhouse/client.ts';

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
  bind(type: 'String' | 'Array(String)' | 'Array(Int64)' | 'Int64' | 'UInt32' | 'UInt64' | 'Int256', value: unknown): string {
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
