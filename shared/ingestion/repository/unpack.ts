import { DateTime } from 'luxon';
import * as z from 'zod';
import type { DeadLetterReason } from '#kernel/dead-letter-reasons.ts';
import type { FailedRecord } from '#platform/event-log/dead-letter.ts';
import type { LogBatch, LogMessage } from '#platform/event-log/event-log.ts';
import { CONTENT, HEADERS } from '#platform/event-log/topics.ts';
import { DROP_REASONS, type DroppedItem, EARLIEST_TIMESTAMP, type LoggedEvent } from '../domain/event.ts';
import type { Pack } from '../domain/ledger.ts';
import { isProperties } from '../domain/properties.ts';
import { packedLines } from './pack.ts';

/** Why a message, or a line of it, can never be stored. */
export type PoisonReason = Exclude<DeadLetterReason, 'unreadable_summary' | 'unreadable_system_event' | 'unknown'>;

/** What goes to the dead letters. `line` is null when the whole message is unusable; `value` are the bytes that it stood for. */
export interface Poison extends FailedRecord {
  readonly reason: PoisonReason;
  /** Null where it cannot be read. */
  readonly id: string | null;
  /** Null where the message does not say whose it is. */
  readonly origin: Origin | null;
}

/** Whose the events of a message are, and when they were accepted (milliseconds since 1970). */
type Origin = Pick<LoggedEvent, 'tenantId' | 'environmentId' | 'ingestedAt'>;

/** A line that says that an item of a raw batch made no event. */
export interface Dropped extends Pick<Poison, 'message' | 'line' | 'detail' | 'id'> {
  readonly reason: DroppedItem['reason'];
  readonly origin: Origin;
}

export interface UnpackedBatch {
  /** In log order. */
  readonly events: LoggedEvent[];
  readonly poison: Poison[];
  readonly dropped: Dropped[];
  /** The messages that say whose they are, in log order. */
  readonly packs: Pack[];
}

/** A pack holds half a MiB: more events than this no honest sender says. */
const MAX_DECLARED = 1_000_000;
const UNKNOWN_ORIGIN = { reason: 'missing_tenant', detail: 'it does not say whose it is' } as const;
/** The last instant that ClickHouse's DateTime64 holds. */
const LATEST_TIMESTAMP = 10_413_791_999_999;

/** Text that every engine can hold: what Postgres refuses would fail for ever when a customer is looked up by it, and hold the partition up. */
const text = z
  .string()
  .refine((value) => !value.includes('\u0000'), 'must not contain NUL')
  .transform((value) => value.toWellFormed());
const line = z.object({
  id: text.pipe(z.string().min(1)),
  event_name: text.pipe(z.string().min(1)),
  external_customer_id: text.pipe(z.string().min(1)),
  customer_id: text.default(''),
  source: text.default(''),
  timestamp: z.int().min(EARLIEST_TIMESTAMP).max(LATEST_TIMESTAMP),
  properties: z.string().refine(isJsonObject, 'is not the JSON text of an object'),
  ignored_fields: z.array(text).optional(),
});
const droppedLine = z.object({ id: text, dropped: z.object({ reason: z.enum(DROP_REASONS), detail: text }) });

/** The events of a batch, and what in it is none. Nothing throws: a bad line must not hold up its neighbours. */
export function unpackBatch({ topic, partition, messages }: Pick<LogBatch, 'topic' | 'partition' | 'messages'>): UnpackedBatch {
  const [events, poison, packs, dropped]: [LoggedEvent[], Poison[], Pack[], Dropped[]] = [[], [], [], []];
  for (const message of messages) {
    const origin = originOf(message);
    const problem = envelopeProblem(message);
    let number = 0;
    if (problem !== null || origin === null)
      poison.push({ message, line: null, value: message.value, id: null, origin, ...(problem ?? UNKNOWN_ORIGIN) });
    else {
      for (const bytes of packedLines(message.value)) {
        const result = unpackLine(bytes);
        if ('dropped' in result) dropped.push({ message, line: number, origin, id: result.id, ...result.dropped });
        else if ('reason' in result) poison.push({ message, line: number, value: bytes, origin, ...result });
        else events.push({ ...result, ...origin, position: { topic, partition, offset: message.offset, line: number } });
        number += 1;
      }
    }
    if (origin !== null)
      packs.push({ ...origin, topic, partition, offset: message.offset, accepted: declaredCount(message) ?? Math.max(number, 1) });
  }
  return { events, poison, dropped, packs };
}

/** Whose a message is; null where it does not say. */
export function originOf(message: LogMessage): Origin | null {
  const [tenantId, environmentId] = [message.headers[HEADERS.tenantId], message.headers[HEADERS.environmentId]];
  return isStorable(tenantId) && isStorable(environmentId) ? { tenantId, environmentId, ingestedAt: ingestedAt(message) } : null;
}

/** How many events ingest said that a message holds; null where it did not. */
/** How many events a record holds: as ingest said, else as it is written. */
export function countOf(message: LogMessage): number {
  return declaredCount(message) ?? [...packedLines(message.value)].length;
}

function declaredCount({ headers }: LogMessage): number | null {
  const count = Number(headers[HEADERS.count]);
  return Number.isInteger(count) && count >= 1 && count <= MAX_DECLARED ? count : null;
}

function envelopeProblem({ headers, value }: LogMessage): { reason: PoisonReason; detail: string } | null {
  if (!isStorable(headers[HEADERS.tenantId]))
    return { reason: 'missing_tenant', detail: `the header ${HEADERS.tenantId} is missing or unusable` };
  if (!isStorable(headers[HEADERS.environmentId]))
    return { reason: 'missing_environment', detail: `the header ${HEADERS.environmentId} is missing or unusable` };
  const content = headers[HEADERS.content];
  if (content !== undefined && content !== CONTENT.eventPack)
    return { reason: 'unknown_content', detail: `holds ${content}, not ${CONTENT.eventPack}` };
  return value.length === 0 ? { reason: 'empty', detail: 'holds no event' } : null;
}

function ingestedAt({ headers, timestamp }: LogMessage): number {
  const accepted = DateTime.fromISO(headers[HEADERS.ingestedAt] ?? '', { zone: 'utc' });
  const millis = accepted.toMillis();
  return millis >= EARLIEST_TIMESTAMP && millis <= LATEST_TIMESTAMP ? millis : timestamp.toMillis();
}

function isStorable(value: string | undefined): value is string {
  return value !== undefined && value !== '' && !value.includes('\u0000');
}

type Unpacked = Omit<LoggedEvent, keyof Origin | 'position'>;

function unpackLine(bytes: Buffer): Unpacked | Pick<Poison, 'reason' | 'detail' | 'id'> | z.output<typeof droppedLine> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    return { reason: 'bad_json', detail: (error as Error).message.slice(0, 200), id: null };
  }
  const none = droppedLine.safeParse(value);
  if (none.success) return none.data;
  const result = line.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    return {
      reason: 'invalid_event',
      detail: `${issue?.path.join('.') || 'event'}: ${issue?.message ?? 'is not valid'}`,
      id: text.safeParse((value as { id?: unknown } | null)?.id).data || null,
    };
  }
  const { data } = result;
  return {
    id: data.id,
    eventName: data.event_name,
    externalCustomerId: data.external_customer_id,
    customerId: data.customer_id,
    source: data.source,
    timestamp: data.timestamp,
    properties: data.properties,
    ...(data.ignored_fields === undefined ? {} : { ignoredFields: data.ignored_fields }),
  };
}

function isJsonObject(value: string): boolean {
  try {
    return isProperties(JSON.parse(value));
  } catch {
    return false;
  }
}
