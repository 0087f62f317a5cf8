import type { LogBatch, LogMessage, SubscribeOptions } from '../event-log.ts';
import type { EventLogLogger } from '../log.ts';
import { backoffMs } from '../backoff.ts';
import type { Claim, Store } from './store.ts';

export interface ReaderOptions extends Required<Pick<SubscribeOptions, 'group' | 'minBytes' | 'maxBytes' | 'maxWaitMs' | 'handler'>> {
  readonly member: string;
  readonly pollMs: number;
  readonly store: Store;
  readonly logger: EventLogLogger;
}

/** How often a reader that has something, but not enough, looks for more. */
const GATHER_POLL_MS = 100;

/** Reads one partition for as long as the member holds it: wait, fetch, handle, commit, in that order and one at a time. */
export class PartitionReader {
  readonly claim: Claim;
  /** Settles when the reader has ended; never rejects. */
  readonly done: Promise<void>;
  readonly #options: ReaderOptions;
  readonly #abort = new AbortController();
  #ending = false;
  #woken = false;
  #wake: () => void = () => {};

  constructor(claim: Claim, options: ReaderOptions) {
    this.claim = claim;
    this.#options = options;
    this.done = this.#run();
  }

  /** Looks for messages now instead of at the next poll. */
  wake(): void {
    this.#woken = true;
    this.#wake();
  }

  /** Ends after the batch in hand. */
  end(): void {
    this.#ending = true;
    this.wake();
  }

  /** Ends at once, as far as the handler heeds its signal: the partition is lost, or time to stop is up. */
  abort(reason: string): void {
    this.#abort.abort(new Error(reason));
    this.end();
  }

  async #run(): Promise<void> {
    let position = this.claim.committed;
    while (!this.#ending) {
      const messages = await this.#retrying('reading', () => this.#next(position));
      const last = messages?.at(-1);
      if (!messages || !last) continue;
      if (!(await this.#handle(messages))) continue;
      position = last.offset + 1n;
      await this.#commit(position);
    }
  }

  /** The next batch once it is large or old enough; undefined when there is none yet or the reader ends. */
  async #next(position: bigint): Promise<LogMessage[] | undefined> {
    const { store, minBytes, maxBytes, maxWaitMs, pollMs } = this.#options;
    const { topic, partition } = this.claim;
    let deadline: number | undefined;
    while (!this.#ending) {
      this.#woken = false;
      const stored = await store.peek(topic, partition, position);
      const first = stored[0];
      if (first) {
        deadline ??= performance.now() + maxWaitMs;
        let bytes = 0;
        const taken = stored.filter((batch) => (bytes += batch.bytes) <= maxBytes || batch === first);
        if (bytes >= minBytes || performance.now() >= deadline) {
          return await store.read(topic, partition, first.baseOffset, (taken.at(-1) ?? first).baseOffset);
        }
      }
      // Nothing there: a notification tells. Too little there: looking again at every append would cost more than it gains.
      if (deadline === undefined) await this.#sleep(pollMs);
      else await this.#pause(Math.min(GATHER_POLL_MS, deadline - performance.now()), () => this.#ending);
    }
    return undefined;
  }

  /** Hands the same batch to the handler until it succeeds. False when the reader ended before it did. */
  async #handle(messages: readonly LogMessage[]): Promise<boolean> {
    const { topic, partition } = this.claim;
    const { signal } = this.#abort;
    const batch: LogBatch = { topic, partition, messages, heartbeat: async () => signal.throwIfAborted() };
    const handled = await this.#retrying('handling', async () => {
      await this.#options.handler(batch, signal);
      return true;
    });
    return handled === true;
  }

  async #commit(offset: bigint): Promise<void> {
    const { store, group, member } = this.#options;
    // Also after end(): what was handled is committed, unless the partition is no longer ours.
    const kept = await this.#retrying(
      'committing',
      () => store.commit(group, member, this.claim, offset),
      () => this.#abort.signal.aborted,
    );
    if (kept === false) this.abort('the partition has gone to another member');
  }

  /** Infrastructure errors are retried without end: a message is never given up for them. */
  async #retrying<T>(what: string, attempt: () => Promise<T>, isOver: () => boolean = () => this.#ending): Promise<T | undefined> {
    for (let failures = 0; ; failures += 1) {
      try {
        return await attempt();
      } catch (error) {
        if (isOver()) return undefined;
        const { topic, partition } = this.claim;
        const delayMs = backoffMs(failures);
        this.#options.logger.warn(`event log: ${what} failed, trying again`, {
          group: this.#options.group,
          topic,
          partition,
          failures: failures + 1,
          delayMs,
          error: (error as Error).message,
        });
        await this.#pause(delayMs, isOver);
        if (isOver()) return undefined;
      }
    }
  }

  /** Waits out the time whatever is appended meanwhile; only the end cuts it short. */
  async #pause(ms: number, isOver: () => boolean): Promise<void> {
    const until = performance.now() + ms;
    for (let left = ms; left > 0 && !isOver(); left = until - performance.now()) {
      this.#woken = false;
      await this.#sleep(left);
    }
  }

  /** Waits until woken, at most so long. */
  async #sleep(ms: number): Promise<void> {
    if (this.#woken || ms <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = () => {};
  }
}
