import type { LogRecord } from './event-log.ts';

/** Replays records into the log. When it rejects, they stay in the overflow and come again later. */
export type OverflowHandler = (topic: string, records: readonly LogRecord[]) => Promise<void>;

/**
 * Where accepted records wait while the event log does not take them. Delivery out of it is at least once and keeps no
 * order across calls of `put`: consumers identify an event by its id.
 */
export interface Overflow {
  /** Resolves when the records are kept durably; rejects when none or only some may be. */
  put(topic: string, records: readonly LogRecord[]): Promise<void>;
  /**
   * Hands over what waits until nothing is left or `signal` aborts; the number of records replayed. The first error of
   * the handler ends it and is passed on: a log that is still down need not be asked for every entry. What failed may stay hidden for some
   * minutes, and being handed over costs an entry one of its tries: ask the log first whether it is there.
   */
  take(handler: OverflowHandler, signal: AbortSignal): Promise<number>;
  /** Whether nothing waits of what was put in `settleSeconds` ago or before. Rejects when that cannot be known. */
  isEmpty(): Promise<boolean>;
  readonly settleSeconds: number;
  close(): Promise<void>;
}
