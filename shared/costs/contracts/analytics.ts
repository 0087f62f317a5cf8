import * as z from 'zod';
import { recordOf } from '#kernel/records.ts';
import { PriceResponse } from '#catalog/contracts/price.ts';
import { decimalText, requiredText, text, timeInput, timeText } from '#kernel/wire.ts';
import { blankable, MeterResponse } from '#metering/contracts/meter.ts';

export const COST_ANALYTICS_EXPAND = ['meter', 'price'] as const;

const together = { error: 'must be given together with the other end of the range' };

/** What is asked about a customer that is known otherwise. Without times: the last 7 days. */
export const CustomerCostAnalyticsRequest = z
  .object({
    feature_ids: z.array(requiredText.max(255)).max(100).nullish(),
    start_time: blankable(timeInput),
    end_time: blankable(timeInput),
    property_filters: recordOf(z.string().max(255), z.array(text).max(1000)).nullish(),
    expand: z.array(z.enum(COST_ANALYTICS_EXPAND)).max(20).nullish(),
    /** Pages of `cost_analytics`; the totals are always about all of it. */
    limit: z.int().min(1).max(1000).nullish(),
    offset: z.int().min(0).max(1_000_000_000).nullish(),
  })
  .refine(({ start_time, end_time }) => !start_time || Boolean(end_time), { path: ['end_time'], ...together })
  .refine(({ start_time, end_time }) => !end_time || Boolean(start_time), { path: ['start_time'], ...together });
export type CustomerCostAnalyticsRequest = z.output<typeof CustomerCostAnalyticsRequest>;

/** Without a customer: over all of them. */
export const GetCostAnalyticsRequest = CustomerCostAnalyticsRequest.safeExtend({
  external_customer_id: blankable(text.max(512)),
  include_children: z.boolean().nullish().meta({
    description:
      'Also the usage of the customers that inherit subscriptions of `external_customer_id`, while they do, as one usage with its own. Without a customer it changes nothing: all are in, and each is priced alone',
  }),
});
export type GetCostAnalyticsRequest = z.output<typeof GetCostAnalyticsRequest>;

/** What usage of a meter costs at one price of the cost sheet, in the part of the range in which the price was in force. */
export const CostAnalyticItem = z.object({
  costsheet_id: z.string(),
  price_id: z.string(),
  meter_id: z.string(),
  meter_name: z.string(),
  customer_id: z.string().optional(),
  external_customer_id: z.string().optional(),
  total_quantity: decimalText,
  total_events: z.int(),
  total_cost: decimalText,
  currency: z.string(),
  meter: MeterResponse.optional(),
  price: PriceResponse.optional(),
});
export const GetDetailedCostAnalyticsResponse = z.object({
  start_time: timeText,
  end_time: timeText,
  currency: z.string().optional(),
  total_cost: z.string().meta({
    description:
      'Usage at the usage prices of the active cost sheet, each customer priced alone, or as one with those that inherit from it; fixed prices are no cost of usage. Exact, in `currency`',
  }),
  total_revenue: z.string().meta({
    description:
      'What the same usage is charged at, as analytics say it: with commitments, without fees, allowances of entitlements and discounts. Exact, in `currency`',
  }),
  margin: z.string().meta({ description: '(revenue - cost) / revenue, with 16 fraction digits; 0 without revenue' }),
  margin_percent: decimalText,
  roi: z.string().meta({ description: '(revenue - cost) / cost, with 16 fraction digits; 0 without cost' }),
  roi_percent: decimalText,
  cost_analytics: z.array(CostAnalyticItem),
});

/** A question about costs whose customer is the session's. */
export const PortalCostAnalyticsRequest = CustomerCostAnalyticsRequest;
