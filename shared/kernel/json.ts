interface Source { readonly source?: string }

/** A digit run that a double may not hold, or an exponent that may leave its range. */
const RISKY_NUMBER = /\d[\d.]{15,}|[eE][+-]?\d{3,}/;

/**
 * Parses JSON without losing digits: a number that a double cannot hold exactly comes back as its text
 * (metering.md N8). Text without long digit runs takes the fast path.
 * Throws SyntaxError on malformed JSON.
 */
export function parseExactJson(text: string): unknown {
  if (!RISKY_NUMBER.test(text)) return JSON.parse(text) as unknown;
  return JSON.parse(text, function keepDigits(_key: string, value: unknown, context?: Source): unknown {
    if (typeof value !== 'number' || context?.source === undefined) return value;
    return significantDigits(context.source) <= 15 && Number.isFinite(value) ? value : context.source;
  } as (key: string, value: unknown) => unknown) as unknown;
}

function significantDigits(number: string): number {
  return number.replace(/[eE].*$/, '').replace(/[-.]/g, '').replace(/^0+/, '').length;
}
