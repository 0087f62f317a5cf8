import { setTimeout as delay } from 'node:timers/promises';
import { EVENT_CONSUMER_GROUP } from '#ingestion/service/event-streams.ts';
import type { EventLog } from '#platform/event-log/event-log.ts';
import { TOPICS } from '#platform/event-log/topics.ts';

const GROUP = `${EVENT_CONSUMER_GROUP}-${TOPICS.events}`;
const POLL_MS = 20;
const PATIENCE_MS = 300_000;

/** Records of the log: what was appended, and what the consumer has stored and committed. */
export interface Progress {
  readonly appended: number;
  readonly committed: number;
}

export async function progressOf(eventLog: Pick<EventLog, 'lag'>): Promise<Progress> {
  const partitions = await eventLog.lag(GROUP, TOPICS.events);
  const sum = (numbers: readonly unknown[]): number => numbers.reduce<number>((total, each) => total + Number(each ?? 0), 0);
  return { appended: sum(partitions.map(({ end }) => end)), committed: sum(partitions.map(({ committed }) => committed)) };
}

/** Resolves once the condition holds, with what held then; throws after five minutes. */
export async function progressUntil(eventLog: Pick<EventLog, 'lag'>, holds: (progress: Progress) => boolean): Promise<Progress> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const progress = await progressOf(eventLog);
    if (holds(progress)) return progress;
    if (performance.now() > deadline)
      throw new Error(`the consumer stands at ${progress.committed} of ${progress.appended} records after ${PATIENCE_MS / 1000} s`);
    await delay(POLL_MS);
  }
}

/** The consumer has come to the end of the log. */
export const atTheEnd = ({ appended, committed }: Progress): boolean => appended === committed;
