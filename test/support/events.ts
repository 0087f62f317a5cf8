import type { App } from '#app/create-app.ts';
import { DateTime } from 'luxon';
import type { RequestContext } from '#kernel/context.ts';
import { fixedClock } from '#kernel/clock.ts';
import type { DeadLetterReason } from '#kernel/dead-letter-reasons.ts';
import { deadLetterOf } from '#platform/event-log/dead-letter.ts';
import type { LogRecord } from '#platform/event-log/event-log.ts';
import { CONTENT, HEADERS, TOPICS, topicSpecs } from '#platform/event-log/topics.ts';

/** An event that is accepted as it is, for tests that spoil one part of it. */
export const validEvent = (more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
  event_name: 'call',
  external_customer_id: 'c1',
  properties: { tokens: 3 },
  ...more,
});

/** Makes the topics that ingest writes to. */
export async function ensureTopics({ config, eventLog }: App): Promise<void> {
  await (await eventLog).ensureTopics(topicSpecs(config));
}

/** How many records the log of events holds, over all its partitions. */
export async function loggedRecords({ eventLog }: App): Promise<bigint> {
  const partitions = await (await eventLog).lag('test', TOPICS.events);
  return partitions.reduce((sum, { end }) => sum + end, 0n);
}

/** A dead letter as the consumer writes it for a line of a pack that it refused; another release may have other reasons. */
export function deadLetter(
  { tenantId, environmentId }: Pick<RequestContext, 'tenantId' | 'environmentId'>,
  line: string,
  reason: string,
  customer = 'c1',
): LogRecord {
  const at = DateTime.utc(2026, 3, 15, 12);
  const headers = {
    [HEADERS.tenantId]: tenantId,
    [HEADERS.environmentId]: environmentId,
    [HEADERS.content]: CONTENT.eventPack,
    [HEADERS.count]: '3',
    [HEADERS.ingestedAt]: at.toISO() ?? '',
  };
  const message = { offset: 7n, key: `${tenantId}:${environmentId}:${customer}`, value: Buffer.from(line), headers, timestamp: at };
  return deadLetterOf(
    { topic: TOPICS.events, partition: 0 },
    { message, line: 1, value: message.value, reason: reason as DeadLetterReason, detail: `refused as ${reason}` },
    fixedClock(at),
  );
}

/** The line of a pack that an event is. */
export function packLine(id: string, more: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    id,
    event_name: 'call',
    external_customer_id: 'c1',
    timestamp: Date.UTC(2026, 2, 10),
    properties: '{"tokens":3}',
    ...more,
  });
}
