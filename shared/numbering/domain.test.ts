import { expect, test } from 'vitest';
import { at } from '#test/support/conformance.ts';
import { INVOICE_NUMBERS, numberText, patternOf } from './domain.ts';

const numberAt = (format: typeof INVOICE_NUMBERS, time: string, sequence: number) =>
  numberText(format, patternOf(format, at(time)), sequence);

test('numbers carry prefix, month and sequence', () => {
  expect(numberAt(INVOICE_NUMBERS, '2025-01-31T23:30:00', 1)).toBe('INV-202501-00001');
  expect(numberAt(INVOICE_NUMBERS, '2025-01-31T23:30:00', 2)).toBe('INV-202501-00002');
  expect(numberAt(INVOICE_NUMBERS, '2023-12-01', 123_456)).toBe('INV-202312-123456');
});

test.each([
  ['YYYYMMDD', 'CN/20250201/001'],
  ['YYMMDD', 'CN/250201/001'],
  ['YY', 'CN/25/001'],
  ['YYYY', 'CN/2025/001'],
] as const)('%s is the date in the configured time zone', (datePart, expected) => {
  const format = { prefix: 'CN', separator: '/', datePart, timezone: 'Asia/Kolkata', length: 3, start: 1 };
  expect(numberAt(format, '2025-01-31T19:00:00', 1)).toBe(expected);
});
