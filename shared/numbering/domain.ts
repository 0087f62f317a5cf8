import type { DateTime } from 'luxon';

/** What is numbered: each scope counts on its own. */
export type NumberScope = 'invoice' | 'credit_note' | 'receipt';

export const DATE_PARTS = ['YYYYMM', 'YYYYMMDD', 'YYMMDD', 'YY', 'YYYY'] as const;
export type DatePart = (typeof DATE_PARTS)[number];

/** How a number is written: prefix, date part of the time in `timezone`, and the sequence with at least `length` digits. */
export interface NumberFormat {
  readonly prefix: string;
  readonly separator: string;
  readonly datePart: DatePart;
  /** IANA name. */
  readonly timezone: string;
  readonly length: number;
  /** First number of each date part. */
  readonly start: number;
}

/** `INV-202311-00001`, in UTC: what holds unless settings say otherwise (billing.md 5.1). */
export const INVOICE_NUMBERS: NumberFormat = {
  prefix: 'INV',
  separator: '-',
  datePart: 'YYYYMM',
  timezone: 'UTC',
  length: 5,
  start: 1,
};

const LUXON_FORMAT: Readonly<Record<DatePart, string>> = {
  YYYYMM: 'yyyyMM',
  YYYYMMDD: 'yyyyMMdd',
  YYMMDD: 'yyMMdd',
  YY: 'yy',
  YYYY: 'yyyy',
};

/** The date part of a number, and with it the name of its sequence: `202311`. */
export function patternOf({ datePart, timezone }: Pick<NumberFormat, 'datePart' | 'timezone'>, at: DateTime): string {
  return at.setZone(timezone).toFormat(LUXON_FORMAT[datePart]);
}

/** `INV-202311-00001`; a sequence with more digits than its length grows longer. */
export function numberText({ prefix, separator, length }: NumberFormat, pattern: string, sequence: number): string {
  return [prefix, pattern, String(sequence).padStart(length, '0')].join(separator);
}
