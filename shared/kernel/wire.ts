import { DateTime } from 'luxon';
import * as z from 'zod';
import { Decimal, isDecimalText } from './decimal.ts';
import { isCurrency } from './money.ts';
import { recordOf } from './records.ts';

const OBJECT_LEVELS = 20;
const OBJECT_LENGTH = 65_536;

/** Decimal in a request: text or number (wire-rules.md section 8). Exact: text never passes through a double. */
export const decimalInput = z
  .union([z.string().trim().max(128).refine(isDecimalText, 'must be a decimal number'), z.number()], { error: 'must be a decimal number' })
  .transform((value, issues): Decimal => {
    const result = new Decimal(value);
    if (result.isFinite()) return result;
    issues.addIssue({ code: 'custom', message: 'must be a finite decimal number' });
    return z.NEVER;
  })
  .meta({ type: 'string', description: 'Decimal number as text' });

/** Money or a rate: a decimal that is not negative. */
export const amountInput = decimalInput
  .refine((value) => !value.isNegative() || value.isZero(), 'must not be negative')
  .meta({ type: 'string' });

/** Whole number of a request that may be larger than a double holds: 0 or more, up to `maximum`. */
export function wholeInput(maximum: string) {
  return decimalInput
    .refine((value) => value.isInteger() && !value.isNegative() && value.lte(maximum), `must be a whole number from 0 to ${maximum}`)
    .meta({ type: 'integer' });
}
export const MAX_INT64 = '9223372036854775807';
export const MAX_UINT64 = '18446744073709551615';

/** RFC 3339 time in a request, with its offset; becomes UTC. */
export const timeInput = z
  .string()
  .max(64)
  .transform((value, issues): DateTime => {
    const time = DateTime.fromISO(value, { setZone: true }).toUTC();
    if (time.isValid && /(Z|z|[+-]\d\d:?\d\d)$/.test(value) && value.includes('T') && time.year >= 1 && time.year <= 9999) return time;
    issues.addIssue({ code: 'custom', message: 'must be an RFC 3339 time such as 2026-01-31T00:00:00Z' });
    return z.NEVER;
  })
  .meta({ type: 'string', format: 'date-time' });

/** Postgres cannot store a NUL. */
const storable = z.string().refine((value) => !value.includes('\u0000'), 'must not contain NUL');

const METADATA_KEYS = 50;
const METADATA_BYTES = 16_384;
/** What a caller keeps beside an entity. Bounded as a whole: it travels with every page, event and invoice of the entity. */
export const metadataInput = recordOf(storable.max(255), storable.max(4096), { error: 'must be a map of strings' })
  .refine((map) => Object.keys(map).length <= METADATA_KEYS, `must have at most ${METADATA_KEYS} keys`)
  .refine(
    (map) => Object.entries(map).reduce((bytes, [key, value]) => bytes + utf8Length(key) + utf8Length(value), 0) <= METADATA_BYTES,
    `must not be longer than ${METADATA_BYTES} bytes, keys included`,
  );

const UTF8 = new TextEncoder();
function utf8Length(text: string): number {
  return UTF8.encode(text).length;
}
/** JSON of the caller's own within bounds that every engine can hold and print: so many levels, and at most `length` characters. */
export function boundedJson<T extends z.ZodType>(schema: T, length: number): T {
  return (
    schema
      .refine((value) => !isDeeperThan(value, OBJECT_LEVELS), `must not be nested deeper than ${OBJECT_LEVELS} levels`)
      // What is nested too deep cannot be printed, and has been refused already.
      .refine(
        (value) => isDeeperThan(value, OBJECT_LEVELS) || JSON.stringify(value).length <= length,
        `must not be longer than ${length} characters`,
      )
  );
}

/** Any JSON object that a caller may keep with us. */
export const objectInput = boundedJson(recordOf(z.string(), z.unknown(), { error: 'must be an object' }), OBJECT_LENGTH);

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeperThan(inner, levels - 1));
}

/** Lists are sorted and filtered by texts, and an entry of an index has 2,700 bytes at most. */
const INDEXED_BYTES = 2_000;
/** Text that says something for people, and that no list is sorted by. */
export const prose = storable.max(1024);
export const text = prose.refine(
  // A character of UTF-16 has three bytes of UTF-8 at most: most texts, such as those of events, need not be encoded.
  (value) => value.length * 3 <= INDEXED_BYTES || utf8Length(value) <= INDEXED_BYTES,
  `must not be longer than ${INDEXED_BYTES} bytes`,
);
/** Text that must say something. */
export const requiredText = text.refine((value) => value.trim() !== '', 'must not be empty');
/** A name of the caller's own that it also asks by, without the blanks around it, in a path: HTTP clients resolve these two before they send anything. */
export const nameInPath = requiredText.transform((value) => value.trim()).refine(fitsPath, 'must not be . or .., which no path can hold');

export function fitsPath(name: string): boolean {
  return name !== '.' && name !== '..';
}
export const currencyCode = z
  .string()
  .regex(/^[a-zA-Z]{3}$/, 'must be a three-letter currency code')
  .refine(isCurrency, 'must be a currency of ISO 4217');
export const currencyInput = currencyCode.transform((code) => code.toLowerCase());

/** Decimal in an answer: JSON string in plain notation. */
export const decimalText = z.string().meta({ description: 'Decimal number as text' });
/** Whole number in an answer that may be larger than a double holds (WireNumber). */
export const wholeNumber = z.number().meta({ type: 'integer' });
export const timeText = z.string().meta({ format: 'date-time' });
export const metadataText = z.record(z.string(), z.string());

/** Fields that every entity has on the wire (wire-rules.md section 8). */
export const entityBase = z.object({
  id: z.string(),
  tenant_id: z.string(),
  environment_id: z.string(),
  status: z.string(),
  created_at: timeText,
  updated_at: timeText,
  created_by: z.string().optional(),
  updated_by: z.string().optional(),
});

/** What pagination says besides numbers, where it has to. */
export const furtherPagination = {
  total_is_estimate: z.literal(true).optional().meta({ description: 'Present where `total` is an estimate: above 10,000' }),
  next_cursor: z.string().optional().meta({
    description:
      'Asks for the next page as `cursor`, at the same cost however far down the list. Absent on the last page, and where several fields sort',
  }),
};

const pagination = z.object({
  total: z.int().meta({ description: 'Rows of the whole list: exact up to 10,000' }),
  limit: z.int(),
  offset: z.int().meta({ description: 'Where the next page starts: the `offset` to ask for it with' }),
  ...furtherPagination,
});
/** A list answer. `pagination.offset` is the offset of the next page (wire-rules.md section 6). */
export function listOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), pagination });
}

export const successResponse = z.object({ message: z.string() });

/** The columns behind `entityBase`. */
export interface EntityColumns {
  readonly id: string;
  readonly tenantId: string;
  readonly environmentId: string;
  readonly status: RecordStatus;
  readonly createdAt: DateTime;
  readonly updatedAt: DateTime;
  readonly createdBy: string | null;
  readonly updatedBy: string | null;
}

export type RecordStatus = 'published' | 'archived' | 'deleted';

type CamelKey<S extends string> = S extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<CamelKey<Tail>>}` : S;
type Opaque = 'metadata' | 'properties';
/** The request as the domain names it. Keys inside `metadata` and `properties` stay as the caller wrote them. */
export type Camelized<T> = T extends Decimal | DateTime
  ? T
  : T extends readonly (infer Item)[]
    ? Camelized<Item>[]
    : T extends object
      ? { [K in keyof T as K extends string ? CamelKey<K> : K]: K extends Opaque ? T[K] : Camelized<T[K]> }
      : T;

const OPAQUE_KEYS = new Set<string>(['metadata', 'properties', 'gateway_metadata', 'config_value']);

/** Parsed request (snake_case) to domain (camelCase). */
export function fromWire<T>(value: T): Camelized<T> {
  return recase(value, (key) => key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())) as Camelized<T>;
}

function recase(value: unknown, rename: (key: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => recase(item, rename));
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [rename(key), OPAQUE_KEYS.has(key) ? inner : recase(inner, rename)]),
  );
}

/**
 * Domain value (camelCase) to the wire: snake_case keys, decimals as text, times as RFC 3339 in UTC, absent values left out.
 * Keys inside `metadata` and `properties` are never re-cased.
 */
export function toWire(value: unknown): unknown {
  if (value === null || value === undefined) return undefined;
  if (typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((item) => toWire(item));
  if (!isPlainObject(value))
    return DateTime.isDateTime(value) ? wireTime(value) : Decimal.isDecimal(value) ? (value as Decimal).toFixed() : value;
  const wire: Record<string, unknown> = {};
  // A page holds a thousand fields, most of them texts: those are settled here, without a call or a list of entries.
  for (const key in value) {
    const inner = value[key];
    if (inner === null || inner === undefined) continue;
    const name = snakeCase(key);
    const mapped = typeof inner !== 'object' || OPAQUE_KEYS.has(name) ? inner : toWire(inner);
    if (mapped === undefined) continue;
    // An assignment would make it the prototype.
    if (name === '__proto__') Object.defineProperty(wire, name, { value: mapped, enumerable: true, configurable: true, writable: true });
    else wire[name] = mapped;
  }
  return wire;
}

/** What was printed last: a row that was never changed has the same time twice. */
let printed: { readonly millis: number; readonly text: string } = { millis: Number.NaN, text: '' };

/** RFC 3339 in UTC, whole seconds without a fraction. Through the engine's own printer, which takes a tenth of luxon's time. */
export function wireTime(time: DateTime): string {
  if (!time.isValid) return '';
  const millis = time.toMillis();
  if (printed.millis !== millis) {
    const text = time.toJSDate().toISOString();
    printed = { millis, text: text.endsWith('.000Z') ? `${text.slice(0, -'.000Z'.length)}Z` : text };
  }
  return printed.text;
}

/** Names that have been converted: those of fields, of which there are some hundred. */
const SNAKE_CASED = new Map<string, string>();
const MAX_REMEMBERED = 5_000;

export function snakeCase(key: string): string {
  const known = SNAKE_CASED.get(key);
  if (known !== undefined) return known;
  const name = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  // Keys of free objects are anybody's: they must not fill the memory.
  if (SNAKE_CASED.size < MAX_REMEMBERED) SNAKE_CASED.set(key, name);
  return name;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** A JSON number whose digits are kept as they are: for the few wire fields that are numbers (wire-rules.md section 8). */
export class WireNumber {
  readonly text: string;

  constructor(value: Decimal) {
    this.text = value.toFixed();
  }

  /** Whoever serialises an answer gets the digits. */
  toJSON(): unknown {
    return (JSON as unknown as RawJson).rawJSON(this.text);
  }
}

export function wireNumber(value: Decimal): WireNumber {
  return new WireNumber(value);
}

interface RawJson {
  rawJSON(text: string): unknown;
}

/** Serialises an answer; WireNumber keeps all its digits. */
export function toJson(value: unknown): string {
  return JSON.stringify(value);
}
