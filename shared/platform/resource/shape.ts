import { DateTime } from 'luxon';
import type * as z from 'zod';
import { Decimal } from '#kernel/decimal.ts';
import { toWire, wireNumber, wireTime } from '#kernel/wire.ts';
import { columnOf } from './field-filters.ts';

type Shaper = (value: unknown) => unknown;
const shapers = new WeakMap<z.ZodType, Shaper>();

/**
 * A value of the domain as its contract shows it: the fields that the contract names and no others, snake case, absent ones left
 * out. A decimal is text or a number as the contract says. Maps of the caller's own stay as they are.
 */
export function shaped(contract: z.ZodType, value: unknown): unknown {
  return shaperOf(contract)(value);
}

function shaperOf(contract: z.ZodType): Shaper {
  const known = shapers.get(contract);
  if (known !== undefined) return known;
  const shaper = makeShaper(contract as unknown as z.core.$ZodTypes);
  shapers.set(contract, shaper);
  return shaper;
}

function makeShaper({ _zod: { def } }: z.core.$ZodTypes): Shaper {
  switch (def.type) {
    case 'object':
      return def.catchall ? toWire : objectShaper(def.shape as Readonly<Record<string, z.ZodType>>);
    case 'array': {
      const item = shaperOf(def.element as z.ZodType);
      return (value) => (value as readonly unknown[]).map(item);
    }
    case 'optional':
    case 'nullable':
    case 'default':
    case 'readonly':
      return shaperOf(def.innerType as z.ZodType);
    case 'number':
      return (value) => (Decimal.isDecimal(value) ? wireNumber(value as Decimal) : value);
    case 'string':
    case 'enum':
    case 'literal':
      return (value) =>
        typeof value === 'string'
          ? value
          : DateTime.isDateTime(value)
            ? wireTime(value)
            : Decimal.isDecimal(value)
              ? (value as Decimal).toFixed()
              : value;
    case 'record':
    case 'boolean':
      return (value) => value;
    case 'unknown':
      return toWire;
    default:
      throw new Error(`a contract of an answer cannot have ${def.type}: what it shows would not be decided`);
  }
}

function objectShaper(shape: Readonly<Record<string, z.ZodType>>): Shaper {
  const fields = Object.entries(shape).map(([name, contract]) => [name, columnOf(name), shaperOf(contract)] as const);
  return (value) => {
    const shown: Record<string, unknown> = {};
    for (const [name, key, shaper] of fields) {
      const inner = (value as Readonly<Record<string, unknown>>)[key];
      if (inner !== null && inner !== undefined) shown[name] = shaper(inner);
    }
    return shown;
  };
}
