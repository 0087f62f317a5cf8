import type * as z from 'zod';

/** What is read of a zod schema: the definition that every schema carries. */
interface Definition {
  readonly type: string;
  readonly in?: Schema;
  readonly out?: Schema;
  readonly innerType?: Schema;
  readonly getter?: () => Schema;
  readonly options?: readonly Schema[];
  readonly element?: Schema;
  readonly valueType?: Schema;
  readonly catchall?: Schema;
  readonly shape?: Readonly<Record<string, Schema>>;
}
type Schema = z.ZodType & { readonly _zod: { readonly def: Definition } };
type Path = readonly (string | number)[];

/** A value without the nulls that mean nothing, and the paths of the keys that its schema does not have. */
export interface Found {
  readonly value: unknown;
  readonly unknown: readonly Path[];
}

/**
 * The value with all that is null where the schema lets a key be absent but not be null taken out (wire-rules.md: null means absent), and
 * the paths of keys that the schema does not have. Values of free maps (`z.record`, `z.unknown`, `z.looseObject`) may have any key. Where
 * several schemas may be meant, it is the one that takes the value.
 *
 *     readKeys(z.object({ name: z.string().optional() }), { name: null, nam: 1 })   // -> { value: { nam: 1 }, unknown: [['nam']] }
 */
export function readKeys(schema: z.ZodType, value: unknown): Found {
  return read(schema as Schema, value, []);
}

const NOTHING: readonly Path[] = [];

function read(schema: Schema, value: unknown, path: Path): Found {
  if (typeof value !== 'object' || value === null) return { value, unknown: NOTHING };
  const { def } = schema._zod;
  switch (def.type) {
    case 'optional':
    case 'nullable':
    case 'nonoptional':
    case 'default':
    case 'prefault':
    case 'readonly':
    case 'catch':
      return read(def.innerType as Schema, value, path);
    case 'lazy':
      return read((def.getter as () => Schema)(), value, path);
    case 'pipe':
      // What a transform makes of a value before a schema reads it has that schema's keys.
      return read((def.in?._zod.def.type === 'transform' ? def.out : def.in) as Schema, value, path);
    case 'union':
      return readOption(def.options ?? [], value, path);
    case 'array':
      return Array.isArray(value) ? readItems(value, path, def.element as Schema) : { value, unknown: NOTHING };
    case 'record':
      return Array.isArray(value) ? { value, unknown: NOTHING } : readEntries(value, path, () => def.valueType, false);
    case 'object': {
      // An array where an object is awaited is said by the schema itself.
      if (Array.isArray(value)) return { value, unknown: NOTHING };
      const { shape = {}, catchall } = def;
      const isFree = catchall !== undefined && catchall._zod.def.type !== 'never';
      return readEntries(value, path, (key) => (Object.hasOwn(shape, key) ? shape[key] : isFree ? catchall : null), true);
    }
    default:
      return { value, unknown: NOTHING };
  }
}

/** By the schema that takes the value; where none does, which the schema itself will say, by the one to which the fewest keys are unknown. */
function readOption(options: readonly Schema[], value: object, path: Path): Found {
  const taking = options.filter((option) => option.safeParse(value).success);
  const found = (taking.length > 0 ? taking : options).map((option) => read(option, value, path));
  return found.reduce((best, next) => (next.unknown.length < best.unknown.length ? next : best), found[0] ?? { value, unknown: NOTHING });
}

function readItems(items: readonly unknown[], path: Path, schema: Schema): Found {
  const found = items.map((item, index) => read(schema, item, [...path, index]));
  const isSame = found.every(({ value }, index) => value === items[index]);
  return { value: isSame ? items : found.map(({ value }) => value), unknown: found.flatMap(({ unknown }) => unknown) };
}

/** `schemaOf` gives null for a key that is not known. */
function readEntries(value: object, path: Path, schemaOf: (key: string) => Schema | null | undefined, nullMeansAbsent: boolean): Found {
  const unknown: Path[] = [];
  const kept: [string, unknown][] = [];
  let isSame = true;
  for (const [key, inner] of Object.entries(value)) {
    const schema = schemaOf(key);
    if (schema === null) unknown.push([...path, key]);
    if (inner === null && nullMeansAbsent && schema && isAbsentRatherThanNull(schema)) {
      isSame = false;
      continue;
    }
    const found = schema ? read(schema, inner, [...path, key]) : { value: inner, unknown: NOTHING };
    // One by one: there may be more of them than a call takes arguments.
    for (const inside of found.unknown) unknown.push(inside);
    isSame &&= found.value === inner;
    kept.push([key, found.value]);
  }
  return { value: isSame ? value : Object.fromEntries(kept), unknown };
}

const asked = new WeakMap<Schema, boolean>();

function isAbsentRatherThanNull(schema: Schema): boolean {
  const known = asked.get(schema);
  if (known !== undefined) return known;
  const answer = schema.safeParse(undefined).success && !schema.safeParse(null).success;
  asked.set(schema, answer);
  return answer;
}
