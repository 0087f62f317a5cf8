import { DateTime } from 'luxon';
import type { Clock } from '#kernel/clock.ts';
import type { Database } from '#platform/postgres/database.ts';
import { type PollLoop, startPollLoop } from '../poll-loop.ts';
import type { Schedule } from '../schedules.ts';
import { jobRuns } from './job-runs.ts';

const TICK_MS = 250;
const PRUNED_AT_ONCE = 5_000;

export interface ScheduleLoopOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly schedules: readonly Schedule[];
  onStarted(): void;
  /** Times that passed without anybody here to start the run: a process that was stalled or stopped. */
  onMissed?(count: number): void;
  onError(error: unknown): void;
}

/**
 * Starts the runs of schedules as their times come; the time that has just passed counts, so that a fresh process begins at once.
 * The id of a run is made of its schedule and its time: several processes make each start once.
 */
export function startSchedules({ database, clock, schedules, onStarted, onMissed, onError }: ScheduleLoopOptions): PollLoop {
  const tried = new Map<string, number>();
  let prunedAt: DateTime | undefined;

  async function startDue(schedule: Schedule, now: DateTime): Promise<void> {
    const slot = slotOf(schedule, now);
    const last = tried.get(schedule.id);
    if (last === slot) return;
    const workflowId = runIdOf(schedule, slot);
    const started = await database.asSystem('job schedule', (tx) =>
      jobRuns.addScheduled(tx, { workflowId, scheduleId: schedule.id, job: schedule.job, input: schedule.input }, now),
    );
    tried.set(schedule.id, slot);
    if (last !== undefined && slot > last + 1) onMissed?.(slot - last - 1);
    if (started) onStarted();
  }

  return startPollLoop({
    intervalMs: TICK_MS,
    onError,
    async work() {
      const now = clock.now();
      for (const schedule of schedules) await startDue(schedule, now);
      if (prunedAt === undefined || now.diff(prunedAt).as('hours') >= 1) {
        const old = { scheduledBefore: now.minus({ days: 1 }), othersBefore: now.minus({ days: 30 }), limit: PRUNED_AT_ONCE };
        // What is left over is taken at once, and no start of a schedule waits for more than one part.
        if ((await database.asSystem('job prune', (tx) => jobRuns.prune(tx, old))) === PRUNED_AT_ONCE) return true;
        prunedAt = now;
      }
      return false;
    },
  });
}

/** Number of the latest start at or before `now`, counted from the epoch. */
export function slotOf(schedule: Pick<Schedule, 'everySeconds'>, now: DateTime): number {
  return Math.floor(now.toSeconds() / schedule.everySeconds);
}

/** E.g. `subscription-billing-2026-01-31T10:02:00Z`. */
export function runIdOf(schedule: Pick<Schedule, 'id' | 'everySeconds'>, slot: number): string {
  return `${schedule.id}-${DateTime.fromSeconds(slot * schedule.everySeconds, { zone: 'utc' }).toISO({ suppressMilliseconds: true })}`;
}
