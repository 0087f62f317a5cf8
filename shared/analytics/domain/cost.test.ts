import fc from 'fast-check';
import { expect, test } from 'vitest';
import { usageCharge } from '#charges/domain/usage-charges.ts';
import type { UsageAnswer } from '#charges/domain/inputs.ts';
import { pricesRows, windowUsages } from '#charges/domain/window-usage.ts';
import type { PricingTerms } from '#charges/domain/pricing.ts';
import { type Decimal, decimal, sum, ZERO } from '#kernel/decimal.ts';
import type { TimedFigure, UsageGroup } from '#metering/domain/grouped-usage.ts';
import type { Meter } from '#metering/domain/meter.ts';
import { type LineCommitment, NO_COMMITMENT } from '#subscriptions/domain/commitment.ts';
import { flatPrice, packagePrice, quantity, tieredPrice } from '#test/support/arbitraries.ts';
import { itemOf, meterOf, priceWith, subscriptionOf } from '#test/support/billing.ts';
import { at } from '#test/support/conformance.ts';
import { costGroup } from './cost.ts';
import { type AnalyticsLine, type AnalyticsView, needsBuckets } from './line.ts';

const PERIOD = { start: at('2023-11-01'), end: at('2023-11-04') };
const terms = fc.oneof(flatPrice(), packagePrice(), tieredPrice('SLAB'), tieredPrice('VOLUME'));
const commitment = fc.record({
  amount: quantity(500).map((value) => value.plus(1)),
  factor: fc.constantFrom('1', '1.5', '2'),
  trueUp: fc.boolean(),
  byQuantity: fc.boolean(),
});
const hours = fc
  .array(fc.record({ hour: fc.integer({ min: 0, max: 71 }), value: quantity(60) }), { maxLength: 12 })
  .map((events) => new Map(events.map(({ hour, value }) => [hour, value])));

function committed(
  promised: { amount: Decimal; factor: string; trueUp: boolean; byQuantity: boolean } | null,
  isWindowed: boolean,
): LineCommitment {
  if (promised === null) return NO_COMMITMENT;
  const { amount, factor, trueUp, byQuantity } = promised;
  return {
    ...NO_COMMITMENT,
    commitmentType: byQuantity ? 'quantity' : 'amount',
    commitmentAmount: byQuantity ? null : amount,
    commitmentQuantity: byQuantity ? amount : null,
    commitmentOverageFactor: decimal(factor),
    commitmentTrueUpEnabled: trueUp,
    commitmentWindowed: isWindowed,
  };
}

/** A line of hourly usage, as analytics and as billing see it. */
function lineOf(priced: PricingTerms, own: LineCommitment, isBucketed: boolean) {
  const price = priceWith({ id: 'price', type: 'USAGE', meterId: 'meter', ...priced });
  const item = itemOf(price, own);
  const meter = meterOf('meter', { bucketSize: isBucketed ? 'HOUR' : null });
  const subscription = subscriptionOf();
  const line: AnalyticsLine = {
    meter: meter as unknown as Meter,
    feature: null,
    priced: { subscription, item, price, bucketPrices: [] },
    inherited: [],
    period: PERIOD,
    timezone: 'UTC',
  };
  return { line, billed: { item, price, bucketPrices: [], meter, entitlements: [] }, subscription };
}

const figures = (usage: ReadonlyMap<number, Decimal>): TimedFigure[] =>
  [...usage].sort(([a], [b]) => a - b).map(([hour, value]) => ({ windowStart: PERIOD.start.plus({ hours: hour }), value, eventCount: 1 }));
const daily = (usage: ReadonlyMap<number, Decimal>): TimedFigure[] =>
  [...Map.groupBy(figures(usage), ({ windowStart }) => windowStart.startOf('day').toMillis()).values()].map((own) => ({
    windowStart: (own[0] as TimedFigure).windowStart.startOf('day'),
    value: sum(own.map(({ value }) => value)),
    eventCount: own.length,
  }));

test('analytics of a period cost what its invoice line costs before it is rounded', () => {
  fc.assert(
    fc.property(
      terms,
      fc.option(commitment),
      fc.boolean(),
      fc.constantFrom(null, 'DAY' as const),
      hours,
      fc.integer({ min: 0, max: 80 }),
      (priced, promised, isBucketed, windowSize, usage, elapsed) => {
        const { line, billed, subscription } = lineOf(priced, committed(promised, isBucketed), isBucketed);
        const view: AnalyticsView = { windowSize, anchor: null, commitments: true, asOf: PERIOD.start.plus({ hours: elapsed }) };
        const value = sum(usage.values());
        const group: UsageGroup = {
          value,
          eventCount: usage.size,
          values: [],
          sources: [],
          points: windowSize === null ? [] : daily(usage),
          buckets: needsBuckets(line, view) ? figures(usage) : [],
        };
        const reading = { period: PERIOD, value, eventCount: usage.size, watermark: null };
        const windows = windowUsages(figures(usage), pricesRows(billed.price));
        const answer: UsageAnswer = {
          lineItemId: billed.item.id,
          period: PERIOD,
          readings: [reading],
          whole: reading,
          buckets: isBucketed ? windows.flatMap(({ quantities }) => quantities) : null,
          windows,
        };
        const costed = costGroup(line, group, view);
        expect(costed.cost?.amount.toFixed()).toBe(
          usageCharge(billed, { whole: PERIOD }, answer, { subscription, items: [billed], asOf: view.asOf }).unroundedAmount.toFixed(),
        );
        // The points of buckets add up; what is committed for the period as a whole is of no point.
        if (isBucketed && windowSize !== null)
          expect(sum(costed.points.map(({ cost }) => cost?.amount ?? ZERO)).toFixed()).toBe(costed.cost?.amount.toFixed());
      },
    ),
    { numRuns: 300 },
  );
});

test('parts of the usage have no commitment: they cost what they would without one', () => {
  fc.assert(
    fc.property(terms, commitment, fc.boolean(), hours, (priced, promised, isBucketed, usage) => {
      const view: AnalyticsView = { windowSize: null, anchor: null, commitments: false, asOf: PERIOD.end };
      const cost = (own: LineCommitment) => {
        const { line } = lineOf(priced, own, isBucketed);
        return costGroup(
          line,
          {
            value: sum(usage.values()),
            eventCount: usage.size,
            values: [],
            sources: [],
            points: [],
            buckets: needsBuckets(line, view) ? figures(usage) : [],
          },
          view,
        );
      };
      expect(cost(committed(promised, isBucketed)).cost?.amount.toFixed()).toBe(cost(NO_COMMITMENT).cost?.amount.toFixed());
      expect(cost(committed(promised, isBucketed)).cost?.split).toBeNull();
    }),
  );
});
