import * as z from 'zod';
import { decimalText, requiredText, timeInput, timeText } from '#kernel/wire.ts';
import { blankable, windowSize } from '#metering/contracts/meter.ts';
import { AGGREGATION_TYPES } from '#metering/domain/meter.ts';

const question = {
  external_customer_id: requiredText.max(512),
  start_time: timeInput,
  end_time: timeInput,
  window_size: blankable(windowSize),
  billing_anchor: blankable(timeInput),
  /** Overrides the meter's own. */
  aggregation_type: z.enum(AGGREGATION_TYPES),
};
export const MeterUsageQueryRequest = z.object({ ...question, meter_id: requiredText.max(255) });
export type MeterUsageQueryRequest = z.output<typeof MeterUsageQueryRequest>;
export const MeterUsageAnalyticsRequest = z.object({ ...question, meter_ids: z.array(requiredText.max(255)).min(1).max(100) });
export type MeterUsageAnalyticsRequest = z.output<typeof MeterUsageAnalyticsRequest>;

export const MeterUsageResponse = z.object({
  meter_id: z.string(),
  aggregation_type: z.enum(AGGREGATION_TYPES),
  total_value: decimalText,
  event_count: z.int(),
  points: z.array(z.object({ timestamp: timeText, value: decimalText, event_count: z.int() })),
});
export const MeterUsageAnalyticsResponse = z.object({ items: z.array(MeterUsageResponse) });
