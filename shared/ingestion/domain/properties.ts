import { Decimal, isDecimalText } from '#kernel/decimal.ts';
import { EVENT_LIMITS } from './event.ts';

export type Properties = Readonly<Record<string, unknown>>;

/** A JSON object: neither null nor a list. */
export function isProperties(value: unknown): value is Properties {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Why properties cannot be accepted, or null (metering.md D11). */
export function propertiesProblem(properties: Properties): string | null {
  return shapeProblem(properties, 1);
}

function shapeProblem(value: unknown, depth: number): string | null {
  if (typeof value !== 'object' || value === null) return null;
  if (depth > EVENT_LIMITS.propertyDepth) return `must not be nested deeper than ${EVENT_LIMITS.propertyDepth} levels`;
  const inner = Array.isArray(value) ? value : Object.values(value);
  if (!Array.isArray(value) && inner.length > EVENT_LIMITS.propertyKeys) return `must not have more than ${EVENT_LIMITS.propertyKeys} keys`;
  for (const item of inner) {
    const problem = shapeProblem(item, depth + 1);
    if (problem !== null) return problem;
  }
  return null;
}

/**
 * JSON text of properties as they are stored. It differs from the request in two ways that keep a reader in ClickHouse exact:
 * numbers that do not print in plain notation become JSON strings of their plain text (long ones arrive as text already,
 * see kernel/json.ts), and half surrogates, which no JSON reader but JavaScript's takes, become U+FFFD.
 */
export function storedProperties(properties: Properties): string {
  return JSON.stringify(isPlain(properties) ? properties : plain(properties));
}

function isPlain(value: unknown): boolean {
  if (typeof value === 'number') return isPlainNumber(value);
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(isPlain);
  return Object.entries(value).every(([key, inner]) => key.isWellFormed() && isPlain(inner));
}

function plain(value: unknown): unknown {
  if (typeof value === 'number') return isPlainNumber(value) ? value : new Decimal(value).toFixed();
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key.toWellFormed(), plain(inner)]));
}

/** JSON.stringify writes 1e21 and 1e-7 with an exponent; comparisons want plain notation (metering.md N9). -0 would print as 0 anyway. */
function isPlainNumber(value: number): boolean {
  const size = Math.abs(value);
  return size === 0 || (size < 1e15 && size >= 1e-6);
}

/**
 * The one text of a property that filters compare and distinct counts count (metering.md N9), or null when the key is missing
 * or null. Objects and arrays are their JSON text. Takes stored properties: only first-level keys, a dot has no meaning.
 */
export function propertyText(stored: Properties, key: string): string | null {
  const value = Object.hasOwn(stored, key) ? stored[key] : undefined;
  if (value === undefined || value === null) return null;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Sums of 10^10 values below this stay inside 256 bits at 36 fraction digits. */
export const QUANTITY_LIMIT = new Decimal('1e30');
/** Fraction digits that a quantity keeps; further ones are cut off. */
export const QUANTITY_DIGITS = 36;

/** Whether a quantity keeps all its digits: below 10^30 and of no more fraction digits than an event may have. */
export function isCountable(value: Decimal): boolean {
  return value.abs().lt(QUANTITY_LIMIT) && value.decimalPlaces() <= QUANTITY_DIGITS;
}

/** Blanks that may stand around a number, as a spreadsheet or a fixed-width file leaves them. */
export const BLANKS = ' \t\n\v\f\r';
const AROUND = new RegExp(`^[${BLANKS}]+|[${BLANKS}]+$`, 'g');

/**
 * The number that a property is worth to a meter, or null when it is none: text that is no plain or exponent decimal (blanks around
 * it aside), a boolean, an object, or a size of 10^30 and more (metering.md 3.4, N5). The SQL of usage queries states the same rule.
 */
export function quantityOf(text: string | null): Decimal | null {
  const number = text?.replace(AROUND, '') ?? '';
  if (!isDecimalText(number)) return null;
  const value = new Decimal(number).toDecimalPlaces(QUANTITY_DIGITS, Decimal.ROUND_DOWN);
  return value.abs().lt(QUANTITY_LIMIT) ? value : null;
}
