import { PriceResponse } from '#catalog/contracts/price.ts';
import { shaped } from '#platform/resource/shape.ts';
import { toWire } from '#kernel/wire.ts';
import type { ChargesOf } from '#metering/routes/trace.ts';
import { lineItemToWire } from '#subscriptions/routes/to-wire.ts';
import type { AnalyticsService } from '../service/service.ts';

/** What charges for an event, in the words of the debug tracker. */
export const chargesOnWire =
  (analytics: Pick<AnalyticsService, 'eventCharges'>): ChargesOf =>
  async (ctx, customerId, meterIds, at) => {
    const { prices, lines, featureIds } = await analytics.eventCharges(ctx, customerId, meterIds, at);
    return {
      prices: prices.map((price) => ({
        price_id: price.id,
        meter_id: price.meterId,
        status: price.status,
        price: shaped(PriceResponse, price),
      })),
      lines: lines.map(({ item, inRange, active, final }) => ({
        meterId: item.meterId ?? '',
        active,
        subscriptionId: item.subscriptionId,
        lineItemId: item.id,
        priceId: item.priceId,
        final,
        wire: {
          ...(toWire({
            subLineItemId: item.id,
            subscriptionId: item.subscriptionId,
            priceId: item.priceId,
            startDate: item.startDate,
            endDate: item.endDate,
          }) as object),
          is_active_for_event: active,
          timestamp_within_range: inRange,
          ...(final?.finalizedAt && {
            final_invoice: toWire({
              invoiceId: final.invoiceId,
              invoiceNumber: final.invoiceNumber,
              finalizedAt: final.finalizedAt,
            }) as object,
          }),
          subscription_line_item: lineItemToWire(item),
        },
      })),
      featureIds,
    };
  };
