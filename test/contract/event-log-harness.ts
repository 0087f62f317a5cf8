import { randomBytes } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import type { EventLog, LogBatch, LogMessage, LogRecord, SubscribeOptions, Subscription } from '#platform/event-log/event-log.ts';
import { createKafkaEventLog } from '#platform/event-log/kafka/kafka-event-log.ts';
import { eventLogPool } from '#platform/event-log/postgres/pool.ts';
import { createPostgresEventLog } from '#platform/event-log/postgres/postgres-event-log.ts';
import type { Config } from '#platform/config/schema.ts';
import { until } from '#local/engines/process.ts';

/** Where a log is; plain data, so that a test can hand it to another process. */
export type LogAddress =
  | { readonly kind: 'postgres'; readonly postgres: Config['postgres'] }
  | { readonly kind: 'kafka'; readonly brokers: readonly string[] };

/** How long a member may be silent before its partitions go to others. */
export const SILENCE_MS = 3000;

/** Opens a log with the short leases of a test: members that died are missed within seconds. */
export function openEventLog(address: LogAddress): EventLog {
  if (address.kind === 'postgres') {
    return createPostgresEventLog({ pool: eventLogPool(address.postgres), leaseMs: SILENCE_MS, pollMs: 200, stopGraceMs: 500 });
  }
  return createKafkaEventLog({
    brokers: address.brokers,
    client_id: 'test',
    auth: 'none',
    ssl: false,
    replication_factor: 1,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    sessionTimeoutMs: SILENCE_MS,
    rebalanceTimeoutMs: 10_000,
    stopGraceMs: 500,
  });
}

export const WAIT_MS = 25_000;

/** Waits for a condition; the error says which one did not come true. */
export async function eventually(what: string, condition: () => boolean | Promise<boolean>, waitMs = WAIT_MS): Promise<void> {
  if (!(await until(condition, waitMs, 25))) throw new Error(`did not happen within ${waitMs / 1000} s: ${what}`);
}

/** As when the time that a topic keeps its messages for has passed. */
export async function forget(address: LogAddress, topic: string, parts: readonly { partition: number; before: bigint }[]): Promise<void> {
  if (address.kind === 'postgres') {
    const pool = eventLogPool(address.postgres);
    for (const { partition, before } of parts) {
      const own = [topic, partition, before.toString()];
      await pool.query('delete from event_log.batches where topic = $1 and partition = $2 and base_offset < $3', own);
    }
    return pool.end();
  }
  const admin = new Kafka({ brokers: [...address.brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  // Tells the client who leads the partitions, which the deletion takes for known.
  await admin.fetchTopicOffsets(topic);
  await admin.deleteTopicRecords({ topic, partitions: parts.map(({ partition, before }) => ({ partition, offset: before.toString() })) });
  await admin.disconnect();
}

/** A name that no other test uses. */
export function unique(prefix: string): string {
  return `${prefix}_${randomBytes(5).toString('hex')}`;
}

export function record(key: string, value: string | Buffer, more: Partial<LogRecord> = {}): LogRecord {
  return { key, value: Buffer.from(value), headers: {}, ...more };
}

export interface Reader extends Subscription {
  readonly messages: LogMessage[];
  readonly batches: LogBatch[];
  /** Values as text, in the order in which their handlers ended well. */
  texts(): string[];
}

/** A subscription that keeps what it handled. `before` runs first in the handler and may throw. */
export async function read(
  log: EventLog,
  options: Omit<SubscribeOptions, 'handler'>,
  before: SubscribeOptions['handler'] = async () => {},
): Promise<Reader> {
  const messages: LogMessage[] = [];
  const batches: LogBatch[] = [];
  const { stop } = await log.subscribe({
    maxWaitMs: 50,
    ...options,
    async handler(batch, signal) {
      await before(batch, signal);
      batches.push(batch);
      messages.push(...batch.messages);
    },
  });
  return { stop, messages, batches, texts: () => messages.map(({ value }) => value.toString('utf8')) };
}
