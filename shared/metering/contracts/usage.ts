import * as z from 'zod';
import { recordOf } from '#kernel/records.ts';
import { decimalInput, requiredText, text, timeInput, timeText } from '#kernel/wire.ts';
import { AGGREGATION_TYPES } from '../domain/meter.ts';
import { blankable, windowSize } from './meter.ts';

const scope = {
  external_customer_id: blankable(text.max(512).transform((id) => id.trim())),
  customer_id: blankable(text.max(512)),
  start_time: blankable(timeInput),
  end_time: blankable(timeInput),
  window_size: blankable(windowSize),
  bucket_size: blankable(windowSize),
  filters: recordOf(z.string().max(255), z.array(text).max(1000)).nullish(),
  billing_anchor: blankable(timeInput),
  timezone: blankable(text.max(64)),
};

export const GetUsageRequest = z.object({
  ...scope,
  event_name: requiredText.max(512).transform((value) => value.trim()),
  aggregation_type: z.enum(AGGREGATION_TYPES),
  property_name: text.max(255).nullish(),
  multiplier: blankable(decimalInput),
  group_by: z.array(requiredText.max(255)).max(1, 'takes one property').nullish(),
  /** Deprecated name of `group_by`. */
  group_by_property: blankable(text.max(255)),
});
export type GetUsageRequest = z.output<typeof GetUsageRequest>;

export const GetUsageByMeterRequest = z.object({ ...scope, meter_id: requiredText });
export type GetUsageByMeterRequest = z.output<typeof GetUsageByMeterRequest>;

/** Values are JSON numbers here (wire-rules.md section 8). `window_size` is the start of the window. */
export const GetUsageResponse = z.object({
  results: z
    .array(
      z.object({
        window_size: timeText.optional().meta({ description: 'Start of the window or bucket' }),
        group: z
          .string()
          .optional()
          .meta({ description: 'Value of the property that results are grouped by; absent where events lack it' }),
        value: z.number(),
      }),
    )
    .meta({ description: 'One per window, or per bucket where no window is asked for, and per group' }),
  value: z.number().optional(),
  event_name: z.string(),
  type: z.enum(AGGREGATION_TYPES),
});
