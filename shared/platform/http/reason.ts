import type * as z from 'zod';

/** zod's own wording; a schema that says it better in its own words is left alone. */
const STANDARD_WORDING = /^(Invalid|Too (small|big)|Unrecognized)/;

/** What zod says of a value that is not there, by the schema that it was held against. */
const ABSENT: ReadonlySet<string> = new Set(['invalid_type', 'invalid_value', 'invalid_union']);

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'a map',
  null: 'null',
  date: 'a time',
};

/** Why a value was refused, in words that continue "<field>: ...". */
export function reasonOf(issue: z.core.$ZodIssue): string {
  if (ABSENT.has(issue.code) && issue.input === undefined) return 'is required';
  if (!STANDARD_WORDING.test(issue.message)) return lowerFirst(issue.message);
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${KINDS[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return issue.values.length === 1 ? `must be ${String(issue.values[0])}` : `must be one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return bound(issue.origin, 'at least', issue.minimum, issue.inclusive ?? true);
    case 'too_big':
      return bound(issue.origin, 'at most', issue.maximum, issue.inclusive ?? true);
    case 'invalid_union':
      return 'does not have one of the accepted forms';
    default:
      return lowerFirst(issue.message.replace(/^Invalid (input|string): /, ''));
  }
}

function bound(origin: string, side: 'at least' | 'at most', limit: number | bigint, inclusive: boolean): string {
  if (origin === 'string') return side === 'at least' && limit === 1 ? 'must not be empty' : `must have ${side} ${limit} characters`;
  if (origin === 'array' || origin === 'set') return `must have ${side} ${limit} item${limit === 1 ? '' : 's'}`;
  if (inclusive) return `must be ${side} ${limit}`;
  return `must be ${side === 'at least' ? 'greater' : 'less'} than ${limit}`;
}

function lowerFirst(text: string): string {
  return text.replace(/^./, (letter) => letter.toLowerCase());
}
