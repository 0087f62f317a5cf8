import { type Decimal, ONE, ZERO } from '#kernel/decimal.ts';
import type { StoredEvent } from '#ingestion/domain/event.ts';
import { evaluateExpression, notANumber } from './expression/evaluate.ts';
import { Refusal } from './expression/numbers.ts';
import { parseExpression } from './expression/parse.ts';
import type { Meter, PropertyFilter } from './meter.ts';
import { type Properties, propertyText, quantityOf } from '#ingestion/domain/properties.ts';

/** What one event is worth to one meter: a quantity, or why the meter refuses it, or what it lacks. */
export type Attribution =
  | { readonly kind: 'taken'; readonly quantity: Decimal }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'absent'; readonly reason: string };

/** All filters match, each by any of its values; a missing key never does (metering.md 3.3). */
export function matchesFilters(filters: readonly PropertyFilter[], properties: Properties): boolean {
  return filters.every(({ key, values }) => {
    const text = propertyText(properties, key);
    return text !== null && values.includes(text);
  });
}

/** Whether the meter looks at the event at all. */
export function meterMatches(meter: Meter, event: StoredEvent): boolean {
  return (
    meter.eventName === event.eventName &&
    (meter.disabledAt === null || event.timestamp < meter.disabledAt) &&
    matchesFilters(meter.filters, event.properties)
  );
}

/**
 * Quantity of one event (metering.md 3.4). A missing field takes nothing; a value that is there but no number is refused with a
 * reason, null and booleans included (N5), and so is an event of which an expression has no value. COUNT_UNIQUE takes 1 where the
 * field is present.
 */
export function attribute(
  { aggregation: { type, field, expression, multiplier } }: Pick<Meter, 'aggregation'>,
  properties: Properties,
): Attribution {
  if (expression) {
    const result = evaluateExpression(parseExpression(expression), properties);
    return result instanceof Refusal
      ? { kind: 'refused', reason: result.reason }
      : { kind: 'taken', quantity: result.times(multiplier ?? 1) };
  }
  if (type === 'COUNT') return { kind: 'taken', quantity: ONE };
  const key = field ?? '';
  if (!Object.hasOwn(properties, key)) return { kind: 'absent', reason: `property ${key} is missing` };
  const text = propertyText(properties, key);
  if (type === 'COUNT_UNIQUE')
    return text === null ? { kind: 'absent', reason: `property ${key} is null` } : { kind: 'taken', quantity: ONE };
  const quantity = quantityOf(text);
  if (quantity === null) return { kind: 'refused', reason: notANumber(properties, key) };
  return { kind: 'taken', quantity: type === 'SUM_WITH_MULTIPLIER' ? quantity.times(multiplier ?? ZERO.plus(1)) : quantity };
}
