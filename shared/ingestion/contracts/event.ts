import * as z from 'zod';
import { fitsPath, nameInPath, requiredText, text } from '#kernel/wire.ts';
import { EVENT_LIMITS } from '../domain/event.ts';
import { isProperties, type Properties, propertiesProblem } from '../domain/properties.ts';
import { parseRfc3339 } from '../domain/rfc3339.ts';

const name = requiredText.max(EVENT_LIMITS.nameLength);
/** Optional text that names something of the sender. */
export const label = text.max(EVENT_LIMITS.idLength).nullish();

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

/** An id that the sender gives, without the blanks around it. Blank ones are absent: the event gets one of ours. */
const eventId = text
  .max(EVENT_LIMITS.idLength)
  .transform((value) => value.trim())
  .refine(fitsPath, 'must not be . or .., which no path can hold')
  .nullish();

/** How zod, which leaves this key out, is shown it. */
const PROTO = ' __proto__';

/** Keys that we do not know are taken, because senders in the field add some, and named: `ignored`. */
const withIgnored = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z
    .preprocess((value) => {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, '__proto__')) return value;
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key === '__proto__' ? PROTO : key, inner]));
    }, z.looseObject(shape))
    .transform((value) => {
      const known: Record<string, unknown> = {};
      const ignored: string[] = [];
      for (const [key, inner] of Object.entries(value)) {
        if (Object.hasOwn(shape, key)) known[key] = inner;
        else ignored.push(key === PROTO ? '__proto__' : key);
      }
      return { ...(known as z.output<z.ZodObject<Shape>>), ignored };
    });

export const IngestEventRequest = withIgnored({
  event_name: name.transform((value) => value.trim()),
  external_customer_id: nameInPath.pipe(z.string().max(EVENT_LIMITS.idLength)),
  event_id: eventId,
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

export const BulkIngestEventRequest = withIgnored({ events: z.array(item).min(1).max(EVENT_LIMITS.batch) });

/** Objects of any shape: what they must hold is up to the transform that reads them. */
const rawItem = anyProperties.meta({ type: 'object', additionalProperties: true });
export const BulkIngestRawEventRequest = withIgnored({ events: z.array(rawItem).min(1).max(EVENT_LIMITS.batch) });

/** A flat map of strings: clients rely on it (metering.md D2). */
export const IngestEventResponse = z.object({ message: z.string(), event_id: z.string() });
export const BulkIngestEventResponse = z.object({ message: z.string(), accepted: z.string(), event_ids: z.string() });
/** An item of a raw batch that makes no event: which one, and what is wrong with it. */
const DroppedItem = z.object({ index: z.int(), event_id: z.string().optional(), field: z.string(), reason: z.string() });
/** `batch_size` counts what was sent, whatever became of it: `accepted` and `dropped` are its parts. */
export const BulkIngestRawEventResponse = z.object({
  message: z.string(),
  batch_size: z.int(),
  accepted: z.int(),
  dropped: z.int(),
  dropped_items: z.array(DroppedItem).optional().meta({ description: 'The first 100 of them' }),
});
