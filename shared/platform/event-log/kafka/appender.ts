import { CompressionTypes, type Kafka, type Message, type Producer } from 'kafkajs';
import { createAppendQueue } from '../append-queue.ts';
import { inChunks } from '../chunks.ts';
import { type LogRecord, partitionOf } from '../event-log.ts';

/** A send becomes one record batch per partition, and a batch must stay below the topic's `max.message.bytes`. */
const SEND_MAX_BYTES = 4 * 1024 * 1024;
const RECORD_OVERHEAD_BYTES = 100;
/** Each partition of a send is compressed by itself: a few small events are not worth a dozen calls of the codec. */
const WORTH_COMPRESSING_BYTES = 16 * 1024;
/** Sends under way at once, per topic: what comes during one shares the next, so that the busier it is the less a record costs (measured: 1 is a third better than 3). */
const SENDS_AT_ONCE = 1;

/**
 * Appends through one producer per process. acks -1; not idempotent: a sandbox that was frozen wakes up with a stale
 * sequence, and an idempotent producer is dead from then on (events are deduplicated by their id anyway).
 */
export function createAppender(kafka: Kafka, timeoutMs: number) {
  let connected: Promise<Producer> | undefined;
  /** Those that have sent something, so that they may have died since. */
  const proven = new WeakSet<Producer>();

  /** One connection attempt is shared by all callers; a failed one is forgotten, so that the next caller tries anew. */
  function producer(): Promise<Producer> {
    if (connected) return connected;
    const connecting = connect();
    connected = connecting;
    connecting.catch(() => {
      if (connected === connecting) connected = undefined;
    });
    return connecting;
  }

  async function connect(): Promise<Producer> {
    const created = kafka.producer({
      allowAutoTopicCreation: false,
      idempotent: false,
      createPartitioner:
        () =>
        ({ message, partitionMetadata }) =>
          message.partition ?? partitionOf(String(message.key), partitionMetadata.length),
    });
    try {
      await created.connect();
      return created;
    } catch (error) {
      void created.disconnect().catch(() => {});
      throw error;
    }
  }

  function reset(): void {
    const stale = connected;
    connected = undefined;
    void stale?.then((each) => each.disconnect()).catch(() => {});
  }

  async function send(current: Producer, topic: string, records: readonly LogRecord[]): Promise<void> {
    const bytes = records.reduce((sum, each) => sum + sizeOf(each), 0);
    await current.send({
      topic,
      acks: -1,
      compression: bytes < WORTH_COMPRESSING_BYTES ? CompressionTypes.None : CompressionTypes.ZSTD,
      messages: records.map(toMessage),
    });
    proven.add(current);
  }

  async function sendAll(topic: string, records: readonly LogRecord[]): Promise<void> {
    for (const chunk of inChunks(records, sizeOf, SEND_MAX_BYTES)) {
      const current = await producer();
      try {
        await send(current, topic, chunk);
      } catch (error) {
        // The broker closes connections that were idle (a thawed Lambda finds them dead): once more on a fresh one.
        if (!proven.has(current)) throw error;
        if ((await connected) === current) reset();
        await send(await producer(), topic, chunk);
      }
    }
  }

  // Whoever sends alone, as a function does, sends at once; concurrent requests of a container share a send.
  const queue = createAppendQueue<LogRecord>({ write: sendAll, sizeOf, atOnce: SENDS_AT_ONCE, maxBytes: SEND_MAX_BYTES });

  return {
    /** Rejects after the time limit as well; then the records may or may not be in the log. */
    async append(topic: string, records: readonly LogRecord[]): Promise<void> {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`Kafka did not take the records within ${timeoutMs} ms`)), timeoutMs);
      });
      try {
        await Promise.race([queue.append(topic, records), late]);
      } catch (error) {
        reset();
        throw error;
      } finally {
        clearTimeout(timer);
      }
    },

    async close(): Promise<void> {
      const last = connected;
      connected = undefined;
      await last?.then((each) => each.disconnect()).catch(() => {});
    },
  };
}

function sizeOf({ key, value }: LogRecord): number {
  return value.length + key.length + RECORD_OVERHEAD_BYTES;
}

function toMessage({ key, value, headers, partition }: LogRecord): Message {
  return { key, value, headers: { ...headers }, ...(partition === undefined ? {} : { partition }) };
}
