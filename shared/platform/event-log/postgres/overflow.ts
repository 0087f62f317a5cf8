import type pg from 'pg';
import { inChunks } from '../chunks.ts';
import { framedSize } from '../framing.ts';
import type { Overflow, OverflowHandler } from '../overflow.ts';
import { decodeRecords, encodeRecords } from '../overflow-codec.ts';

const ROW_MAX_BYTES = 1024 * 1024;

/** The overflow in the table `event_log.ingest_overflow`: oldest first; any number of processes may take from it at once. */
export function createPostgresOverflow(pool: pg.Pool): Overflow {
  // Without a listener the loss of an idle connection would end the process; the pool opens a new one by itself.
  pool.on('error', () => {});

  /** One entry under its row lock: it is deleted in the same commit that ends its replay. Zero when nothing waits. */
  async function takeOne(handler: OverflowHandler): Promise<number> {
    const client = await pool.connect();
    let broken = true;
    try {
      await client.query('begin');
      const { rows: [entry] } = await client.query<{ id: string; topic: string; payload: Buffer }>(
        'select id::text as id, topic, payload from event_log.ingest_overflow order by ingest_overflow.id limit 1 for update skip locked');
      const records = entry ? decodeRecords(entry.payload) : [];
      if (entry) {
        await handler(entry.topic, records);
        await client.query('delete from event_log.ingest_overflow where id = $1', [entry.id]);
      }
      await client.query('commit');
      broken = false;
      return records.length;
    } finally {
      // A failed one is closed, which rolls back: the entry is there for the next attempt.
      client.release(broken);
    }
  }

  return {
    async put(topic, records) {
      const client = await pool.connect();
      let broken = true;
      try {
        await client.query('begin');
        for (const chunk of inChunks(records, framedSize, ROW_MAX_BYTES)) {
          await client.query('insert into event_log.ingest_overflow (topic, record_count, payload) values ($1, $2, $3)', [topic, chunk.length, encodeRecords(chunk)]);
        }
        await client.query('commit');
        broken = false;
      } finally {
        client.release(broken);
      }
    },

    async take(handler, signal) {
      let total = 0;
      while (!signal.aborted) {
        const taken = await takeOne(handler);
        if (taken === 0) break;
        total += taken;
      }
      return total;
    },

    close: () => pool.end(),
  };
}
