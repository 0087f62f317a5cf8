import type { Clock } from '#kernel/clock.ts';
import { deadLetterOf } from '#platform/event-log/dead-letter.ts';
import type { EventLog, LogBatch, LogRecord, Subscription } from '#platform/event-log/event-log.ts';
import type { EventLogLogger } from '#platform/event-log/log.ts';
import { fromLogRecord } from '#platform/event-log/system-event.ts';
import { dlqOf, TOPICS } from '#platform/event-log/topics.ts';
import type { AuditEntry } from './domain.ts';
import type { AuditRepository } from './repository.ts';

export const AUDIT_GROUP = 'audit';

export interface AuditConsumerDependencies {
  readonly eventLog: Pick<EventLog, 'append' | 'subscribe'>;
  readonly audit: Pick<AuditRepository, 'insert'>;
  readonly clock: Clock;
  readonly logger: EventLogLogger;
}

/**
 * Writes `system_events` to the audit log, a batch at a time, committed after the insert. A batch that comes again has the same
 * token; one with other boundaries has the same event ids, which the table replaces. A record that nobody can read goes to the
 * dead-letter topic with its reason and does not stop the others.
 */
export function startAuditConsumer({ eventLog, audit, clock, logger }: AuditConsumerDependencies): Promise<Subscription> {
  return eventLog.subscribe({
    group: AUDIT_GROUP,
    topics: [TOPICS.systemEvents],
    handler: async (batch) => {
      const { entries, poison } = readBatch(batch, clock);
      if (poison.length > 0) {
        logger.error('system events that cannot be read went to the dead-letter topic', {
          topic: batch.topic,
          partition: batch.partition,
          count: poison.length,
        });
        await eventLog.append(dlqOf(TOPICS.systemEvents), poison);
      }
      await audit.insert(entries, tokenOf(batch));
    },
  });
}

function readBatch(batch: LogBatch, clock: Clock): { entries: AuditEntry[]; poison: LogRecord[] } {
  const entries: AuditEntry[] = [];
  const poison: LogRecord[] = [];
  for (const message of batch.messages) {
    try {
      entries.push(fromLogRecord(message));
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      poison.push(deadLetterOf(batch, { message, line: null, value: message.value, reason: 'unreadable_system_event', detail }, clock));
    }
  }
  return { entries, poison };
}

/** Names the content of a batch: topic, partition, first and last offset. */
function tokenOf({ topic, partition, messages }: LogBatch): string {
  return `${AUDIT_GROUP}:${topic}:${partition}:${messages[0]?.offset}-${messages.at(-1)?.offset}`;
}
