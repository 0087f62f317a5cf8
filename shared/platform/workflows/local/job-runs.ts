import { type ColumnType, sql } from 'kysely';
import type { DateTime } from 'luxon';
import type { SystemTransaction } from '#platform/postgres/database.ts';
import { jsonb } from '#platform/postgres/types.ts';

/** One run of a job under the in-process driver. */
export interface JobRun {
  readonly workflowId: string;
  readonly job: string;
  readonly scheduleId: string | null;
  readonly input: unknown;
  readonly state: 'pending' | 'running' | 'completed' | 'failed';
  readonly starts: number;
  readonly result: unknown;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
  readonly leaseOwner: string | null;
  readonly leaseExpiresAt: DateTime | null;
  readonly createdAt: DateTime;
  readonly startedAt: DateTime | null;
  readonly finishedAt: DateTime | null;
}

type JobRunsTable = { [K in keyof JobRun]: ColumnType<JobRun[K], JobRun[K] | undefined, JobRun[K]> };

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    jobRuns: JobRunsTable;
  }
}

export interface NewJobRun {
  readonly workflowId: string;
  readonly job: string;
  readonly input: unknown;
}
export interface Lease {
  readonly owner: string;
  readonly until: DateTime;
}
export type JobOutcome = { readonly result: unknown } | { readonly code: string; readonly message: string };

/** The in-process driver's table. Leases are judged by the caller's clock, which all processes of a deployment share closely enough. */
export const jobRuns = {
  /** Adds a pending run, or makes a failed one pending again. Answers false when one is pending, running or completed. */
  async add(tx: SystemTransaction, run: NewJobRun, now: DateTime): Promise<boolean> {
    const row = await tx
      .insertInto('jobRuns')
      .values({ workflowId: run.workflowId, job: run.job, input: jsonb(run.input ?? null), state: 'pending', createdAt: now })
      .onConflict((conflict) =>
        conflict
          .column('workflowId')
          .doUpdateSet({
            job: run.job,
            input: jsonb(run.input ?? null),
            state: 'pending',
            scheduleId: null,
            starts: 0,
            result: null,
            errorCode: null,
            errorMessage: null,
            createdAt: now,
            startedAt: null,
            finishedAt: null,
          })
          .where('jobRuns.state', '=', 'failed'),
      )
      .returning('workflowId')
      .executeTakeFirst();
    return row !== undefined;
  },

  /** Adds a pending run of a schedule. Answers false when this start was made already or the previous run is still going. */
  async addScheduled(tx: SystemTransaction, run: NewJobRun & { readonly scheduleId: string }, now: DateTime): Promise<boolean> {
    const row = await tx
      .insertInto('jobRuns')
      .values({
        workflowId: run.workflowId,
        job: run.job,
        scheduleId: run.scheduleId,
        input: jsonb(run.input ?? null),
        state: 'pending',
        createdAt: now,
      })
      .onConflict((conflict) => conflict.doNothing())
      .returning('workflowId')
      .executeTakeFirst();
    return row !== undefined;
  },

  /** Takes up to `limit` runs, oldest first: pending ones, and running ones whose process let its lease run out. */
  async claim(tx: SystemTransaction, limit: number, lease: Lease, now: DateTime): Promise<JobRun[]> {
    return tx
      .updateTable('jobRuns')
      .set((eb) => ({
        state: 'running' as const,
        starts: eb('starts', '+', 1),
        leaseOwner: lease.owner,
        leaseExpiresAt: lease.until,
        startedAt: now,
      }))
      .where('workflowId', 'in', (eb) =>
        eb
          .selectFrom('jobRuns')
          .select('workflowId')
          .where((where) =>
            where.or([where('state', '=', 'pending'), where.and([where('state', '=', 'running'), where('leaseExpiresAt', '<=', now)])]),
          )
          .orderBy('createdAt')
          .orderBy('workflowId')
          .limit(limit)
          .forUpdate()
          .skipLocked(),
      )
      .returningAll()
      .execute();
  },

  /** Extends the lease of those runs that are in `owner`'s hands. */
  async renew(tx: SystemTransaction, lease: Lease, workflowIds: readonly string[]): Promise<void> {
    await tx
      .updateTable('jobRuns')
      .set({ leaseExpiresAt: lease.until })
      .where('workflowId', 'in', workflowIds)
      .where('state', '=', 'running')
      .where('leaseOwner', '=', lease.owner)
      .execute();
  },

  /** Keeps where a run that goes on with another input has come to, so that a resumed one does not begin anew. */
  async checkpoint(tx: SystemTransaction, owner: string, workflowId: string, input: unknown): Promise<void> {
    await tx
      .updateTable('jobRuns')
      .set({ input: jsonb(input ?? null), starts: 1 })
      .where('workflowId', '=', workflowId)
      .where('state', '=', 'running')
      .where('leaseOwner', '=', owner)
      .execute();
  },

  /** Ends a run, unless another process has taken it over meanwhile. */
  async finish(tx: SystemTransaction, owner: string, workflowId: string, outcome: JobOutcome, now: DateTime): Promise<void> {
    const set =
      'result' in outcome
        ? { state: 'completed' as const, result: jsonb(outcome.result ?? null) }
        : { state: 'failed' as const, errorCode: outcome.code, errorMessage: outcome.message };
    await tx
      .updateTable('jobRuns')
      .set({ ...set, finishedAt: now, leaseOwner: null, leaseExpiresAt: null })
      .where('workflowId', '=', workflowId)
      .where('state', '=', 'running')
      .where('leaseOwner', '=', owner)
      .execute();
  },

  /** Puts a run back that its process cannot end because it stops. */
  async release(tx: SystemTransaction, owner: string, workflowId: string): Promise<void> {
    await tx
      .updateTable('jobRuns')
      .set((eb) => ({ state: 'pending' as const, starts: eb('starts', '-', 1), leaseOwner: null, leaseExpiresAt: null }))
      .where('workflowId', '=', workflowId)
      .where('state', '=', 'running')
      .where('leaseOwner', '=', owner)
      .execute();
  },

  /** Runs that wait for a process to take them. */
  async countPending(tx: SystemTransaction): Promise<number> {
    const { count } = await tx
      .selectFrom('jobRuns')
      .select((eb) => eb.fn.countAll().as('count'))
      .where('state', '=', 'pending')
      .executeTakeFirstOrThrow();
    return Number(count);
  },

  async find(tx: SystemTransaction, workflowId: string): Promise<JobRun | undefined> {
    return tx.selectFrom('jobRuns').selectAll().where('workflowId', '=', workflowId).executeTakeFirst();
  },

  /** Forgets finished runs: those of schedules soon, the others once nobody can ask for their id again. */
  async prune(
    tx: SystemTransaction,
    { scheduledBefore, othersBefore }: { scheduledBefore: DateTime; othersBefore: DateTime },
  ): Promise<void> {
    await sql`delete from job_runs where workflow_id in (select workflow_id from job_runs where state in ('completed', 'failed')
      and finished_at < case when schedule_id is null then ${othersBefore}::timestamptz else ${scheduledBefore}::timestamptz end limit 5000)`.execute(
      tx,
    );
  },
};
