import { Decimal, divide, max, sum, ZERO } from '#kernel/decimal.ts';
import type { AggregationType } from '#metering/domain/meter.ts';

// Usage in the reference's words, event by event and without SQL: what the numbers of the product are compared with.

/** An event that takes part in a figure, with the text and the number of the property that is metered. */
export interface Taken {
  readonly event: { readonly id: string; readonly at: number; readonly ingestedAt: number };
  readonly text: string | null;
  readonly number: Decimal;
}

/** The one text of a property, or null where it is missing or null. */
export function textOf(stored: unknown): string | null {
  if (stored === undefined || stored === null) return null;
  if (typeof stored === 'number') return new Decimal(stored).toFixed();
  return typeof stored === 'string' ? stored : JSON.stringify(stored);
}

/** What a property is worth to a meter, or null where it is no number. */
export function numberOf(stored: unknown): Decimal | null {
  // Blanks around a number are not part of it.
  const text = textOf(stored)?.replace(/^[ \t\r\n\v\f]+|[ \t\r\n\v\f]+$/g, '') ?? null;
  if (text === null || !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return null;
  const number = new Decimal(text).toDecimalPlaces(36, Decimal.ROUND_DOWN);
  return number.abs().lt('1e30') ? number : null;
}

/** An event's part in an aggregation of that type over the property; null where it takes none. */
export function takenBy(type: AggregationType, event: Taken['event'], stored: unknown): Taken | null {
  const text = textOf(stored);
  if (type === 'COUNT') return { event, text, number: ZERO };
  if (type === 'COUNT_UNIQUE') return text === null ? null : { event, text, number: ZERO };
  const number = numberOf(stored);
  return number === null ? null : { event, text, number };
}

/** The figure of a range (milliseconds, half-open). Not floored: that happens to totals only. */
export function aggregate(
  type: AggregationType,
  taken: readonly Taken[],
  [start, end]: readonly [number, number],
  multiplier: string,
): Decimal {
  const numbers = taken.map((item) => item.number);
  switch (type) {
    case 'COUNT':
      return ZERO.plus(taken.length);
    case 'COUNT_UNIQUE':
      return ZERO.plus(new Set(taken.map((item) => item.text)).size);
    case 'SUM':
      return sum(numbers);
    case 'SUM_WITH_MULTIPLIER':
      return sum(numbers).times(multiplier);
    case 'AVG':
      return numbers.length === 0 ? ZERO : divide(sum(numbers), ZERO.plus(numbers.length), 15);
    case 'MAX':
      return numbers.length === 0 ? ZERO : numbers.reduce(max);
    case 'LATEST':
      return (
        [...taken]
          .sort((a, b) => a.event.at - b.event.at || a.event.ingestedAt - b.event.ingestedAt || (a.event.id < b.event.id ? -1 : 1))
          .at(-1)?.number ?? ZERO
      );
    case 'WEIGHTED_SUM':
      return divide(
        sum(taken.map((item) => item.number.toDecimalPlaces(20, Decimal.ROUND_DOWN).times(end - item.event.at))),
        ZERO.plus(end - start),
        15,
      );
  }
}
