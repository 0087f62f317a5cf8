import type { Consumer, EachBatchPayload, Kafka } from 'kafkajs';
import { backoffMs } from '../backoff.ts';
import type { SubscribeOptions, Subscription } from '../event-log.ts';
import type { EventLogLogger } from '../log.ts';
import { toLogMessage } from './message.ts';

export interface KafkaSubscriptionDependencies {
  readonly kafka: Kafka;
  readonly logger: EventLogLogger;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly stopGraceMs: number;
}

const DEFAULT_MAX_BYTES = 8 * 1024 * 1024;
const DEFAULT_MAX_WAIT_MS = 250;
const FETCH_MAX_BYTES = 32 * 1024 * 1024;
const CONCURRENT_PARTITIONS = 8;

/** A batch that its handler refused: the same messages are handed over again, not more, so that tokens made of offsets match. */
interface Refused {
  readonly first: string;
  readonly last: bigint;
  readonly failures: number;
}

/** One member of a Kafka consumer group. */
export class KafkaSubscription implements Subscription {
  readonly #options: SubscribeOptions;
  readonly #deps: KafkaSubscriptionDependencies;
  readonly #refused = new Map<string, Refused>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #aborts = new Set<AbortController>();
  #consumer: Consumer | undefined;
  #crashes = 0;
  #restarting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: SubscribeOptions, deps: KafkaSubscriptionDependencies) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Connects and joins the group. Rejects when no broker answers; later failures are retried without end. */
  async start(): Promise<this> {
    const { group, topics, minBytes = 1, maxBytes = DEFAULT_MAX_BYTES, maxWaitMs = DEFAULT_MAX_WAIT_MS } = this.#options;
    const { kafka, sessionTimeoutMs, rebalanceTimeoutMs } = this.#deps;
    const consumer = kafka.consumer({
      groupId: group,
      sessionTimeout: sessionTimeoutMs,
      heartbeatInterval: Math.floor(sessionTimeoutMs / 10),
      rebalanceTimeout: rebalanceTimeoutMs,
      minBytes,
      maxWaitTimeInMs: maxWaitMs,
      maxBytesPerPartition: maxBytes,
      maxBytes: Math.max(maxBytes, FETCH_MAX_BYTES),
      allowAutoTopicCreation: false,
      retry: { restartOnFailure: async () => this.#stopping === undefined },
    });
    this.#consumer = consumer;
    // kafkajs gives up on errors that it deems final (no broker left, for one). A consumer must not end in silence.
    consumer.on(consumer.events.CRASH, ({ payload: { restart, error } }) => {
      if (!restart) this.#restartLater(error);
    });
    consumer.on(consumer.events.GROUP_JOIN, () => {
      this.#crashes = 0;
    });
    try {
      await consumer.connect();
      await consumer.subscribe({ topics: [...topics], fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: CONCURRENT_PARTITIONS,
        eachBatch: (payload) => this.#eachBatch(payload),
      });
    } catch (error) {
      await consumer.disconnect().catch(() => {});
      throw error;
    }
    return this;
  }

  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop());
  }

  async #stop(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    const grace = setTimeout(() => {
      for (const abort of this.#aborts) abort.abort(new Error('the subscription has stopped'));
    }, this.#deps.stopGraceMs);
    await this.#restarting?.catch(() => {});
    // Stops fetching, lets running batches finish and commit, leaves the group, closes the connections.
    await this.#consumer
      ?.disconnect()
      .catch((error: Error) =>
        this.#deps.logger.warn('event log: consumer did not stop cleanly', { group: this.#options.group, error: error.message }),
      );
    clearTimeout(grace);
  }

  #restartLater(error: Error): void {
    if (this.#stopping) return;
    const delayMs = backoffMs(this.#crashes++);
    this.#deps.logger.warn('event log: consumer crashed, starting a new one', {
      group: this.#options.group,
      delayMs,
      error: error.message,
    });
    this.#later(delayMs, () => {
      this.#restarting = this.start().then(
        () => {},
        (again: Error) => this.#restartLater(again),
      );
    });
  }

  #later(delayMs: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (!this.#stopping) work();
    }, delayMs);
    this.#timers.add(timer);
  }

  async #eachBatch(payload: EachBatchPayload): Promise<void> {
    const { topic, partition, messages } = payload.batch;
    const key = `${topic}/${partition}`;
    const first = messages[0];
    if (!first || !payload.isRunning() || payload.isStale()) return;
    const before = this.#refused.get(key);
    const refused = before?.first === first.offset ? before : undefined;
    const taken = refused ? messages.filter(({ offset }) => BigInt(offset) <= refused.last) : messages;
    const last = taken.at(-1) ?? first;

    const session = this.#keepSession(payload);
    try {
      await this.#options.handler({ topic, partition, messages: taken.map(toLogMessage), heartbeat: session.heartbeat }, session.signal);
    } catch (error) {
      if (session.lost) throw session.lost;
      const failures = (refused?.failures ?? 0) + 1;
      this.#refused.set(key, { first: first.offset, last: BigInt(last.offset), failures });
      this.#pause(payload, failures, error as Error);
      return;
    } finally {
      session.end();
    }
    this.#refused.delete(key);
    // Commits that fall into a rebalance are still good as long as the members are being gathered; a refused one means
    // that the partition has gone, and the error makes kafkajs join anew.
    await payload.commitOffsetsIfNecessary({ topics: [{ topic, partitions: [{ partition, offset: String(BigInt(last.offset) + 1n) }] }] });
    payload.resolveOffset(last.offset);
    if (session.lost) throw session.lost;
  }

  /** The partition is left alone for a while and then read from the same offset; the others go on meanwhile. */
  #pause({ batch: { topic, partition }, pause }: EachBatchPayload, failures: number, error: Error): void {
    const delayMs = backoffMs(failures - 1);
    this.#deps.logger.warn('event log: handling failed, trying again', {
      group: this.#options.group,
      topic,
      partition,
      failures,
      delayMs,
      error: error.message,
    });
    // Ends this pause alone: after a crash of the consumer nothing is paused, and until it runs again it cannot be told anything.
    this.#later(delayMs, pause());
  }

  /**
   * Heartbeats while a handler runs: kafkajs sends them only between batches. When the group rebalances, the handler may
   * still finish (kafkajs joins anew only after all running batches); its signal aborts when time for that runs out.
   */
  #keepSession({ heartbeat }: EachBatchPayload) {
    const abort = new AbortController();
    this.#aborts.add(abort);
    let lost: Error | undefined;
    let giveUp: NodeJS.Timeout | undefined;
    const beat = async () => {
      try {
        await heartbeat();
      } catch (error) {
        if (lost === undefined) giveUp = setTimeout(() => abort.abort(error), this.#deps.rebalanceTimeoutMs / 2);
        lost ??= error instanceof Error ? error : new Error(String(error));
      }
    };
    const timer = setInterval(() => void beat(), this.#deps.sessionTimeoutMs / 10);
    return {
      signal: abort.signal,
      heartbeat: async () => {
        await beat();
        abort.signal.throwIfAborted();
      },
      get lost() {
        return lost;
      },
      end: () => {
        clearInterval(timer);
        clearTimeout(giveUp);
        this.#aborts.delete(abort);
      },
    };
  }
}
