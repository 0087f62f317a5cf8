import * as z from 'zod';
import { recordOf } from '#kernel/records.ts';
import { label } from '#ingestion/contracts/event.ts';
import { queryFlag } from '#kernel/pagination.ts';
import { timeInput, timeText } from '#kernel/wire.ts';
import { MeterResponse } from './meter.ts';

export const EventResponse = z.object({
  id: z.string(),
  external_customer_id: z.string(),
  customer_id: z.string(),
  event_name: z.string(),
  timestamp: timeText,
  properties: z.record(z.string(), z.unknown()),
  source: z.string(),
  environment_id: z.string(),
});

/** More than a page holds is a full page. */
const pageSize = z.coerce
  .number()
  .int()
  .min(1)
  .max(1000)
  .transform((size) => Math.min(size, 50))
  .meta({ type: 'integer', minimum: 1, maximum: 50 });
const offset = z.coerce.number().int().min(0).max(100_000);
const cursor = z.string().max(600).nullish();
/** Compared as ingest keeps it: without the blanks around it. */
const named = label.transform((value) => value?.trim());
const listKeys = {
  external_customer_id: named,
  event_name: named,
  event_id: named,
  source: label,
  start_time: timeInput.nullish().meta({ description: 'Default: 30 days before end_time, or before now' }),
  end_time: timeInput.nullish().meta({ description: 'Inclusive here, unlike in usage' }),
  page_size: pageSize.nullish(),
  offset: offset.nullish(),
  iter_first_key: cursor,
  iter_last_key: cursor,
  sort: z.enum(['timestamp', 'event_name']).or(z.literal('')).nullish(),
  order: z.enum(['asc', 'desc', 'ASC', 'DESC']).or(z.literal('')).nullish(),
};

export const GetEventsRequest = z.object({
  ...listKeys,
  property_filters: recordOf(z.string(), z.array(z.string()).min(1).max(100)).nullish(),
});
export type GetEventsRequest = z.output<typeof GetEventsRequest>;

/** `k:v1,v2;k2:v3` of `GET /v1/events` (metering.md 5.3). */
const filterText = z
  .string()
  .max(4096)
  .transform((value, issues): Record<string, string[]> => {
    const filters: [string, string[]][] = [];
    for (const part of value.split(';').filter((piece) => piece.trim() !== '')) {
      const colon = part.indexOf(':');
      if (colon < 1) {
        issues.addIssue({ code: 'custom', message: 'must look like key:value1,value2;key2:value3' });
        return z.NEVER;
      }
      filters.push([part.slice(0, colon).trim(), part.slice(colon + 1).split(',')]);
    }
    return Object.fromEntries(filters);
  });
export const EventListQuery = z.object({ ...listKeys, property_filters: filterText.optional(), count_total: queryFlag });

export const GetEventsResponse = z.object({
  events: z.array(EventResponse),
  has_more: z.boolean(),
  iter_first_key: z.string().optional(),
  iter_last_key: z.string().optional(),
  total_count: z
    .int()
    .optional()
    .meta({ description: 'Exact up to 10,000; 10,000 with total_is_estimate stands for at least so many. Left out behind a cursor' }),
  total_is_estimate: z.boolean().optional(),
  offset: z.int(),
  start_time: timeText.optional().meta({ description: 'Where the listing begins: 30 days before its end unless start_time was given' }),
});

const stageStatus = z.enum(['unprocessed', 'not_found', 'found', 'error', 'processing', 'attributed']);
const anyObject = z.record(z.string(), z.unknown());
/** Where something stands in the log: topic, partition, offset, and the line of the record. */
const place = z.object({ accepted_at: timeText, position: z.string() });

/** `GET /v1/events/lookup`: the event, what it was counted for, and where the search ended (metering.md 5.4). */
export const GetEventByIDResponse = z.object({
  event: EventResponse.optional(),
  ignored_fields: z.array(z.string()).optional().meta({ description: 'Fields of the event as it was sent that are not known' }),
  status: z.enum(['processed', 'processing', 'failed']),
  acceptance: z.object({
    status: z.enum(['accepted', 'stored', 'rejected']),
    accepted_at: timeText.optional(),
    /** Copies that came under the same id and changed no number. */
    duplicates: z.array(place.extend({ external_customer_id: z.string(), event_name: z.string(), timestamp: timeText })).optional(),
    rejections: z.array(place.extend({ reason: z.string(), detail: z.string() })).optional(),
  }),
  processed_events: z.array(
    z.object({
      customer_id: z.string().optional(),
      subscription_id: z.string().optional(),
      sub_line_item_id: z.string().optional(),
      price_id: z.string().optional(),
      meter_id: z.string().optional(),
      feature_id: z.string().optional(),
      qty_total: z.string().optional(),
      processed_at: timeText.optional(),
    }),
  ),
  debug_tracker: z.object({
    customer_lookup: z.object({ status: stageStatus, customer: anyObject.optional() }),
    meter_matching: z.object({
      status: stageStatus,
      matched_meters: z.array(z.object({ meter_id: z.string(), event_name: z.string(), meter: MeterResponse })).optional(),
    }),
    price_lookup: z
      .object({
        status: stageStatus,
        matched_prices: z.array(z.object({ price_id: z.string(), meter_id: z.string(), status: z.string(), price: anyObject })).optional(),
      })
      .optional(),
    subscription_line_item_lookup: z
      .object({
        status: stageStatus,
        matched_line_items: z
          .array(
            z.object({
              sub_line_item_id: z.string(),
              subscription_id: z.string(),
              price_id: z.string(),
              start_date: timeText,
              end_date: timeText.optional(),
              is_active_for_event: z.boolean(),
              timestamp_within_range: z.boolean(),
              final_invoice: z
                .object({ invoice_id: z.string(), invoice_number: z.string().optional(), finalized_at: timeText })
                .optional()
                .meta({
                  description: "The final invoice that charges usage of the event's time: an event that was accepted later is not on it",
                }),
              subscription_line_item: anyObject,
            }),
          )
          .optional(),
      })
      .optional(),
    attributed_to_customer: z
      .object({
        status: stageStatus,
        meter_usage: z.object({ meter_id: z.string(), external_customer_id: z.string(), qty_total: z.string() }).optional(),
      })
      .optional(),
    failure_point: z.object({ failure_point_type: z.string(), error: anyObject }).optional(),
  }),
});
