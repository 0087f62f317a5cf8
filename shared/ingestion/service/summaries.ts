import * as z from 'zod';
import type { FailedRecord } from '#platform/event-log/dead-letter.ts';
import type { LogBatch, LogMessage } from '#platform/event-log/event-log.ts';
import { HEADERS } from '#platform/event-log/topics.ts';
import type { StoredSummary } from '#kernel/stored-summary.ts';

const offset = z
  .string()
  .regex(/^\d{1,20}$/)
  .optional();
const Stored = z.object({
  topic: z.string().optional(),
  partition: z.int().optional(),
  first_offset: offset,
  last_offset: offset,
  events_from: z.int().optional(),
  events_until: z.int().optional(),
  customers: z.array(z.object({ external_customer_id: z.string(), event_names: z.array(z.string()), events_from: z.int().optional() })),
});

/** What a batch of `events_post_processing` says, in the order of the log, and the records that nobody can read. */
export function readSummaries({ messages }: Pick<LogBatch, 'messages'>): { summaries: StoredSummary[]; poison: FailedRecord[] } {
  const summaries: StoredSummary[] = [];
  const poison: FailedRecord[] = [];
  for (const message of messages) {
    try {
      summaries.push(summaryOf(message));
    } catch (error) {
      poison.push({
        message,
        line: null,
        value: message.value,
        reason: 'unreadable_summary',
        detail: error instanceof Error ? error.message : String(error),
      });
    }
  }
  return { summaries, poison };
}

function summaryOf({ headers, value }: LogMessage): StoredSummary {
  const tenantId = headers[HEADERS.tenantId];
  const environmentId = headers[HEADERS.environmentId];
  if (!tenantId || !environmentId) throw new Error('the record names no tenant or environment');
  const {
    topic,
    partition,
    first_offset: first,
    last_offset: last,
    events_from: from,
    events_until: until,
    customers,
  } = Stored.parse(JSON.parse(value.toString()));
  return {
    tenantId,
    environmentId,
    customers: customers.map((customer) => ({
      externalCustomerId: customer.external_customer_id,
      eventNames: customer.event_names,
      from: customer.events_from ?? null,
    })),
    stretch:
      topic === undefined || partition === undefined || first === undefined || last === undefined
        ? null
        : { topic, partition, first: BigInt(first), last: BigInt(last) },
    times: from === undefined || until === undefined ? null : { from, until },
  };
}
