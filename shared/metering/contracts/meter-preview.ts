import * as z from 'zod';
import { decimalText, requiredText, text, timeInput, timeText } from '#kernel/wire.ts';
import { RESET_USAGE } from '../domain/meter.ts';
import { blankable, MeterAggregation, MeterFilter, MeterResponse } from './meter.ts';

/** A definition to look at before it is made, or with `meter_id` what more filters would make of that meter: they join its own, as saving them does. */
export const PreviewMeterRequest = z.object({
  meter_id: blankable(text),
  event_name: requiredText
    .max(512)
    .transform((value) => value.trim())
    .nullish(),
  aggregation: MeterAggregation.nullish(),
  filters: z.array(MeterFilter).max(50).nullish(),
  reset_usage: z.enum(RESET_USAGE).nullish(),
  external_customer_id: blankable(text.max(512)),
  start_time: blankable(timeInput),
  end_time: blankable(timeInput),
});
export type PreviewMeterRequest = z.output<typeof PreviewMeterRequest>;

export const MeterFiguresResponse = z.object({
  value: decimalText,
  matched_count: z.int().meta({ description: 'Events of the name and the range that the filters let through' }),
  event_count: z.int().meta({ description: 'Events that took part in the value' }),
  refused_count: z.int().meta({ description: 'Events that matched and could not be used' }),
  missing_count: z.int().meta({ description: 'Events that lack the property: they take no part' }),
  refused_events: z.array(z.object({ event_id: z.string(), reason: z.string() })).meta({ description: 'The newest of them, at most 10' }),
});

export const PreviewMeterResponse = z.object({
  start_time: timeText,
  end_time: timeText,
  watermark: timeText.optional().meta({ description: 'Acceptance time up to which the numbers are complete' }),
  before: MeterFiguresResponse.nullable().meta({ description: 'By the meter as it is; null without meter_id' }),
  after: MeterFiguresResponse,
  definition: MeterResponse.pick({ event_name: true, aggregation: true, filters: true, reset_usage: true }).meta({
    description: 'What `after` is of',
  }),
});
