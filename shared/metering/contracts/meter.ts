import * as z from 'zod';
import { WINDOW_SIZES, type WindowSize } from '#kernel/calendar/windows.ts';
import { decimalInput, entityBase, listOf, requiredText, text } from '#kernel/wire.ts';
import { filtersOn } from '#platform/resource/filters.ts';
import { listing } from '#platform/resource/listing.ts';
import { AGGREGATION_TYPES, FIXED, type Meter, RESET_USAGE } from '../domain/meter.ts';

export const windowSize = z.enum(WINDOW_SIZES as readonly [WindowSize, ...WindowSize[]]);
/** SDKs send an empty text for what was left out. */
export const blankable = <T extends z.ZodType>(schema: T) => z.preprocess((value) => (value === '' ? null : value), schema.nullish());

export const MeterFilter = z.object({ key: requiredText.max(255), values: z.array(text).min(1).max(1000) });

export const MeterAggregation = z.object({
  type: z.enum(AGGREGATION_TYPES),
  field: blankable(text.max(255)),
  expression: blankable(
    z.string().max(4096).meta({
      description:
        'CEL over first-level properties in place of a field, such as `ceil(seconds / 60) * rate`: + - * /, comparisons, && || !, the ternary, and max min pow abs ceil floor round sqrt log. With SUM, AVG, MAX and LATEST',
    }),
  ),
  multiplier: blankable(decimalInput),
  bucket_size: blankable(windowSize),
  group_by: blankable(text.max(255)),
});

export const CreateMeterRequest = z.object({
  name: requiredText,
  event_name: requiredText.max(512).transform((value) => value.trim()),
  aggregation: MeterAggregation,
  filters: z.array(MeterFilter).max(50).nullish(),
  reset_usage: z.enum(RESET_USAGE),
});
export type CreateMeterRequest = z.output<typeof CreateMeterRequest>;

/** Adds filters and values; none can be removed (metering.md 3.1). */
const fixed = z.undefined({ error: FIXED }).optional();
export const UpdateMeterRequest = z.object({
  filters: z.array(MeterFilter).min(1).max(50),
  name: fixed,
  event_name: fixed,
  aggregation: fixed,
  reset_usage: fixed,
});
export type UpdateMeterRequest = z.output<typeof UpdateMeterRequest>;

export const MeterResponse = entityBase.extend({
  name: z.string(),
  event_name: z.string(),
  aggregation: z.object({
    type: z.enum(AGGREGATION_TYPES),
    field: z.string().optional(),
    expression: z.string().optional(),
    multiplier: z.string().optional(),
    bucket_size: windowSize.optional(),
    group_by: z.string().optional(),
  }),
  filters: z.array(z.object({ key: z.string(), values: z.array(z.string()) })),
  reset_usage: z.enum(RESET_USAGE),
});
export const ListMetersResponse = listOf(MeterResponse);

const { inList, equals } = filtersOn<Meter>();
export const MeterList = listing('meters', {
  filters: { meter_ids: inList('id'), event_name: equals('eventName') },
  fields: { name: 'string', event_name: 'string', reset_usage: 'string' },
  unasked: 'existing',
});
