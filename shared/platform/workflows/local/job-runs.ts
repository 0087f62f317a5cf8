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
/** How many runs may begin, and how many of one tenant may go at the same time. */
export interface Room {
  readonly limit: number;
  readonly share: number;
  /** Runs of the owner that wait for their next attempt: they take no share. */
  readonly idle?: readonly string[];
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

  /**
   * Takes up to `limit` runs that may begin: pending ones, and running ones whose process let its lease run out. Tenants take turns: of
   * each its oldest run, then of each the next, counting what `owner` already runs of it, up to `share` of them; runs of the product's own,
   * which start those of tenants, come before all.
   */
  async claim(tx: SystemTransaction, { limit, share, idle = [] }: Room, lease: Lease, now: DateTime): Promise<JobRun[]> {
    const open = sql`state in ('pending', 'running')`;
    const claimable = sql`(state = 'pending' or (state = 'running' and lease_expires_at <= ${now}::timestamptz))`;
    const { rows } = await sql<{ workflowId: string }>`
      with recursive tenants as (
        (select tenant_key from job_runs where ${open} order by tenant_key limit 1)
        union all
        select (select tenant_key from job_runs where ${open} and tenant_key > tenants.tenant_key order by tenant_key limit 1)
        from tenants where tenants.tenant_key is not null
      ), in_turn as (
        select workflow_id, created_at, tenant_key, mine.runs + row_number() over (partition by tenant_key order by created_at, workflow_id) as turn
        from tenants
        cross join lateral (
          select count(*) as runs from job_runs
          where job_runs.tenant_key = tenants.tenant_key and state = 'running' and lease_owner = ${lease.owner} and lease_expires_at > ${now}::timestamptz
            and workflow_id <> all(${[...idle]}::text[])
        ) mine
        cross join lateral (
          select workflow_id, created_at from job_runs
          where job_runs.tenant_key = tenants.tenant_key and ${open} and ${claimable}
          order by created_at, workflow_id limit ${limit}
        ) waiting
      )
      select workflow_id from job_runs
      where ${claimable} and workflow_id in (
        select workflow_id from in_turn where tenant_key = '' or turn <= ${share}
        order by tenant_key <> '', turn, created_at, workflow_id limit ${limit}
      )
      for update skip locked`.execute(tx);
    if (rows.length === 0) return [];
    return tx
      .updateTable('jobRuns')
      .set((eb) => ({
        state: 'running' as const,
        starts: eb('starts', '+', 1),
        leaseOwner: lease.owner,
        leaseExpiresAt: lease.until,
        startedAt: now,
      }))
      .where(
        'workflowId',
        'in',
        rows.map(({ workflowId }) => workflowId),
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

  /** Forgets finished runs, those of schedules soon, the others once nobody can ask for their id again: `limit` of them. Answers how many. */
  async prune(
    tx: SystemTransaction,
    { scheduledBefore, othersBefore, limit }: { scheduledBefore: DateTime; othersBefore: DateTime; limit: number },
  ): Promise<number> {
    const { numAffectedRows = 0n } =
      await sql`delete from job_runs where workflow_id in (select workflow_id from job_runs where state in ('completed', 'failed')
      and finished_at < case when schedule_id is null then ${othersBefore}::timestamptz else ${scheduledBefore}::timestamptz end limit ${limit})`.execute(
        tx,
      );
    return Number(numAffectedRows);
  },
};
