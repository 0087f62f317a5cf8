import { Decimal } from '#kernel/decimal.ts';
import { QUANTITY_DIGITS, QUANTITY_LIMIT } from '#ingestion/domain/properties.ts';

/** Number of a literal as it is written, with all its digits: the parser has read it as a double. An unsigned integer of CEL ends in u. */
export function literalOf(text: string): Decimal {
  return new Decimal(text.replace(/u$/i, ''));
}

/** Whether a number can stand for itself: what a property may be worth, an expression can name. */
export function isNumberInRange(value: Decimal): boolean {
  return value.abs().lt(QUANTITY_LIMIT) && value.decimalPlaces() <= QUANTITY_DIGITS;
}
