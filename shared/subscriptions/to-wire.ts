import type { SubscriptionUsage } from '#billing/service/subscription-usage.ts';
import { barePriceToWire } from '#catalog/routes/to-wire.ts';
import { decimal, ONE, sum } from '#kernel/decimal.ts';
import { displayAmount } from '#kernel/money.ts';
import { toWire, wireNumber, wireTime } from '#kernel/wire.ts';
import type { SubscriptionLineItem } from './domain/line-item.ts';
import type { TimeOfDayBucket } from './domain/commitment.ts';
import type { SubscriptionView } from './service/subscription.ts';

/** A subscription as the API shows it; parts that were not asked for are absent. */
export function subscriptionToWire({ subscription, items, customer, plan }: SubscriptionView): object {
  return {
    ...(toWire({ ...subscription, pauseStatus: 'none', customer, plan }) as object),
    ...(items && {
      line_items: items.map(({ item, price }) => ({ ...lineItemToWire(item), ...(price && { price: barePriceToWire(price) }) })),
    }),
  };
}

export function lineItemToWire(item: SubscriptionLineItem): object {
  return toWire({ ...item, commitmentTimeBuckets: item.commitmentTimeBuckets.map(timeBucketToWire) }) as object;
}

/** The factor of a time bucket is a number, unlike that of its line (wire-rules.md section 8). */
function timeBucketToWire(bucket: TimeOfDayBucket): object {
  return { ...bucket, overageFactor: wireNumber(decimal(bucket.overageFactor)) };
}

/** What the commitments of all lines come to. The factor is theirs where they share one, else 1: each charge names its own. */
function commitmentsToWire(lines: SubscriptionUsage['lines']): object {
  const commitments = lines.flatMap(({ commitment }) => commitment ?? []);
  const overage = sum(commitments.map(({ info }) => info.computedOverageAmount));
  const factors = [...new Set(commitments.map(({ info }) => info.overageFactor?.toFixed()))];
  return {
    has_overage: overage.gt(0),
    overage_amount: wireNumber(overage),
    overage_factor: wireNumber(factors.length === 1 ? (commitments[0]?.info.overageFactor ?? ONE) : ONE),
    commitment_amount: wireNumber(sum(commitments.map(({ committed }) => committed))),
    commitment_utilized: wireNumber(sum(commitments.map(({ info }) => info.computedCommitmentUtilizedAmount))),
  };
}

/** Usage of a subscription: numbers are JSON numbers with all their digits. */
export function subscriptionUsageToWire({ currency, period, amount, lines }: SubscriptionUsage): unknown {
  return {
    amount: wireNumber(amount),
    currency,
    display_amount: displayAmount(amount, currency),
    start_time: wireTime(period.start),
    end_time: wireTime(period.end),
    ...commitmentsToWire(lines),
    charges: lines.map((line) => ({
      subscription_line_item_id: line.lineItemId,
      amount: wireNumber(line.amount),
      currency,
      display_amount: displayAmount(line.amount, currency),
      quantity: wireNumber(line.quantity),
      meter_id: line.meterId,
      meter_display_name: line.meterName,
      price: barePriceToWire(line.price),
      is_overage: line.commitment?.info.computedOverageAmount.gt(0) ?? false,
      overage_factor: wireNumber(line.commitment?.info.overageFactor ?? ONE),
    })),
  };
}
