import * as z from 'zod';
import { invalid } from './errors.ts';

export interface Page<T> {
  readonly items: readonly T[];
  readonly total: number;
  readonly limit: number;
  readonly offset: number;
  /** The total was not counted to its end. */
  readonly isEstimate?: boolean;
  /** The cursor of the next page, where there is one. */
  readonly next?: string | null;
}

const limit = z.coerce.number().int().min(1).max(1000).default(50);
const offset = z.coerce.number().int().min(0).max(1_000_000_000).default(0);
/** Which page, for lists that take nothing else. */
export const pageKeys = { limit, offset };
/** Query parameter that is a list: repeated, or comma-joined in one (wire-rules.md section 6). */
export const queryList = z.preprocess(
  (value) =>
    value === undefined
      ? undefined
      : (Array.isArray(value) ? value : [value])
          .flatMap((part) => String(part).split(','))
          .map((part) => part.trim())
          .filter(Boolean),
  z.array(z.string().max(512)).max(1000).optional(),
);
export const queryFlag = z
  .enum(['true', 'false'])
  .transform((value) => value === 'true')
  .optional();

/** Comma list of `expand`; an unknown field is a 400. */
export function parseExpand(value: string | null | undefined, allowed: readonly string[]): ReadonlySet<string> {
  const fields = (value ?? '')
    .split(',')
    .map((field) => field.trim())
    .filter(Boolean);
  const unknown = fields.find((field) => !allowed.includes(field));
  if (unknown !== undefined)
    throw invalid('expand', `unknown field ${JSON.stringify(unknown)}, known are: ${allowed.join(', ') || 'none'}`);
  return new Set(fields);
}
