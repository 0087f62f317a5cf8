import type pg from 'pg';
import type { EventLogLogger } from '../log.ts';
import { GROUP_CHANNEL } from './group.ts';

export interface Wakeups {
  /** Calls `listener` whenever something was appended (topic and partitions) or a member of a group came or went. */
  add(listener: WakeupListener): Promise<() => Promise<void>>;
}
export interface WakeupListener { onAppend(topic: string, partitions: readonly number[]): void; onGroupChange(group: string): void }

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

  const connect = () => (connecting ??= open().finally(() => { connecting = undefined; }));

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
      await opened.query(`listen event_log; listen ${GROUP_CHANNEL}`);
    } catch (error) {
      if (client) { client.release(true); client = undefined; }
      reconnectLater(error as Error);
    }
  }

  function reconnectLater(error: Error | undefined): void {
    logger.warn('event log: no notifications, polling only', { error: error?.message });
    clearTimeout(retry);
    retry = setTimeout(() => { if (listeners.size > 0) void connect(); }, RECONNECT_MS);
  }

  return {
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
