import { sql } from 'kysely';
import { DateTime } from 'luxon';
import type { Clock } from '#kernel/clock.ts';
import type { EventLogLogger } from '#platform/event-log/log.ts';
import type { Database } from '#platform/postgres/database.ts';
import { startPollLoop } from '#platform/workflows/poll-loop.ts';

/** More than networks and time servers are ever apart. */
export const MOST_APART_SECONDS = 60;

/** By how many seconds the clock of this process is ahead of the database's (negative: behind). */
export async function secondsAhead(database: Database, clock: Clock): Promise<number> {
  const before = clock.now();
  const answer = await database.asSystem('clock check', (tx) => sql<{ now: DateTime }>`select clock_timestamp() as now`.execute(tx));
  const after = clock.now();
  const [row] = answer.rows;
  if (row === undefined) return 0;
  // Somewhere between the two the database has answered.
  const middle = DateTime.fromMillis((before.toMillis() + after.toMillis()) / 2, { zone: 'utc' });
  return middle.diff(row.now).as('seconds');
}

/**
 * A process that judges by a wrong clock closes periods before they are over and takes runs from others that live. So it does not work:
 * calls `onWrong` with what to say as soon as clock and database are further apart than a minute, at the start and ever after.
 * Rejects when they are at the start; a database that is away says nothing about the clock.
 */
export async function watchClock(
  { database, clock, logger, intervalMs = 60_000 }: { database: Database; clock: Clock; logger: EventLogLogger; intervalMs?: number },
  onWrong: (message: string) => void,
): Promise<{ stop(): Promise<void> }> {
  const problem = async (): Promise<string | null> => {
    const ahead = await secondsAhead(database, clock);
    return Math.abs(ahead) <= MOST_APART_SECONDS
      ? null
      : `the clock of this machine is ${Math.abs(Math.round(ahead))} s ${ahead > 0 ? 'ahead of' : 'behind'} the database's: set it, nothing is done until then`;
  };
  const atStart = await problem().catch(() => null);
  if (atStart !== null) throw new Error(atStart);
  return startPollLoop({
    intervalMs,
    onError: (error) => logger.warn('the clock could not be compared', { reason: error instanceof Error ? error.message : String(error) }),
    async work() {
      const found = await problem();
      if (found !== null) onWrong(found);
      return false;
    },
  });
}
