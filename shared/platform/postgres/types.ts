import { type RawBuilder, sql } from 'kysely';
import { DateTime } from 'luxon';
import pg from 'pg';
import { Decimal } from '#kernel/decimal.ts';
import { wireTime } from '#kernel/wire.ts';

const { builtins } = pg.types;

// pg calls `toPostgres` on a parameter that has it; without it both types would be sent as quoted JSON text.
Object.assign(Decimal.prototype, {
  toPostgres(this: Decimal) {
    return this.toFixed();
  },
});
Object.assign(DateTime.prototype, {
  toPostgres(this: DateTime) {
    return this.toUTC().toISO();
  },
});

/** As Postgres writes a time to a session in UTC. */
const UTC_TIME = /^(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,3})\d*)?\+00$/;

/** What was read last: a row that was never changed has the same time twice. */
let read: { readonly text: string; readonly time: DateTime } | undefined;

/** A list holds hundreds of times: the usual form is read without the library's parser, which takes ten times as long. */
function timeOf(text: string): DateTime {
  if (read?.text !== text) read = { text, time: parseTime(text) };
  return read.time;
}

function parseTime(text: string): DateTime {
  const [, year, month, day, hour, minute, second, fraction = ''] = UTC_TIME.exec(text) ?? [];
  if (year === undefined) return DateTime.fromSQL(text, { setZone: true }).toUTC();
  return DateTime.fromMillis(
    Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second), Number(fraction.padEnd(3, '0'))),
    { zone: 'utc' },
  );
}

/** Parsers of this product: numeric is exact, times are UTC, 64-bit integers are numbers (counts and positions stay far below 2^53). */
const PARSERS: Readonly<Record<number, (text: string) => unknown>> = {
  [builtins.NUMERIC]: (text) => new Decimal(text),
  [builtins.TIMESTAMPTZ]: timeOf,
  [builtins.INT8]: (text) => Number(text),
};

/** Per-pool type configuration, so that other users of `pg` in the process are not affected. */
export const typeParsers: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    PARSERS[oid] ?? pg.types.getTypeParser(oid, format as 'text')) as pg.CustomTypesConfig['getTypeParser'],
};

/** A value for a jsonb column. Decimals inside become text, times are written as the wire writes them. */
export function jsonb<T>(value: T): RawBuilder<T> {
  return sql<T>`${JSON.stringify(value, storedForm)}::jsonb`;
}

/** Called with the holder as `this`: `value` has gone through the time's own `toJSON` already. */
function storedForm(this: Record<string, unknown>, key: string, value: unknown): unknown {
  const original = this[key];
  return DateTime.isDateTime(original) ? wireTime(original) : value;
}
