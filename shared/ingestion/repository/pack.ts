import type { DateTime } from 'luxon';
import { type LogRecord, partitionOf } from '#platform/event-log/event-log.ts';
import { CONTENT, HEADERS } from '#platform/event-log/topics.ts';
import type { DroppedItem, UsageEvent } from '../domain/event.ts';

/** The log's cost is per record: events of one request that go to one partition travel together, up to this size. */
const PACK_BYTES = 512 * 1024;
const NEWLINE = 10;

/** What the events of one request have in common. */
export interface PackOrigin {
  readonly tenantId: string;
  readonly environmentId: string;
  readonly ingestedAt: DateTime;
}

/**
 * Records for the accepted events of one request: one customer's events keep their order, and go to the partition of the key
 * tenant:environment:customer. Without a partition count (the log does not answer) every customer has records of its own,
 * so that the key still decides. A pack is closed before it outgrows `packBytes`; an event that is larger travels alone (metering.md 1.4). Items that make no event
 * travel as lines of their own, so that they are accounted for where events are.
 */
export function packEvents(
  origin: PackOrigin,
  events: readonly UsageEvent[],
  partitions: number | null,
  { packBytes = PACK_BYTES, dropped = [] }: { readonly packBytes?: number; readonly dropped?: readonly DroppedItem[] } = {},
): LogRecord[] {
  const groups = new Map<string | number, { readonly key: string; readonly lines: Buffer[] }>();
  const add = (customer: string, line: string): void => {
    const key = `${origin.tenantId}:${origin.environmentId}:${customer}`;
    const place = partitions === null ? key : partitionOf(key, partitions);
    const group = groups.get(place) ?? { key, lines: [] };
    groups.set(place, group);
    group.lines.push(Buffer.from(line, 'utf8'));
  };
  for (const event of events) add(event.externalCustomerId, encodeEvent(event));
  for (const item of dropped) add('', encodeDropped(item));
  return [...groups].flatMap(([place, { key, lines }]) =>
    packLines(lines, packBytes).map(
      (pack): LogRecord => ({
        key,
        value: pack.value,
        headers: {
          [HEADERS.tenantId]: origin.tenantId,
          [HEADERS.environmentId]: origin.environmentId,
          [HEADERS.content]: CONTENT.eventPack,
          [HEADERS.count]: String(pack.count),
          [HEADERS.ingestedAt]: origin.ingestedAt.toUTC().toISO() ?? '',
        },
        ...(typeof place === 'number' ? { partition: place } : {}),
      }),
    ),
  );
}

function packLines(lines: readonly Buffer[], packBytes: number): { value: Buffer; count: number }[] {
  const packs: { parts: Buffer[]; bytes: number }[] = [];
  for (const line of lines) {
    const last = packs.at(-1);
    if (last === undefined || last.bytes + line.length > packBytes) packs.push({ parts: [line], bytes: line.length });
    else {
      last.parts.push(line);
      last.bytes += line.length;
    }
  }
  return packs.map(({ parts }) => ({ value: Buffer.concat(parts), count: parts.length }));
}

/** One line of a pack. Times are milliseconds since 1970, properties are JSON text in a JSON string. */
function encodeEvent(event: UsageEvent): string {
  return `${JSON.stringify({
    id: event.id,
    event_name: event.eventName,
    external_customer_id: event.externalCustomerId,
    ...(event.customerId === '' ? {} : { customer_id: event.customerId }),
    ...(event.source === '' ? {} : { source: event.source }),
    timestamp: event.timestamp,
    properties: event.properties,
    ...(event.ignoredFields === undefined || event.ignoredFields.length === 0 ? {} : { ignored_fields: event.ignoredFields }),
  })}\n`;
}

function encodeDropped({ id, reason, detail }: DroppedItem): string {
  return `${JSON.stringify({ id, dropped: { reason, detail } })}\n`;
}

/** The lines of a pack, without their ends. A last line need not end. */
export function* packedLines(value: Buffer): Generator<Buffer, void, undefined> {
  for (let start = 0; start < value.length; ) {
    const newline = value.indexOf(NEWLINE, start);
    const end = newline === -1 ? value.length : newline;
    yield value.subarray(start, end);
    start = end + 1;
  }
}
