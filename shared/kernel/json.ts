import { Decimal } from './decimal.ts';

interface Source {
  readonly source?: string;
}

/** A digit run that a double may not hold, or an exponent that may leave its range. */
const RISKY_NUMBER = /\d[\d.]{15,}|[eE][+-]?\d{3,}/;

/**
 * Parses JSON without losing digits: a number that a double cannot hold exactly comes back as its text in
 * plain notation (metering.md N8, N9). Text without long digit runs takes the fast path.
 * Throws SyntaxError on malformed JSON.
 */
export function parseExactJson(text: string): unknown {
  if (!RISKY_NUMBER.test(text)) return JSON.parse(text) as unknown;
  return JSON.parse(text, function keepDigits(_key: string, value: unknown, context?: Source): unknown {
    if (typeof value !== 'number' || context?.source === undefined) return value;
    return significantDigits(context.source) <= 15 && Number.isFinite(value) ? value : plainText(context.source);
  } as (key: string, value: unknown) => unknown) as unknown;
}

function significantDigits(number: string): number {
  return number
    .replace(/[eE].*$/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+/, '').length;
}

/** Beyond a few hundred digits the notation stays as it came: nothing can count with it, and it could be made to fill the memory. */
function plainText(number: string): string {
  const value = new Decimal(number);
  return Math.abs(value.e) <= 400 ? value.toFixed() : number;
}
