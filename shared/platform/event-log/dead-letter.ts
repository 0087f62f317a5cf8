import { DateTime } from 'luxon';
import type { Clock } from '#kernel/clock.ts';
import type { DeadLetterReason } from '#kernel/dead-letter-reasons.ts';
import type { LogBatch, LogMessage, LogRecord } from './event-log.ts';
import { type DlqName, dlqOf, HEADERS, TOPICS, type TopicName } from './topics.ts';

/** A message, or one line of its pack, that can never be handled. */
export interface FailedRecord {
  readonly message: LogMessage;
  /** From 0 within the pack; null when the whole message is meant. */
  readonly line: number | null;
  readonly value: Buffer;
  /** A word for machines. */
  readonly reason: DeadLetterReason;
  /** The same for people. */
  readonly detail: string;
}

/** Where a letter stands among the dead letters of a topic. */
export interface LetterPlace {
  readonly topic: DlqName;
  readonly partition: number;
  readonly offset: bigint;
}

/** A dead letter as it is read from its topic. */
export interface DeadLetter extends LetterPlace {
  /** When the log took it. With the place it names the letter, also when a log is set up anew and counts from 0 again. */
  readonly time: DateTime;
  readonly key: string;
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  /** A word of DEAD_LETTER_REASONS, or one of another release. */
  readonly reason: string;
  readonly detail: string;
  /** Null where the header is missing or no time. */
  readonly failedAt: DateTime | null;
}

const ERROR_HEADERS: readonly string[] = [
  HEADERS.errorReason,
  HEADERS.errorMessage,
  HEADERS.originTopic,
  HEADERS.originPartition,
  HEADERS.originOffset,
  HEADERS.originLine,
  HEADERS.failedAt,
];
const UNKNOWN_REASON: DeadLetterReason = 'unknown';
const MAX_DETAIL = 1000;
const MAX_OFFSET = 2n ** 63n - 1n;
const MAX_PARTITION = 2 ** 31 - 1;

/** All topics of dead letters. */
export const DLQ_TOPICS: readonly DlqName[] = Object.values(TOPICS).map(dlqOf);

/** A dead letter keeps the bytes and headers of what failed, with the reason and the place it stood at, so that it can be driven again. */
export function deadLetterOf(
  batch: Pick<LogBatch, 'topic' | 'partition'>,
  { message, line, value, reason, detail }: FailedRecord,
  clock: Clock,
): LogRecord {
  return {
    key: message.key,
    value,
    headers: {
      ...message.headers,
      [HEADERS.errorReason]: reason,
      [HEADERS.errorMessage]: detail.slice(0, MAX_DETAIL),
      [HEADERS.originTopic]: batch.topic,
      [HEADERS.originPartition]: String(batch.partition),
      [HEADERS.originOffset]: message.offset.toString(),
      ...(line === null ? {} : { [HEADERS.originLine]: String(line) }),
      [HEADERS.failedAt]: clock.now().toISO() ?? '',
    },
  };
}

/** What a message of a dead-letter topic says. Never throws: whatever is missing stays empty. */
export function readDeadLetter(topic: DlqName, partition: number, message: LogMessage): DeadLetter {
  const { headers } = message;
  const failedAt = DateTime.fromISO(headers[HEADERS.failedAt] ?? '', { zone: 'utc' });
  return {
    topic,
    partition,
    offset: message.offset,
    time: message.timestamp,
    key: message.key,
    value: message.value,
    headers,
    reason: headers[HEADERS.errorReason] ?? UNKNOWN_REASON,
    detail: headers[HEADERS.errorMessage] ?? '',
    failedAt: failedAt.isValid ? failedAt : null,
  };
}

/** The topic that a letter came from. Its place says so and not its header, which somebody else may have written. */
export function originOf({ topic }: LetterPlace): TopicName {
  return topic.slice(0, -'.dlq'.length) as TopicName;
}

/** The record as it was before it failed: its bytes, its key, and its headers without those of the failure. A line of a pack is a pack of one. */
export function originalRecord({ key, value, headers }: Pick<DeadLetter, 'key' | 'value' | 'headers'>): LogRecord {
  const original = Object.fromEntries(Object.entries(headers).filter(([name]) => !ERROR_HEADERS.includes(name)));
  const isLine = headers[HEADERS.originLine] !== undefined && original[HEADERS.count] !== undefined;
  return { key, value, headers: isLine ? { ...original, [HEADERS.count]: '1' } : original };
}

/** The id of a letter, e.g. `events.dlq:0:17`. */
export function letterId({ topic, partition, offset }: LetterPlace): string {
  return `${topic}:${partition}:${offset}`;
}

/** The place that an id names, with or without `.dlq`; null for a text that is no id. */
export function parseLetterId(id: string): LetterPlace | null {
  const [, name = '', partition = '', offset = ''] = /^([a-z_]+)(?:\.dlq)?:(\d{1,10}):(\d{1,19})$/.exec(id) ?? [];
  const topic = DLQ_TOPICS.find((each) => each === `${name}.dlq`);
  if (topic === undefined || Number(partition) > MAX_PARTITION || BigInt(offset) > MAX_OFFSET) return null;
  return { topic, partition: Number(partition), offset: BigInt(offset) };
}
