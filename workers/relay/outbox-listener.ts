import pg from 'pg';
import type { Config } from '#platform/config/schema.ts';
import type { EventLogLogger } from '#platform/event-log/log.ts';
import { connectionOptions } from '#platform/postgres/connection.ts';
import { realSleep } from '#platform/workflows/poll-loop.ts';

const RECONNECT_MS = 2_000;

/**
 * Calls `onInsert` whenever a transaction that wrote to the outbox commits (the table's trigger notifies).
 * Only makes things quick: the relay polls as well, so a lost connection costs latency and no row.
 * It holds one connection of its own, past the pool.
 */
export function listenToOutbox(config: Config['postgres'], onInsert: () => void, logger: EventLogLogger): { stop(): Promise<void> } {
  const stopping = new AbortController();
  let client: pg.Client | undefined;

  async function listen(): Promise<void> {
    while (!stopping.signal.aborted) {
      const connected = new pg.Client({
        ...(await connectionOptions(config)),
        application_name: 'flexprice outbox listener',
        keepAlive: true,
      });
      const lost = Promise.withResolvers<void>();
      connected.on('error', () => lost.resolve());
      connected.on('end', () => lost.resolve());
      connected.on('notification', onInsert);
      client = connected;
      try {
        await connected.connect();
        await connected.query('listen outbox');
        // Rows may have come while nobody listened.
        onInsert();
        if (!stopping.signal.aborted) await lost.promise;
      } catch (error) {
        logger.warn('no notifications of the outbox, polling only', { reason: error instanceof Error ? error.message : String(error) });
      }
      await connected.end().catch(() => undefined);
      await realSleep(RECONNECT_MS, stopping.signal);
    }
  }
  const listening = listen();

  return {
    async stop() {
      stopping.abort();
      await client?.end().catch(() => undefined);
      await listening;
    },
  };
}
