import type { DateTime } from 'luxon';
import type { OpenRange, Window, WindowSize } from '#kernel/calendar/windows.ts';
import { type Decimal, divide, ONE, ZERO } from '#kernel/decimal.ts';
import type { Expression } from './expression/ast.ts';
import { parseExpression } from './expression/parse.ts';
import type { AggregationType, MeterDefinition, PropertyFilter } from './meter.ts';

/** Half-open range of event time. A null start is the beginning of history (reset NEVER). */
export type UsageRange = OpenRange;

export type UsageWindow = Window;

/** A customer of whom only the events within a half-open time count; a null end is open. */
export interface CustomerSpan {
  readonly externalCustomerId: string;
  readonly start: DateTime;
  readonly end: DateTime | null;
}

/** One usage question, in the words of the domain. All filters must match. */
export interface UsageQuery {
  readonly eventName: string;
  readonly type: AggregationType;
  readonly field: string | null;
  /** In place of a field. */
  readonly expression: Expression | null;
  readonly multiplier: Decimal | null;
  readonly bucketSize: WindowSize | null;
  /** Time zone of the buckets where no window names one. */
  readonly timezone: string;
  /** One figure per text of this property besides the total. With a bucketed MAX: one maximum per bucket and text, all added up. */
  readonly groupBy: string | null;
  readonly filters: readonly PropertyFilter[];
  /** Null: all customers of the environment. */
  readonly externalCustomerIds: readonly string[] | null;
  /** Whose events count besides: all are one usage, in which each event is counted once. */
  readonly inherited: readonly CustomerSpan[];
  readonly customerId: string | null;
  readonly sources: readonly string[] | null;
  readonly range: UsageRange;
  readonly window: UsageWindow | null;
}

export interface UsageFigure {
  readonly value: Decimal;
  /** Events that took part; those without a usable value did not (N5). */
  readonly eventCount: number;
}

export interface UsagePoint extends UsageFigure {
  readonly windowStart: DateTime | null;
  /** The group's text; null where events lack the property, or nothing is grouped. */
  readonly group: string | null;
}

export interface Usage extends UsageFigure {
  /** Windows, groups, or groups in windows, in this order; empty when neither was asked for. */
  readonly points: readonly UsagePoint[];
  /** The numbers hold all events that were accepted up to here of those customers of whom any is stored; null while none is. Of all customers: when the newest was accepted. */
  readonly watermark: DateTime | null;
}

/** Exact sums of one range, window or group, as the store gives them. */
export interface UsageSums {
  readonly amount: Decimal | null;
  readonly eventCount: number;
}

const QUOTIENT_DIGITS = 15;

/** The figure that an aggregation makes of exact sums: quotients have 15 fraction digits, half away from zero (N8). */
export function figureOf(
  query: Pick<UsageQuery, 'type' | 'expression' | 'multiplier' | 'range'>,
  { amount, eventCount }: UsageSums,
): UsageFigure {
  const sum = (amount ?? ZERO).times(factorOf(query));
  switch (query.type) {
    case 'AVG':
      return { value: eventCount === 0 ? ZERO : divide(sum, ZERO.plus(eventCount), QUOTIENT_DIGITS), eventCount };
    case 'WEIGHTED_SUM':
      return { value: divide(sum, ZERO.plus(rangeMillis(query.range)), QUOTIENT_DIGITS), eventCount };
    default:
      return { value: sum, eventCount };
  }
}

/** A factor greater than 0 can be applied to the sum, the greatest or the latest of the quantities as well as to each of them. */
function factorOf({ type, expression, multiplier }: Pick<UsageQuery, 'type' | 'expression' | 'multiplier'>): Decimal {
  return multiplier !== null && (type === 'SUM_WITH_MULTIPLIER' || expression !== null) ? multiplier : ONE;
}

/** Only the final number of a query is floored at 0; rows and points keep their sign (N6). */
export function floorTotal(figure: UsageFigure): UsageFigure {
  return figure.value.isNegative() ? { ...figure, value: ZERO } : figure;
}

/** Whether any event of a span can lie in a range. */
export function meets({ start, end }: Pick<CustomerSpan, 'start' | 'end'>, range: UsageRange): boolean {
  return start < range.end && (end === null || (end > start && (range.start === null || end > range.start)));
}

/** All customers that a question is about; null: whoever there is. */
export function customersOf({
  externalCustomerIds,
  inherited,
  range,
}: Pick<UsageQuery, 'externalCustomerIds' | 'inherited' | 'range'>): readonly string[] | null {
  if (externalCustomerIds === null || inherited.length === 0) return externalCustomerIds;
  return [
    ...new Set([
      ...externalCustomerIds,
      ...inherited.filter((span) => meets(span, range)).map(({ externalCustomerId }) => externalCustomerId),
    ]),
  ];
}

function rangeMillis({ start, end }: UsageRange): number {
  return Math.max(1, end.toMillis() - (start?.toMillis() ?? 0));
}

export type MeterScope = Pick<UsageQuery, 'externalCustomerIds' | 'range'> &
  Partial<Pick<UsageQuery, 'inherited' | 'window' | 'filters' | 'sources' | 'customerId' | 'timezone' | 'bucketSize'>>;

/**
 * The question that a meter asks of a range: its own filters always apply and the caller's narrow further (N10); events after
 * the meter was disabled do not count; NEVER ignores the start of the range and looks at all history (N14).
 */
export function meterQuery(meter: MeterDefinition, scope: MeterScope): UsageQuery {
  const { aggregation, disabledAt } = meter;
  return {
    eventName: meter.eventName,
    type: aggregation.type,
    field: aggregation.field,
    expression: aggregation.expression ? parseExpression(aggregation.expression) : null,
    multiplier: aggregation.multiplier === null ? null : ZERO.plus(aggregation.multiplier),
    bucketSize: aggregation.bucketSize ?? scope.bucketSize ?? null,
    groupBy: aggregation.groupBy,
    timezone: scope.timezone ?? scope.window?.timezone ?? 'UTC',
    filters: [...meter.filters, ...(scope.filters ?? [])],
    externalCustomerIds: scope.externalCustomerIds,
    inherited: scope.inherited ?? [],
    customerId: scope.customerId ?? null,
    sources: scope.sources ?? null,
    range: {
      start: meter.resetUsage === 'NEVER' ? null : scope.range.start,
      end: disabledAt !== null && disabledAt < scope.range.end ? disabledAt : scope.range.end,
    },
    window: scope.window ?? null,
  };
}
