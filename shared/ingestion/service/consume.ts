import type { Clock } from '#kernel/clock.ts';
import type { ClickHouse } from '#platform/clickhouse/client.ts';
import { deadLetterOf } from '#platform/event-log/dead-letter.ts';
import type { EventLog, LogBatch } from '#platform/event-log/event-log.ts';
import { dlqOf, TOPICS, type TopicName } from '#platform/event-log/topics.ts';
import { type Metrics, silentMetrics } from '#platform/observability/metrics.ts';
import { decide, type Decision } from '../domain/decide.ts';
import type { LoggedEvent } from '../domain/event.ts';
import { accountPacks, type PackAccount } from '../domain/ledger.ts';
import { createEventStore } from '../repository/event-store.ts';
import { identityKey } from '../domain/identity.ts';
import { createEventLedger } from '../repository/ledger.ts';
import { createEventRegistry } from '../repository/registry.ts';
import { unpackBatch } from '../repository/unpack.ts';
import { stageSummaries } from './post-processing.ts';

/** Fills in internal customer ids where they are known. */
export type Enrich = (events: readonly LoggedEvent[]) => Promise<LoggedEvent[]>;

export interface ConsumeDependencies {
  readonly clickhouse: ClickHouse;
  readonly eventLog: Pick<EventLog, 'append'>;
  readonly enrich: Enrich;
  readonly clock: Clock;
  readonly metrics?: Metrics;
}

/** What became of a batch: every event of it is in exactly one of the three. */
export interface ConsumedBatch {
  readonly stored: number;
  readonly duplicates: number;
  readonly rejected: number;
}

/**
 * Takes batches from the log to the aggregate, each event exactly once.
 *
 * The order of the writes is what makes it so. The id is claimed in the registry before the event is written, and the offsets
 * are committed by the log after both. A crash in between leaves a claim under the very position that is read again, so the
 * event is written then, or written again over itself; and a copy in another partition meanwhile sees the claim and loses.
 * (Written the other way round, a crash would leave a counted event without an owner, and such a copy would count a second time.)
 *
 * Decisions of one process come one after the other, so two of its partitions never claim one id at the same time. What remains:
 * two processes that, within the milliseconds between look-up and claim, meet the same id under two different customers
 * (one customer's events are in one partition, which has one owner). Then both copies count, each for its customer;
 * the registry keeps both claims, so that they can be found.
 */
export function createEventConsumer({ clickhouse, eventLog, enrich, clock, metrics = silentMetrics }: ConsumeDependencies) {
  const registry = createEventRegistry(clickhouse);
  const store = createEventStore(clickhouse);
  const ledger = createEventLedger(clickhouse);
  const oneByOne = serialised();

  const claim = (events: readonly LoggedEvent[], token: string): Promise<Decision> =>
    oneByOne(async () => {
      const decision = decide(events, await registry.owners(events), identityKey);
      await registry.claim(decision.fresh, token);
      return decision;
    });

  const tell = (
    stored: readonly LoggedEvent[],
    copies: number,
    poison: number,
    accounts: readonly PackAccount[],
    milliseconds: number,
  ): void => {
    if (!metrics.enabled) return;
    metrics.record('BatchInsertMs', milliseconds);
    metrics.record('RowsInserted', stored.length);
    metrics.record('DuplicateEvents', copies);
    metrics.record(
      'EventsUnaccounted',
      accounts.reduce(
        (sum, { accepted, ...account }) => sum + Math.abs(accepted - account.stored - account.duplicates - account.rejected),
        0,
      ),
    );
    if (poison > 0) metrics.record('PoisonMessages', poison);
    const oldest = stored.reduce((least, { ingestedAt }) => Math.min(least, ingestedAt), Number.POSITIVE_INFINITY);
    if (stored.length > 0) metrics.record('EventAgeSeconds', Math.max(0, clock.now().toMillis() - oldest) / 1000);
  };

  return {
    /**
     * Stores a batch of `events` or `events_lazy`; resolves when its offsets may be committed. Throws `service_unavailable` when an engine is away:
     * the batch comes again. What can never be stored goes to the dead letters and holds nothing up (metering.md D6, D7).
     */
    async consume(batch: LogBatch): Promise<ConsumedBatch> {
      const { events, poison, dropped, packs } = unpackBatch(batch);
      const token = `${batch.topic}:${batch.partition}:${batch.messages[0]?.offset}-${batch.messages.at(-1)?.offset}`;
      const started = performance.now();
      const { counting, duplicates } = await claim(events, token);
      const accounts = accountPacks(
        packs,
        counting,
        duplicates,
        [...poison, ...dropped].map(({ message: { offset }, line }) => ({ offset, line })),
      );
      await Promise.all([
        enrich(counting).then((enriched) => store.insert(enriched, token)),
        registry.recordDuplicates(duplicates, token),
        ledger.record(accounts, [...poison, ...dropped], batch, token),
      ]);
      tell(counting, duplicates.length, poison.length, accounts, performance.now() - started);
      await batch.heartbeat();
      if (poison.length > 0)
        await eventLog.append(
          dlqOf(batch.topic as TopicName),
          poison.map((item) => deadLetterOf(batch, item, clock)),
        );
      const summaries = stageSummaries(batch, counting);
      if (summaries.length > 0) await eventLog.append(TOPICS.eventsPostProcessing, summaries);
      return { stored: counting.length, duplicates: duplicates.length, rejected: poison.length + dropped.length };
    },
  };
}

/** Runs tasks one after the other, whatever becomes of the ones before. */
function serialised(): <T>(task: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const run = last.then(task, task);
    last = run.catch(() => undefined);
    return run;
  };
}
