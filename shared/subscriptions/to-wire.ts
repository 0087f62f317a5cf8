import type { SubscriptionUsage } from '#billing/service/subscription-usage.ts';
import { barePriceToWire } from '#catalog/routes/to-wire.ts';
import { ONE, ZERO } from '#kernel/decimal.ts';
import { displayAmount } from '#kernel/money.ts';
import { toWire, wireNumber, wireTime } from '#kernel/wire.ts';
import type { SubscriptionView } from './service/subscription.ts';

/** A subscription as the API shows it; parts that were not asked for are absent. */
export function subscriptionToWire({ subscription, items, customer, plan }: SubscriptionView): object {
  return {
    ...(toWire({ ...subscription, pauseStatus: 'none', customer, plan }) as object),
    ...(items && { line_items: items.map(({ item, price }) => ({ ...(toWire(item) as object), ...(price && { price: barePriceToWire(price) }) })) }),
  };
}

/** Usage of a subscription: numbers are JSON numbers with all their digits. Commitments are not part of it yet. */
export function subscriptionUsageToWire({ currency, period, amount, lines }: SubscriptionUsage): unknown {
  return {
    amount: wireNumber(amount), currency, display_amount: displayAmount(amount, currency), start_time: wireTime(period.start), end_time: wireTime(period.end),
    has_overage: false, overage_amount: wireNumber(ZERO), overage_factor: wireNumber(ONE), commitment_amount: wireNumber(ZERO), commitment_utilized: wireNumber(ZERO),
    charges: lines.map((line) => ({
      subscription_line_item_id: line.lineItemId, amount: wireNumber(line.amount), currency, display_amount: displayAmount(line.amount, currency), quantity: wireNumber(line.quantity),
      meter_id: line.meterId, meter_display_name: line.meterName, price: barePriceToWire(line.price), is_overage: false, overage_factor: wireNumber(ONE),
    })),
  };
}
