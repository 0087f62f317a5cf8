import { until } from '#local/engines/process.ts';
import { createEventLog } from '#platform/event-log/create.ts';
import type { PartitionLag } from '#platform/event-log/event-log.ts';
import { TOPICS } from '#platform/event-log/topics.ts';
import { EVENT_CONSUMER_GROUP } from '#ingestion/service/event-streams.ts';
import type { Host } from './host.ts';
import { CrashMismatch } from './mismatch.ts';
import type { OverflowRecord } from './overflow.ts';

const SETTLED_MS = 90_000;
const PAUSE_MS = 50;

/**
 * Waits until nothing is under way: all processes run, nothing waits in the overflow, and the consumers have committed all that
 * is in the log. Answers the ends of the log, by which a caller sees whether something came after all.
 */
export async function settled(host: Host, overflow: OverflowRecord): Promise<string> {
  await host.backAgain();
  const log = await createEventLog(host.config);
  let last = 'nothing could be read';
  let lags: readonly PartitionLag[] = [];
  const look = async (): Promise<boolean> => {
    const waiting = await overflow.waiting();
    // Read after the overflow: what it gave back is in the log before it is gone from there.
    lags = (
      await Promise.all([TOPICS.events, TOPICS.eventsLazy].map((topic) => log.lag(`${EVENT_CONSUMER_GROUP}-${topic}`, topic)))
    ).flat();
    const behind = lags.filter(({ end, committed }) => committed < end);
    last = [
      `${waiting} entries in the overflow`,
      ...behind.map(({ partition, end, committed }) => `partition ${partition} at ${committed} of ${end}`),
    ].join(', ');
    return waiting === 0 && behind.length === 0;
  };
  try {
    const done = await until(
      () =>
        look().catch((error: Error) => {
          last = error.message;
          return false;
        }),
      SETTLED_MS,
      PAUSE_MS,
    );
    if (!done) {
      throw new CrashMismatch(`the consumers have not caught up ${SETTLED_MS / 1000} s after the load`, [
        { kind: 'not settled', what: 'consumer lag', expected: 'nothing in the overflow, all committed', actual: last, events: [] },
      ]);
    }
    return lags.map(({ end }) => end).join(',');
  } finally {
    await log.close();
  }
}
