import type pg from 'pg';
import { ulid } from 'ulidx';
import type { SubscribeOptions, Subscription } from '../event-log.ts';
import type { EventLogLogger } from '../log.ts';
import { createGroup, type Group } from './group.ts';
import { PartitionReader, type ReaderOptions } from './partition-reader.ts';
import type { Claim, Store } from './store.ts';
import type { Wakeups } from './wakeups.ts';

export interface SubscriptionDependencies {
  readonly pool: pg.Pool;
  readonly store: Store;
  readonly wakeups: Wakeups;
  readonly logger: EventLogLogger;
  readonly leaseMs: number;
  readonly pollMs: number;
  readonly stopGraceMs: number;
}

const DEFAULT_MAX_BYTES = 8 * 1024 * 1024;
const DEFAULT_MAX_WAIT_MS = 250;
const CLEANUP_MS = 10 * 60_000;

/** One member of a consumer group: holds its share of the partitions and runs a reader for each. */
export class PostgresSubscription implements Subscription {
  readonly #readers = new Map<string, PartitionReader>();
  readonly #group: Group;
  readonly #options: SubscribeOptions;
  readonly #deps: SubscriptionDependencies;
  readonly #reader: ReaderOptions;
  #beating: Promise<void> | undefined;
  #beatAgain = false;
  #timer: NodeJS.Timeout | undefined;
  #cleanedAt = performance.now();
  #stopping: Promise<void> | undefined;
  /** From here on no beat may make it a member again. */
  #closed = false;
  #lastBeat = performance.now();
  #removeListener: () => Promise<void> = async () => {};

  constructor(options: SubscribeOptions, deps: SubscriptionDependencies) {
    const member = ulid();
    this.#options = options;
    this.#deps = deps;
    this.#group = createGroup(deps.pool, options.group, member, options.topics, deps.leaseMs);
    this.#reader = {
      group: options.group,
      member,
      handler: (batch, signal) => options.handler(batch, signal),
      minBytes: options.minBytes ?? 1,
      maxBytes: options.maxBytes ?? DEFAULT_MAX_BYTES,
      maxWaitMs: options.maxWaitMs ?? DEFAULT_MAX_WAIT_MS,
      pollMs: deps.pollMs,
      store: deps.store,
      logger: deps.logger,
    };
  }

  /** Joins the group. Rejects when the first beat fails; later ones are retried. */
  async start(): Promise<this> {
    const { group } = this.#options;
    this.#removeListener = await this.#deps.wakeups.add({
      onAppend: (topic, partitions) => {
        for (const reader of this.#readers.values())
          if (reader.claim.topic === topic && partitions.includes(reader.claim.partition)) reader.wake();
      },
      onGroupChange: (changed) => {
        if (changed === group) this.#requestBeat();
      },
    });
    try {
      await this.#beat();
    } catch (error) {
      await this.#removeListener();
      throw error;
    }
    this.#schedule();
    return this;
  }

  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop());
  }

  async #stop(): Promise<void> {
    clearTimeout(this.#timer);
    for (const reader of this.#readers.values()) reader.end();
    const grace = setTimeout(() => this.#abortAll('the subscription has stopped'), this.#deps.stopGraceMs);
    // The lease is still prolonged meanwhile: the batch in hand may take longer than it lasts.
    const keepAlive = setInterval(() => this.#requestBeat(), this.#deps.leaseMs / 4);
    await Promise.all([...this.#readers.values()].map(({ done }) => done));
    clearTimeout(grace);
    clearInterval(keepAlive);
    await this.#removeListener();
    this.#closed = true;
    await this.#beating;
    // If the database does not answer, the lease runs out by itself.
    await this.#group
      .leave()
      .catch((error: Error) =>
        this.#deps.logger.warn('event log: could not leave the group', { group: this.#options.group, error: error.message }),
      );
  }

  #schedule(): void {
    if (this.#stopping) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#requestBeat(), this.#deps.leaseMs / 4);
  }

  /** Beats now, or once more after the beat that is under way. */
  #requestBeat(): void {
    if (this.#closed) return;
    if (this.#beating) {
      this.#beatAgain = true;
      return;
    }
    this.#beating = this.#beat()
      .catch((error: Error) => this.#beatFailed(error))
      .finally(() => {
        this.#beating = undefined;
        this.#schedule();
        if (this.#beatAgain) {
          this.#beatAgain = false;
          this.#requestBeat();
        }
      });
  }

  #beatFailed(error: Error): void {
    this.#deps.logger.warn('event log: heartbeat failed', { group: this.#options.group, error: error.message });
    // Others may have taken the partitions by now; the commit would tell, but working on would only double their work.
    if (performance.now() - this.#lastBeat > this.#deps.leaseMs) this.#abortAll('the lease has run out');
  }

  async #beat(): Promise<void> {
    const { held, release } = await this.#group.beat();
    this.#lastBeat = performance.now();
    const current = new Set(held.map(keyOf));
    for (const [key, reader] of this.#readers) if (!current.has(key)) reader.abort('the partition has gone to another member');
    if (this.#stopping) return;
    for (const claim of held) if (!this.#readers.has(keyOf(claim))) this.#read(claim);
    for (const claim of release) this.#readers.get(keyOf(claim))?.end();
    await this.#cleanUpSometimes();
  }

  #read(claim: Claim): void {
    const reader = new PartitionReader(claim, this.#reader);
    this.#readers.set(keyOf(claim), reader);
    void reader.done.then(async () => {
      if (this.#stopping) return;
      // Given back before it is forgotten: else a beat in between would find it held and read it anew.
      await this.#group
        .release(claim)
        .catch((error: Error) =>
          this.#deps.logger.warn('event log: could not give a partition back', { ...keyFields(claim), error: error.message }),
        );
      this.#readers.delete(keyOf(claim));
      this.#requestBeat();
    });
  }

  #abortAll(reason: string): void {
    for (const reader of this.#readers.values()) reader.abort(reason);
  }

  async #cleanUpSometimes(): Promise<void> {
    if (performance.now() - this.#cleanedAt < CLEANUP_MS) return;
    this.#cleanedAt = performance.now();
    const removed = await this.#deps.store.removeExpired();
    if (removed > 0) this.#deps.logger.info('event log: removed expired batches', { removed });
  }
}

/** The epoch is part of it: a partition that was lost and claimed anew gets a new reader. */
function keyOf({ topic, partition, epoch }: Claim): string {
  return `${topic}/${partition}/${epoch}`;
}

function keyFields({ topic, partition }: Claim): { topic: string; partition: number } {
  return { topic, partition };
}
