import { randomUUID } from 'node:crypto';
import type { Clock } from '#kernel/clock.ts';
import { notFound } from '#kernel/errors.ts';
import type { EventLogLogger } from '#platform/event-log/log.ts';
import type { Database } from '#platform/postgres/database.ts';
import { type ContinueAs, failureCode, isContinueAs, type JobDriver, JobFailedError } from '../job.ts';
import { realSleep, type Sleep, startPollLoop } from '../poll-loop.ts';
import { findJob, type RegisteredJob } from '../registry.ts';
import type { Schedule } from '../schedules.ts';
import { asJson, retryingActivities } from './activity-runner.ts';
import { type JobOutcome, type JobRun, jobRuns } from './job-runs.ts';
import { startSchedules } from './schedule-loop.ts';
import { createLocalJobStarter } from './starter.ts';

/** A run that ended this many processes is given up: it is likely what ended them. */
const MAXIMUM_STARTS = 10;
/** Slots that the runs of one tenant leave to those of others. */
const LEFT_TO_OTHERS = 2;
/** Runs in hand for each slot: those that wait for their next attempt take none. */
const IN_HAND_PER_SLOT = 16;

export interface LocalJobDriverOptions<App> {
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: EventLogLogger;
  readonly jobs: readonly RegisteredJob<App>[];
  readonly app: App;
  readonly schedules?: readonly Schedule[];
  /** Runs at the same time. Default 8. */
  readonly concurrency?: number;
  /** How long a died process keeps its runs. Default 15 s, renewed at a third of it. */
  readonly leaseMs?: number;
  /** How soon runs of other processes are noticed. Default 1 s. */
  readonly pollMs?: number;
  /** Called whenever a run of a job begins, a resumed one included. */
  readonly onJobStarted?: () => void;
  /** Called once per job that failed for good. */
  readonly onJobFailed?: () => void;
  /** Called with the number of starts of a schedule that did not happen. */
  readonly onScheduleMissed?: (count: number) => void;
  /** The waits between attempts of an activity. */
  readonly retrySleep?: Sleep;
}

/**
 * Runs jobs in this process, with their states in Postgres. Several processes may run one each: every run has one owner,
 * and one whose owner died is resumed from its first activity (activities are idempotent).
 */
export function createLocalJobDriver<App>(options: LocalJobDriverOptions<App>): JobDriver {
  const {
    database,
    clock,
    logger,
    jobs,
    app,
    schedules = [],
    concurrency = 8,
    leaseMs = 15_000,
    pollMs = 1_000,
    retrySleep = realSleep,
    onJobStarted,
    onJobFailed,
    onScheduleMissed,
  } = options;
  const starter = createLocalJobStarter({ database, clock, jobs });
  const owner = randomUUID();
  const stopping = new AbortController();
  const running = new Map<string, Promise<void>>();
  /** Runs between two attempts. */
  const waiting = new Set<string>();
  /** Those whose wait is over and that have no slot yet, first come first served. */
  const returning: (() => void)[] = [];
  /** Slots of a claim that is under way: nobody else may take them meanwhile. */
  let reserved = 0;
  const active = (): number => running.size - waiting.size + reserved;
  /** To those who return. Once the driver stops they need none: no further attempt begins. */
  const giveSlots = (): void => {
    while (returning.length > 0 && (active() < concurrency || stopping.signal.aborted)) returning.shift()?.();
  };
  let finished = Promise.withResolvers<void>();

  const lease = () => ({ owner, until: clock.now().plus({ milliseconds: leaseMs }) });
  const onError = (what: string) => (error: unknown) => logger.warn(`${what} failed, trying again`, { error: String(error) });

  const claiming = startPollLoop({
    intervalMs: pollMs,
    onError: onError('claiming jobs'),
    async work() {
      const free = Math.min(concurrency - active(), concurrency * IN_HAND_PER_SLOT - running.size);
      if (free <= 0 || stopping.signal.aborted) return false;
      const room = { limit: free, share: Math.max(1, concurrency - LEFT_TO_OTHERS), idle: [...waiting] };
      reserved = free;
      let claimed: JobRun[] = [];
      try {
        claimed = await database.asSystem('job claim', (tx) => jobRuns.claim(tx, room, lease(), clock.now()));
      } finally {
        reserved = 0;
      }
      for (const run of claimed) {
        // After a long stall of this process its own lease has run out; the run is still in hand.
        if (running.has(run.workflowId)) continue;
        running.set(
          run.workflowId,
          execute(run).finally(() => {
            running.delete(run.workflowId);
            giveSlots();
            finished.resolve();
            finished = Promise.withResolvers();
            claiming.wake();
          }),
        );
      }
      // What the claim left over.
      giveSlots();
      return false;
    },
  });
  const renewing = startPollLoop({
    intervalMs: leaseMs / 3,
    onError: onError('renewing job leases'),
    async work() {
      // Only what is in hand: a run whose end could not be recorded has to come free.
      if (running.size > 0) await database.asSystem('job lease', (tx) => jobRuns.renew(tx, lease(), [...running.keys()]));
      return false;
    },
  });
  const scheduling = startSchedules({
    database,
    clock,
    schedules,
    onError: onError('scheduling jobs'),
    onStarted: () => claiming.wake(),
    onMissed: (count) => onScheduleMissed?.(count),
  });

  /** Between two attempts a run gives its slot to others, and takes one again before the next. */
  const waitForRetry =
    (workflowId: string): Sleep =>
    async (ms, signal) => {
      waiting.add(workflowId);
      giveSlots();
      claiming.wake();
      await retrySleep(ms, signal);
      await new Promise<void>((resolve) => {
        returning.push(() => {
          waiting.delete(workflowId);
          resolve();
        });
        giveSlots();
      });
    };

  async function execute(run: JobRun): Promise<void> {
    const outcome = await runToEnd(run);
    try {
      await database.asSystem('job end', (tx) =>
        outcome === 'interrupted'
          ? jobRuns.release(tx, owner, run.workflowId)
          : jobRuns.finish(tx, owner, run.workflowId, outcome, clock.now()),
      );
    } catch (error) {
      // The lease runs out and the run is repeated: nothing is lost, something is done twice.
      logger.error('the end of a job could not be recorded', { workflow_id: run.workflowId, error: String(error) });
    }
  }

  async function runToEnd(run: JobRun): Promise<JobOutcome | 'interrupted'> {
    let interrupted = false;
    onJobStarted?.();
    try {
      if (run.starts > MAXIMUM_STARTS) throw new Error(`given up: the process ended during each of ${MAXIMUM_STARTS} runs`);
      const registered = findJob(jobs, run.job);
      const { job } = registered;
      const activities = retryingActivities(registered.activities(app), job, {
        workflowId: run.workflowId,
        sleep: waitForRetry(run.workflowId),
        stopping: stopping.signal,
        onInterrupt: () => {
          interrupted = true;
        },
      });
      let output = asJson(await job.run(activities, run.input));
      while (isContinueAs(output) && !interrupted) {
        const { continueAs: input }: ContinueAs<unknown> = output;
        await database.asSystem('job checkpoint', (tx) => jobRuns.checkpoint(tx, owner, run.workflowId, input));
        output = asJson(await job.run(activities, input));
      }
      return interrupted ? 'interrupted' : { result: output };
    } catch (error) {
      if (interrupted) return 'interrupted';
      onJobFailed?.();
      logger.error('a job failed', { job: run.job, workflow_id: run.workflowId, code: failureCode(error), error: String(error) });
      return { code: failureCode(error), message: error instanceof Error ? error.message : String(error) };
    }
  }

  return {
    async start(job, workflowId, input) {
      const answer = await starter.start(job, workflowId, input);
      if (answer.started) claiming.wake();
      return answer;
    },

    async result(workflowId) {
      for (;;) {
        const ended = finished.promise;
        const run = await database.asSystem('job result', (tx) => jobRuns.find(tx, workflowId));
        if (!run) throw notFound('job', workflowId);
        if (run.state === 'completed') return run.result;
        if (run.state === 'failed') throw new JobFailedError(workflowId, run.errorCode ?? 'internal_error', run.errorMessage ?? '');
        // Another process may be the one that runs it, so the wait for our own runs is bounded.
        const waiting = new AbortController();
        await Promise.race([ended, realSleep(pollMs, waiting.signal)]);
        waiting.abort();
      }
    },

    async close() {
      stopping.abort();
      giveSlots();
      await Promise.all([scheduling.stop(), claiming.stop()]);
      await Promise.all(running.values());
      await renewing.stop();
    },
  };
}
