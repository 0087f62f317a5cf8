import { PriceResponse } from '#catalog/contracts/price.ts';
import { ONE, sum } from '#kernel/decimal.ts';
import { displayAmount } from '#kernel/money.ts';
import { wireNumber, wireTime } from '#kernel/wire.ts';
import { shaped } from '#platform/resource/shape.ts';
import type { SubscriptionUsage } from '../service/subscription-usage.ts';

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
      price: shaped(PriceResponse, line.price),
      is_overage: line.commitment?.info.computedOverageAmount.gt(0) ?? false,
      overage_factor: wireNumber(line.commitment?.info.overageFactor ?? ONE),
    })),
  };
}
