import { DateTime } from 'luxon';
import type pg from 'pg';
import { bounded, READ_MAX_BYTES } from '../bounded.ts';
import { inChunks } from '../chunks.ts';
import type { LogMessage, LogRecord, PartitionLag, PartitionOffsets, ReadOptions, TopicSpec } from '../event-log.ts';
import { batchParts, decodeBatch, framedSize } from '../framing.ts';

/** One stored batch without its payload. */
export interface StoredBatch {
  readonly baseOffset: bigint;
  readonly count: number;
  readonly bytes: number;
}
/** A record whose partition has been decided. */
export type PlacedRecord = LogRecord & { readonly partition: number };
/** A partition that a member holds, in the epoch in which it got it. */
export interface Claim {
  readonly topic: string;
  readonly partition: number;
  readonly epoch: bigint;
  readonly committed: bigint;
}

/** A stored batch is what a reader must take at once, so it is bounded; one larger record still travels, alone. */
const BATCH_MAX_BYTES = 1024 * 1024;
/** One statement carries at most this much. */
const STATEMENT_MAX_BYTES = 16 * 1024 * 1024;
const PEEK_ROWS = 500;

/** The statements on `event_log.*`. Numbers are cast to text, so that no type parser set elsewhere changes them. */
export function createStore(pool: pg.Pool) {
  const store = {
    async ensureTopics(specs: readonly TopicSpec[]): Promise<void> {
      for (const { name, partitions, retentionHours } of specs) {
        await pool.query(
          `with topic as (
             insert into event_log.topics (name, retention_hours) values ($1, $2)
             on conflict (name) do update set retention_hours = excluded.retention_hours returning name
           )
           insert into event_log.partitions (topic, partition) select name, generate_series(0, $3::int - 1) from topic
           on conflict do nothing`,
          [name, retentionHours, partitions],
        );
      }
    },

    async partitionCounts(topics: readonly string[]): Promise<Map<string, number>> {
      const { rows } = await pool.query<{ topic: string; partitions: string }>(
        'select topic, count(*)::text as partitions from event_log.partitions where topic = any($1) group by topic',
        [topics],
      );
      return new Map(rows.map(({ topic, partitions }) => [topic, Number(partitions)]));
    },

    /** Appends in order per partition. Each statement is atomic; a call of more than 16 MiB takes several. */
    async append(topic: string, records: readonly PlacedRecord[]): Promise<void> {
      for (const batches of inStatements(toBatches(records))) {
        await pool.query('select event_log.append($1, $2, $3, $4, $5)', [
          topic,
          batches.map(({ partition }) => partition),
          batches.map(({ count }) => count),
          batches.map(({ bytes }) => bytes),
          Buffer.concat(batches.flatMap(({ parts }) => parts)),
        ]);
      }
    },

    /** What is stored from an offset on, without payloads, at most 500 batches. */
    async peek(topic: string, partition: number, from: bigint): Promise<StoredBatch[]> {
      const { rows } = await pool.query<{ base: string; count: string; bytes: string }>(
        `select base_offset::text as base, record_count::text as count, payload_bytes::text as bytes from event_log.batches
         where topic = $1 and partition = $2 and base_offset >= $3 order by base_offset limit $4`,
        [topic, partition, String(from), PEEK_ROWS],
      );
      return rows.map(({ base, count, bytes }) => ({ baseOffset: BigInt(base), count: Number(count), bytes: Number(bytes) }));
    },

    /** The messages of the stored batches whose base offset lies in the closed range. */
    async read(topic: string, partition: number, first: bigint, last: bigint): Promise<LogMessage[]> {
      const { rows } = await pool.query<{ base: string; payload: Buffer; millis: string }>(
        `select base_offset::text as base, payload, (extract(epoch from appended_at) * 1000)::bigint::text as millis from event_log.batches
         where topic = $1 and partition = $2 and base_offset between $3 and $4 order by base_offset`,
        [topic, partition, String(first), String(last)],
      );
      return rows.flatMap(({ base, payload, millis }) => {
        const timestamp = DateTime.fromMillis(Number(millis), { zone: 'utc' });
        return decodeBatch(payload).map((record, index) => ({ ...record, offset: BigInt(base) + BigInt(index), timestamp }));
      });
    },

    /** Messages from any offset on, which may lie within a stored batch. */
    async readFrom(topic: string, partition: number, from: bigint, bounds: Pick<ReadOptions, 'limit' | 'maxBytes'>): Promise<LogMessage[]> {
      const { limit, maxBytes = READ_MAX_BYTES } = bounds;
      const {
        rows: [containing],
      } = await pool.query<{ base: string | null }>(
        'select max(base_offset)::text as base from event_log.batches where topic = $1 and partition = $2 and base_offset <= $3',
        [topic, partition, String(from)],
      );
      const messages: LogMessage[] = [];
      const stored = await store.peek(topic, partition, BigInt(containing?.base ?? from));
      for (let next = 0; next < stored.length && messages.length < limit; ) {
        // As many batches at a time as the bounds are likely to take.
        const first = stored[next] as StoredBatch;
        let [records, bytes] = [0, 0];
        let last = first;
        for (; next < stored.length && records < limit && bytes < maxBytes; next += 1) {
          last = stored[next] as StoredBatch;
          records += last.count;
          bytes += last.bytes;
        }
        messages.push(...(await store.read(topic, partition, first.baseOffset, last.baseOffset)).filter(({ offset }) => offset >= from));
        if (messages.length > 0) break;
      }
      return bounded(messages, bounds);
    },

    /** Moves the group's offset. False when the partition is no longer the member's in that epoch: nothing was changed. */
    async commit(group: string, member: string, { topic, partition, epoch }: Claim, offset: bigint): Promise<boolean> {
      const { rowCount } = await pool.query(
        `update event_log.group_partitions set committed = $6
         where group_name = $1 and topic = $2 and partition = $3 and member_id = $4 and epoch = $5`,
        [group, topic, partition, member, String(epoch), String(offset)],
      );
      return rowCount === 1;
    },

    async lag(group: string, topic: string): Promise<PartitionLag[]> {
      const { rows } = await pool.query<{ partition: string; end: string; committed: string }>(
        // A group goes on at the oldest message where it has committed nothing yet, or something that is no longer kept.
        `select p.partition::text as partition, p.next_offset::text as "end", greatest(g.committed,
           coalesce((select min(b.base_offset) from event_log.batches b where b.topic = p.topic and b.partition = p.partition), p.next_offset)
         )::text as committed
         from event_log.partitions p
         left join event_log.group_partitions g on g.group_name = $1 and g.topic = p.topic and g.partition = p.partition
         where p.topic = $2 order by p.partition`,
        [group, topic],
      );
      return rows.map(({ partition, end, committed }) => ({
        partition: Number(partition),
        end: BigInt(end),
        committed: BigInt(committed),
      }));
    },

    async offsets(topic: string): Promise<PartitionOffsets[]> {
      const { rows } = await pool.query<{ partition: string; earliest: string; end: string }>(
        `select p.partition::text as partition, p.next_offset::text as "end",
           coalesce((select min(b.base_offset) from event_log.batches b where b.topic = p.topic and b.partition = p.partition), p.next_offset)::text as earliest
         from event_log.partitions p where p.topic = $1 order by p.partition`,
        [topic],
      );
      return rows.map(({ partition, earliest, end }) => ({ partition: Number(partition), earliest: BigInt(earliest), end: BigInt(end) }));
    },

    /** Deletes what is older than its topic keeps; the number of batches deleted. */
    async removeExpired(): Promise<number> {
      const { rowCount } = await pool.query(
        `delete from event_log.batches b using event_log.topics t
         where t.name = b.topic and b.appended_at < clock_timestamp() - make_interval(hours => t.retention_hours)`,
      );
      return rowCount ?? 0;
    },
  };
  return store;
}

export type Store = ReturnType<typeof createStore>;

interface EncodedBatch {
  readonly partition: number;
  readonly count: number;
  readonly parts: readonly Buffer[];
  readonly bytes: number;
}

function toBatches(records: readonly PlacedRecord[]): EncodedBatch[] {
  const byPartition = Map.groupBy(records, ({ partition }) => partition);
  return [...byPartition].flatMap(([partition, ofPartition]) =>
    inChunks(ofPartition, framedSize, BATCH_MAX_BYTES).map((chunk) => {
      const parts = batchParts(chunk);
      return { partition, count: chunk.length, parts, bytes: parts.reduce((sum, part) => sum + part.length, 0) };
    }),
  );
}

function inStatements(batches: readonly EncodedBatch[]): EncodedBatch[][] {
  return inChunks(batches, ({ bytes }) => bytes, STATEMENT_MAX_BYTES);
}
