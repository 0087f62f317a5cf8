import { BLANKS, QUANTITY_DIGITS } from '#ingestion/domain/properties.ts';
import type { Bindings } from '#platform/clickhouse/sql.ts';
import type { PropertyFilter } from '../domain/meter.ts';

/** As a text of SQL. */
const BLANKS_SQL = JSON.stringify(BLANKS).slice(1, -1).replace('\\u000b', '\\v');

/** Text of a first-level property as `propertyText` defines it: NULL when it is missing or null. */
export function propertyTextSql(bindings: Bindings, key: string): string {
  return `JSONExtract(properties, ${bindings.bind('String', key)}, 'Nullable(String)')`;
}

/**
 * Exact number of a text as `quantityOf` defines it, else NULL. The pattern is needed because the conversion alone takes
 * "-", "1.2.3" and "e5" for numbers.
 */
export function quantitySql(text: string): string {
  const number = `trim(BOTH '${BLANKS_SQL}' FROM ${text})`;
  const value = `toDecimal256OrNull(${number}, ${QUANTITY_DIGITS})`;
  return `if(match(${number}, '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,4})?$') AND abs(${value}) < toDecimal256('1e30', ${QUANTITY_DIGITS}), ${value}, NULL)`;
}

/** All filters match, each by any of its values; a missing key never does (metering.md 3.3). */
export function filterConditions(bindings: Bindings, filters: readonly PropertyFilter[]): string[] {
  return filters.map(({ key, values }) => `ifNull(has(${bindings.bind('Array(String)', values)}, ${propertyTextSql(bindings, key)}), 0)`);
}
