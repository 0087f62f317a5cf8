import type pg from 'pg';
import { inChunks } from '../chunks.ts';
import { framedSize } from '../framing.ts';
import { type EventLogLogger, silentLogger } from '../log.ts';
import type { Overflow, OverflowHandler } from '../overflow.ts';
import { decodeRecords, encodeRecords } from '../overflow-codec.ts';
import { inTransaction } from './transaction.ts';

const ROW_MAX_BYTES = 1024 * 1024;

/** The overflow in the table `event_log.ingest_overflow`: oldest first; any number of processes may take from it at once. */
export function createPostgresOverflow(pool: pg.Pool, logger: EventLogLogger = silentLogger): Overflow {
  // Without a listener the loss of an idle connection would end the process; the pool opens a new one by itself.
  pool.on('error', () => {});

  /** One entry under its row lock: it is deleted in the same commit that ends its replay. Null when nothing waits. */
  function takeOne(handler: OverflowHandler): Promise<number | null> {
    return inTransaction(pool, async (client) => {
      const {
        rows: [entry],
      } = await client.query<{ id: string; topic: string; payload: Buffer }>(
        'select id::text as id, topic, payload from event_log.ingest_overflow where unreadable_since is null order by ingest_overflow.id limit 1 for update skip locked',
      );
      if (!entry) return null;
      const records = readable(entry.payload);
      if (records === undefined) {
        logger.error('event log: an overflow entry cannot be read, it is set aside', { id: entry.id });
        await client.query('update event_log.ingest_overflow set unreadable_since = clock_timestamp() where id = $1', [entry.id]);
        return 0;
      }
      await handler(entry.topic, records);
      await client.query('delete from event_log.ingest_overflow where id = $1', [entry.id]);
      return records.length;
    });
  }

  return {
    put: (topic, records) =>
      inTransaction(pool, async (client) => {
        for (const chunk of inChunks(records, framedSize, ROW_MAX_BYTES)) {
          await client.query('insert into event_log.ingest_overflow (topic, record_count, payload) values ($1, $2, $3)', [
            topic,
            chunk.length,
            encodeRecords(chunk),
          ]);
        }
      }),

    async take(handler, signal) {
      let total = 0;
      while (!signal.aborted) {
        const taken = await takeOne(handler);
        if (taken === null) break;
        total += taken;
      }
      return total;
    },

    async isEmpty() {
      const { rows } = await pool.query<{ used: boolean }>(
        'select exists (select from event_log.ingest_overflow where unreadable_since is null) as used',
      );
      return rows[0]?.used === false;
    },

    settleSeconds: 0,

    close: () => pool.end(),
  };
}

function readable(payload: Buffer) {
  try {
    return decodeRecords(payload);
  } catch {
    return undefined;
  }
}
