import fc from 'fast-check';

type Schema = Record<string, unknown>;

/** What callers send when they get a field wrong: of every type, and of every size. */
export const junk: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    -1,
    0,
    1.5,
    1e308,
    '',
    ' ',
    'x',
    '\u0000',
    '\ud800',
    '9'.repeat(60),
    '-0',
    '1e999',
    'NaN',
    [],
    {},
    [[]],
    { a: { b: null } },
    '2026-13-01T00:00:00Z',
    "'; drop table customers; --",
    '../../etc/passwd',
    '%00',
    'x'.repeat(2000),
  ),
  fc.string({ unit: 'binary' }),
  fc.double(),
  fc.integer(),
  fc.jsonValue({ maxDepth: 3 }),
);

/** Values that fit a JSON schema, as far as zod writes them; `ids` are used for text that names an entity. */
export function valuesOf(schema: Schema, ids: readonly string[]): fc.Arbitrary<unknown> {
  if (Array.isArray(schema.enum)) return fc.constantFrom(...(schema.enum as unknown[]));
  if ('const' in schema) return fc.constant(schema.const);
  for (const union of ['anyOf', 'oneOf'] as const) {
    if (Array.isArray(schema[union])) return fc.oneof(...(schema[union] as Schema[]).map((option) => valuesOf(option, ids)));
  }
  if (Array.isArray(schema.allOf))
    return fc
      .tuple(...(schema.allOf as Schema[]).map((part) => valuesOf(part, ids)))
      .map((parts) => Object.assign({}, ...(parts as object[])) as unknown);
  switch (schema.type) {
    case 'object':
      return objectOf(schema, ids);
    case 'array':
      return fc.array(valuesOf((schema.items ?? {}) as Schema, ids), { maxLength: 3, minLength: Number(schema.minItems ?? 0) });
    case 'integer':
      return fc.oneof(fc.integer({ min: 0, max: 100 }), fc.integer());
    case 'number':
      return fc.oneof(fc.integer({ min: 0, max: 1000 }), fc.double({ noNaN: true, noDefaultInfinity: true }));
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'string':
      return textOf(schema, ids);
    default:
      return junk;
  }
}

function objectOf(schema: Schema, ids: readonly string[]): fc.Arbitrary<unknown> {
  const properties = (schema.properties ?? {}) as Record<string, Schema>;
  const required = ((schema.required ?? []) as string[]).filter((name) => name in properties);
  const fields = Object.fromEntries(Object.entries(properties).map(([name, property]) => [name, valuesOf(property, ids)]));
  if (Object.keys(fields).length === 0) return fc.dictionary(fc.string({ maxLength: 8 }), fc.string({ maxLength: 8 }), { maxKeys: 3 });
  return fc.record(fields, { requiredKeys: required });
}

function textOf(schema: Schema, ids: readonly string[]): fc.Arbitrary<unknown> {
  if (schema.format === 'date-time')
    return fc.date({ min: new Date('2020-01-01'), max: new Date('2030-01-01'), noInvalidDate: true }).map((date) => date.toISOString());
  if (typeof schema.description === 'string' && schema.description.startsWith('Decimal'))
    return fc.oneof(
      fc.nat(1000).map(String),
      fc.tuple(fc.nat(100), fc.nat(9999)).map(([whole, part]) => `${whole}.${part}`),
    );
  return fc.oneof(fc.constantFrom(...ids, 'usd', 'UTC', 'Asia/Kolkata'), fc.string({ minLength: 1, maxLength: 12 }));
}

/** One place of a value replaced by junk, or left out, or doubled. */
export function mutated(value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.tuple(value, fc.nat(), junk, fc.constantFrom('replace', 'remove', 'wrap')).map(([original, where, replacement, how]) => {
    const copy = structuredClone(original);
    const places: (readonly [Record<string, unknown>, string])[] = [];
    collect(copy, places);
    const place = places[where % Math.max(places.length, 1)];
    if (!place) return replacement;
    const [parent, key] = place;
    if (how === 'remove') delete parent[key];
    else parent[key] = how === 'wrap' ? [parent[key]] : replacement;
    return copy;
  });
}

function collect(value: unknown, places: (readonly [Record<string, unknown>, string])[]): void {
  if (typeof value !== 'object' || value === null) return;
  for (const key of Object.keys(value)) {
    places.push([value as Record<string, unknown>, key]);
    collect((value as Record<string, unknown>)[key], places);
  }
}
