import * as z from 'zod';
import { requiredText, text, timeInput, timeText } from '#kernel/wire.ts';
import { EVENT_LIMITS } from '../domain/event.ts';

const names = z.array(requiredText.max(EVENT_LIMITS.nameLength)).max(1000).nullish();

/** `POST /v1/events/reprocess` (metering.md 11). An absent or empty list asks for nothing. */
export const ReprocessEventsRequest = z.object({
  external_customer_ids: names,
  event_names: names,
  event_ids: names,
  start_date: timeInput,
  end_date: timeInput.nullish(),
  batch_size: z.int().min(1).max(10_000).default(1000),
});

export const ReprocessEventsResponse = z.object({ message: z.string(), workflow_id: z.string(), run_id: z.string() });

export const ReprocessStatusResponse = z.object({
  workflow_id: z.string(),
  run_id: z.string(),
  status: z.enum(['pending', 'running', 'completed', 'failed']),
  processed: z.int(),
  total: z.int().optional(),
  created_at: timeText,
  started_at: timeText.optional(),
  finished_at: timeText.optional(),
  failure_reason: text.optional(),
  last_position: z
    .object({ external_customer_id: z.string(), event_name: z.string(), timestamp: timeText, event_id: z.string() })
    .optional(),
});
