import * as z from 'zod';

/** The plain record that describes each map below: what the description of the API is made from. */
const DESCRIPTIONS = new WeakMap<z.core.$ZodType, z.ZodType>();

/**
 * A map whose keys are the caller's own, such as property names: all of them are data, `__proto__` and `constructor` like any other.
 * (zod's own record leaves `__proto__` out without a word: a filter on it would not filter.) Takes the place of `z.record` in requests.
 */
export function recordOf<Value extends z.ZodType>(
  key: z.ZodType<string>,
  value: Value,
  { error = 'must be a map' }: { readonly error?: string } = {},
) {
  const map = z
    .custom<Readonly<Record<string, unknown>>>(isMap, error)
    .transform((input, context): Record<string, z.output<Value>> => {
      const entries: [string, z.output<Value>][] = [];
      for (const [name, inner] of Object.entries(input)) {
        const [known, read] = [key.safeParse(name, { reportInput: true }), value.safeParse(inner, { reportInput: true })];
        for (const issue of [...(known.error?.issues ?? []), ...(read.error?.issues ?? [])])
          context.issues.push({ ...issue, path: [name, ...issue.path], input: issue.input } as z.core.$ZodRawIssue);
        if (known.success && read.success) entries.push([known.data, read.data]);
      }
      return Object.fromEntries(entries) as Record<string, z.output<Value>>;
    })
    .meta({ type: 'object' });
  DESCRIPTIONS.set(map, z.record(key as z.ZodString, value));
  return map;
}

/** The record that describes a schema made by `recordOf`, with or without further checks; undefined for any other. */
export function descriptionOf(schema: z.core.$ZodType): z.ZodType | undefined {
  const { parent } = schema._zod;
  return DESCRIPTIONS.get(schema) ?? (parent === undefined ? undefined : descriptionOf(parent));
}

function isMap(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
