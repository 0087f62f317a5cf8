import * as z from 'zod';
import { queryFlag } from '#kernel/pagination.ts';
import { requiredText, text, timeInput, timeText } from '#kernel/wire.ts';
import { EVENT_LIMITS } from '../domain/event.ts';
import { isProperties, type Properties, propertiesProblem } from '../domain/properties.ts';
import { parseRfc3339 } from '../domain/rfc3339.ts';
import { MeterResponse } from './meter.ts';

const name = requiredText.max(EVENT_LIMITS.nameLength);
const label = text.max(EVENT_LIMITS.idLength).nullish();

/** Any JSON object. Not copied: its keys and values stay as they came. */
const anyProperties = z.custom<Properties>(isProperties, 'must be an object');
/** Within the bounds of D11. */
const properties = anyProperties
  .superRefine((value, issues) => {
    const problem = propertiesProblem(value);
    if (problem !== null) issues.addIssue({ code: 'custom', message: problem });
  })
  .meta({ type: 'object', additionalProperties: true });

/** RFC 3339, as milliseconds since 1970. Absent, empty and zero times mean "now" (metering.md 1.2). */
const timestamp = z
  .string()
  .max(64)
  .nullish()
  .transform((value, issues): number | null => {
    if (value === null || value === undefined || value === '' || value.startsWith('0001-01-01T00:00:00')) return null;
    const millis = parseRfc3339(value);
    if (millis !== null) return millis;
    issues.addIssue({ code: 'custom', message: 'must be an RFC 3339 time such as 2026-01-31T00:00:00Z' });
    return z.NEVER;
  })
  .meta({ type: 'string', format: 'date-time' });

export const IngestEventRequest = z.object({
  event_name: name.transform((value) => value.trim()),
  external_customer_id: requiredText.max(EVENT_LIMITS.idLength),
  event_id: label,
  customer_id: label,
  source: label,
  timestamp,
  properties: properties.nullish(),
});
export type IngestEventRequest = z.output<typeof IngestEventRequest>;

/** An item of a batch that is no event, with all that is wrong with it. */
export class UnreadableEvent {
  readonly issues: readonly z.core.$ZodIssue[];

  constructor(issues: readonly z.core.$ZodIssue[]) {
    this.issues = issues;
  }
}

/**
 * A bad item does not end the parsing, so that one answer can list what is wrong with all items, in form and in bounds (metering.md D2).
 * The generator of JSON Schema calls the fallback without a context.
 */
const item = IngestEventRequest.catch(
  ((context?: { error: z.ZodError }) => context && new UnreadableEvent(context.error.issues)) as never,
) as z.ZodType<IngestEventRequest | UnreadableEvent>;

export const BulkIngestEventRequest = z.object({ events: z.array(item).min(1).max(EVENT_LIMITS.batch) });

/** Objects of any shape: what they must hold is up to the transform that reads them. */
const rawItem = anyProperties.meta({ type: 'object', additionalProperties: true });
export const BulkIngestRawEventRequest = z.object({ events: z.array(rawItem).min(1).max(EVENT_LIMITS.batch) });

/** A flat map of strings: clients rely on it (metering.md D2). */
export const IngestEventResponse = z.object({ message: z.string(), event_id: z.string() });
export const BulkIngestEventResponse = z.object({ message: z.string(), accepted: z.string(), event_ids: z.string() });
/** `batch_size` counts what was sent, whatever became of it. */
export const BulkIngestRawEventResponse = z.object({ message: z.string(), batch_size: z.int() });

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
const listKeys = {
  external_customer_id: label,
  event_name: label,
  event_id: label,
  source: label,
  start_time: timeInput.nullish(),
  end_time: timeInput.nullish(),
  page_size: pageSize.nullish(),
  offset: offset.nullish(),
  iter_first_key: cursor,
  iter_last_key: cursor,
  sort: z.enum(['timestamp', 'event_name']).or(z.literal('')).nullish(),
  order: z.enum(['asc', 'desc', 'ASC', 'DESC']).or(z.literal('')).nullish(),
};

export const GetEventsRequest = z.object({
  ...listKeys,
  property_filters: z.record(z.string(), z.array(z.string()).min(1).max(100)).nullish(),
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
  total_count: z.int(),
  offset: z.int(),
});

const stageStatus = z.enum(['unprocessed', 'not_found', 'found', 'error', 'processing', 'attributed']);
const anyObject = z.record(z.string(), z.unknown());
/** Where something stands in the log: topic, partition, offset, and the line of the record. */
const place = z.object({ accepted_at: timeText, position: z.string() });

/** `GET /v1/events/lookup`: the event, what it was counted for, and where the search ended (metering.md 5.4). */
export const GetEventByIDResponse = z.object({
  event: EventResponse.optional(),
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
