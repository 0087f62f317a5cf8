import type { DateTime } from 'luxon';
import type { PricingTerms } from './pricing.ts';
import { type Decimal, sum } from '#kernel/decimal.ts';
import type { WindowUsage } from './windowed-commitment.ts';

/** Usage of a window or, of a meter that groups, of one group in it. */
interface UsageRow {
  readonly windowStart: DateTime | null;
  readonly value: Decimal;
}

/** Whether each (group, bucket) row of a meter is priced on its own: tiers start again in each (billing.md 3.3). */
export function pricesRows(price: Pick<PricingTerms, 'billingModel'> | undefined): boolean {
  return price?.billingModel === 'TIERED';
}

/** The quantities of each window as they are priced: its rows one by one, or their sum. In the order of the rows. */
export function windowUsages(rows: readonly UsageRow[], byRow: boolean): WindowUsage[] {
  const windows = Map.groupBy(
    rows.filter((row) => row.windowStart !== null),
    (row) => row.windowStart?.toMillis(),
  );
  return [...windows.values()].map((own): WindowUsage => {
    const quantities = own.map(({ value }) => value);
    return { start: own[0]?.windowStart as DateTime, quantities: byRow ? quantities : [sum(quantities)] };
  });
}
