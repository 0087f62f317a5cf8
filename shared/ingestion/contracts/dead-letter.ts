import * as z from 'zod';
import { requiredText, text, timeText } from '#kernel/wire.ts';

const reason = text.max(128);
const cursor = z.string().max(4096).nullish();
/** The answer to one redrive stays within the deadline of the API. */
const MAX_REDRIVEN = 500;

export const DeadLetterQuery = z.object({
  status: z.enum(['open', 'redriven', 'all']).default('open'),
  reason: reason.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor,
});

/** An event that could not be stored, with the reason. */
export const DeadLetterResponse = z.object({
  id: z.string(),
  status: z.enum(['open', 'redriven']),
  reason: z.string(),
  message: z.string(),
  failed_at: timeText.optional(),
  ingested_at: timeText.optional(),
  size_bytes: z.int(),
  redriven_at: timeText.optional(),
  redriven_by: z.string().optional(),
});

/** With what was sent: `content` as text, cut where it is very long; `content_base64` has the exact bytes of what is no text. */
export const DeadLetterContentResponse = DeadLetterResponse.extend({
  content: z.string(),
  content_truncated: z.boolean(),
  content_base64: z.string().optional(),
});

/** A page may be shorter than asked for and still have a next one. */
export const ListDeadLettersResponse = z.object({
  items: z.array(DeadLetterResponse),
  has_more: z.boolean(),
  next_cursor: z.string().optional(),
});

export const RedriveDeadLettersRequest = z
  .object({
    ids: z.array(requiredText.max(128)).min(1).max(MAX_REDRIVEN).optional(),
    reason: reason.min(1).optional(),
    cursor,
  })
  .refine(({ ids, reason: by }) => (ids === undefined) !== (by === undefined), { path: ['ids'], error: 'name either ids or a reason' });

/** `next_cursor` is there when a reason has letters beyond what one request drives. */
export const RedriveDeadLettersResponse = z.object({
  message: z.string(),
  redriven: z.int(),
  already_redriven: z.int(),
  next_cursor: z.string().optional(),
});

/** Letters that one redrive by reason takes. */
export const REDRIVE_PAGE = MAX_REDRIVEN;
