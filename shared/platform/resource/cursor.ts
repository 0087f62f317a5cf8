import { DateTime } from 'luxon';
import * as z from 'zod';
import { Decimal, isDecimalText } from '#kernel/decimal.ts';
import { invalid } from '#kernel/errors.ts';
import { wireTime } from '#kernel/wire.ts';
import type { Comparable, FieldKind, SortKey } from './conditions.ts';

/** Where a page ends: the last row's value of the sorted column, and what decides between rows with the same one. */
export interface Position {
  readonly value: Comparable | null;
  readonly createdAt: DateTime;
  readonly id: string;
  /** Rows before the next page, this one included. */
  readonly seen: number;
}

const Written = z.tuple([z.string(), z.string().nullable(), z.iso.datetime(), z.string().regex(/^\w+$/), z.int().min(0)]);

/** The position as its owner gets it: opaque text, bound to the list that the fingerprint stands for. */
export function writeCursor({ value, createdAt, id, seen }: Position, fingerprint: string): string {
  const text = value === null ? null : DateTime.isDateTime(value) ? wireTime(value) : String(value);
  return Buffer.from(JSON.stringify([fingerprint, text, wireTime(createdAt), id, seen])).toString('base64url');
}

/** Throws a validation error that names `cursor` unless it was made for this list: same rows, same filters, same order. */
export function readCursor(cursor: string, fingerprint: string, sort: readonly SortKey[]): Position {
  const broken = () => invalid('cursor', 'is not one that this list has given');
  const parsed = Written.safeParse(parse(Buffer.from(cursor, 'base64url').toString()));
  if (!parsed.success) throw broken();
  const [made, text, createdAt, id, seen] = parsed.data;
  if (made !== fingerprint) throw invalid('cursor', 'belongs to another list: sort and filters have to stay the same from page to page');
  const value = text === null ? null : comparableOf(text, sort[0]?.kind ?? 'date');
  if (value === undefined) throw broken();
  return { value, createdAt: DateTime.fromISO(createdAt, { zone: 'utc' }), id, seen };
}

function comparableOf(text: string, kind: FieldKind): Comparable | undefined {
  if (kind === 'string') return text.includes('\u0000') ? undefined : text;
  if (kind === 'date') {
    const time = DateTime.fromISO(text, { zone: 'utc' });
    return time.isValid ? time : undefined;
  }
  return isDecimalText(text) ? new Decimal(text) : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
