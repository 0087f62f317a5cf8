import type { PropertyFilter } from '../domain/meter.ts';

/** `{key: [values]}` of the wire. A key without values asks for nothing. */
export function filtersFromWire(filters: Readonly<Record<string, readonly string[]>> | null | undefined): PropertyFilter[] {
  return Object.entries(filters ?? {})
    .filter(([, values]) => values.length > 0)
    .map(([key, values]) => ({ key, values }));
}
