import { deleteExpiredKeys } from '#platform/http/idempotency-retention.ts';
import { type PollLoop, startPollLoop } from '#platform/workflows/poll-loop.ts';
import { messageOf, type RelayDependencies } from './dependencies.ts';
import { outboxRows } from './outbox-rows.ts';
import { publishEvents } from './publish-events.ts';
import { startJobs } from './start-jobs.ts';

/** Published rows are kept so long for whoever asks what happened. */
const RETENTION = { days: 7 };
/** Answers to an Idempotency-Key: 24 h at least are promised (wire-rules.md section 7). */
const KEY_RETENTION = { days: 2 };
const DELETED_PER_ROUND = 5_000;
const DELETE_INTERVAL_MS = 600_000;
const MEASURE_INTERVAL_MS = 30_000;

export interface RelayOptions {
  /** Rows per round and kind. Default 500. */
  readonly batchSize?: number;
  /** How soon rows are noticed without a wake-up. Default 1 s. */
  readonly pollMs?: number;
}

export interface Relay {
  /** There may be new rows. */
  wake(): void;
  /** Finishes the rounds in hand. */
  stop(): Promise<void>;
}

/**
 * Takes committed outbox rows to where they belong, system events to their topic and job starts to the job driver, in two
 * independent loops: an outage of the one engine does not hold up the other.
 */
export function startRelay(dependencies: RelayDependencies, { batchSize = 500, pollMs = 1_000 }: RelayOptions = {}): Relay {
  const { database, clock, logger, metrics } = dependencies;
  const loop = (what: string, intervalMs: number, work: () => Promise<boolean>) =>
    startPollLoop({ intervalMs, work, onError: (error) => logger.warn(`${what} failed, trying again`, { reason: messageOf(error) }) });

  const loops: PollLoop[] = [
    loop('publishing system events', pollMs, async () => (await publishEvents(dependencies, batchSize)) === batchSize),
    loop('starting jobs', pollMs, async () => (await startJobs(dependencies, batchSize)) === batchSize),
  ];
  const deleting = loop('deleting published outbox rows', DELETE_INTERVAL_MS, () =>
    database.asSystem(
      'relay retention',
      async (tx) => (await outboxRows.deletePublished(tx, clock.now().minus(RETENTION), DELETED_PER_ROUND)) === DELETED_PER_ROUND,
    ),
  );
  const forgetting = loop('deleting old idempotency keys', DELETE_INTERVAL_MS, () =>
    database.asSystem(
      'idempotency retention',
      async (tx) => (await deleteExpiredKeys(tx, clock.now().minus(KEY_RETENTION), DELETED_PER_ROUND)) === DELETED_PER_ROUND,
    ),
  );

  const measuring = metrics?.enabled
    ? loop('reading the age of the outbox', MEASURE_INTERVAL_MS, async () => {
        const oldest = await database.asSystem('outbox age', (tx) => outboxRows.oldestUnpublished(tx));
        metrics.record('OutboxAgeSeconds', oldest === null ? 0 : Math.max(0, clock.now().diff(oldest).as('seconds')));
        return false;
      })
    : undefined;

  return {
    wake: () => {
      for (const each of loops) each.wake();
    },
    stop: async () => {
      await Promise.all([...loops, deleting, forgetting, measuring].map((each) => each?.stop()));
    },
  };
}
