import { usageAmount } from '#analytics/domain/cost.ts';
import type { Price } from '#catalog/domain/price.ts';
import { clampPeriod, type Period } from '#kernel/calendar/period.ts';
import { type Decimal, sum } from '#kernel/decimal.ts';
import type { UsageGroup } from '#metering/domain/grouped-usage.ts';
import type { Meter } from '#metering/domain/meter.ts';

/** Usage of a meter at one price of a cost sheet, in the part of the asked range in which the price is in force. */
export interface CostLine {
  readonly price: Price;
  readonly meter: Meter;
  readonly period: Period;
}

export interface CostItem {
  readonly line: CostLine;
  /** In meter units. */
  readonly quantity: Decimal;
  readonly eventCount: number;
  /** Exact and unrounded, in the currency of the price. */
  readonly amount: Decimal;
}

/** The part of a range in which a price is in force; null where there is none. A price without a start always was. */
export function pricedPeriod({ startDate, endDate }: Pick<Price, 'startDate' | 'endDate'>, range: Period): Period | null {
  return clampPeriod({ startDate: startDate ?? range.start, endDate }, range);
}

/** Whether the figure of each bucket is needed: at a flat price their sum costs what they cost one by one. */
export function costNeedsBuckets({ price, meter }: Pick<CostLine, 'price' | 'meter'>): boolean {
  return meter.aggregation.bucketSize !== null && price.billingModel !== 'FLAT_FEE';
}

/**
 * What the usage of customers costs, given each of them as a group of its own, or one with its children as one group. A customer's
 * usage is priced alone, as what the customer pays is: so the cost of all is the sum of what each costs, for every aggregation, and
 * margins can be compared.
 * Throws `invalid_operation` for a price that cannot be computed.
 */
export function costItem(line: CostLine, customers: readonly UsageGroup[]): CostItem {
  return {
    line,
    quantity: sum(customers.map(({ value }) => value)),
    eventCount: customers.reduce((total, { eventCount }) => total + eventCount, 0),
    amount: sum(customers.map((group) => usageAmount(line.price, group))),
  };
}
