import type pg from 'pg';
import type { EventLogLogger } from '../log.ts';
import { GROUP_CHANNEL } from './group.ts';

export interface Wakeups {
  /** Tells the readers of these partitions, here and in other processes, that there is something new. Never fails. */
  appended(topic: string, partitions: Iterable<number>): void;
  /** Calls `listener` whenever something was appended (topic and partitions) or a member of a group came or went. */
  add(listener: WakeupListener): Promise<() => Promise<void>>;
}
export interface WakeupListener {
  onAppend(topic: string, partitions: readonly number[]): void;
  onGroupChange(group: string): void;
}

/** The payload is a topic, a space, and the numbers of its partitions with commas between them. */
const APPEND_CHANNEL = 'event_log';
const RECONNECT_MS = 1000;

/**
 * LISTEN on one connection for all subscriptions of a process. Notifications only make things quick: readers poll as
 * well, so that a lost connection costs latency and never a message.
 */
export function createWakeups(pool: pg.Pool, logger: EventLogLogger): Wakeups {
  const listeners = new Set<WakeupListener>();
  let client: pg.PoolClient | undefined;
  let connecting: Promise<void> | undefined;
  let retry: NodeJS.Timeout | undefined;

  const connect = () =>
    (connecting ??= open().finally(() => {
      connecting = undefined;
    }));

  async function open(): Promise<void> {
    if (client) return;
    try {
      const opened = await pool.connect();
      const drop = (error?: Error) => {
        if (client !== opened) return;
        client = undefined;
        opened.release(error ?? true);
        if (listeners.size > 0) reconnectLater(error);
      };
      opened.on('error', drop);
      opened.on('end', () => drop());
      opened.on('notification', ({ channel, payload = '' }) => {
        if (channel === GROUP_CHANNEL) {
          for (const listener of listeners) listener.onGroupChange(payload);
        } else {
          const [topic = '', partitions = ''] = payload.split(' ');
          for (const listener of listeners) listener.onAppend(topic, partitions.split(',').map(Number));
        }
      });
      client = opened;
      await opened.query(`listen ${APPEND_CHANNEL}; listen ${GROUP_CHANNEL}`);
    } catch (error) {
      if (client) {
        client.release(true);
        client = undefined;
      }
      reconnectLater(error as Error);
    }
  }

  function reconnectLater(error: Error | undefined): void {
    logger.warn('event log: no notifications, polling only', { error: error?.message });
    clearTimeout(retry);
    retry = setTimeout(() => {
      if (listeners.size > 0) void connect();
    }, RECONNECT_MS);
  }

  let news = new Map<string, Set<number>>();
  let telling = false;

  /**
   * Apart from the transaction that appends: a transaction that notifies holds a lock on the whole database until its
   * commit is on disk, so appends would commit one at a time. One statement tells all that has come in meanwhile.
   */
  async function tell(): Promise<void> {
    telling = true;
    while (news.size > 0) {
      const payloads = [...news].map(([topic, partitions]) => `${topic} ${[...partitions].join(',')}`);
      news = new Map();
      try {
        await pool.query(`select pg_notify('${APPEND_CHANNEL}', payload) from unnest($1::text[]) as payload`, [payloads]);
      } catch (error) {
        logger.warn('event log: could not notify readers, they will poll', { error: (error as Error).message });
      }
    }
    telling = false;
  }

  return {
    appended(topic, partitions) {
      const known = news.get(topic) ?? new Set();
      news.set(topic, known);
      for (const partition of partitions) known.add(partition);
      if (!telling) void tell();
    },

    async add(listener) {
      listeners.add(listener);
      await connect();
      return async () => {
        listeners.delete(listener);
        if (listeners.size > 0) return;
        clearTimeout(retry);
        await connecting;
        // Destroyed, not returned: a pooled connection must not go on listening.
        const idle = client;
        client = undefined;
        idle?.release(true);
      };
    },
  };
}
