import { sql } from 'kysely';
import type { DateTime } from 'luxon';
import type { SystemTransaction } from '#platform/postgres/database.ts';
import type { OutboxRow } from '#platform/postgres/outbox.ts';
import { JOB_START } from '#platform/workflows/enqueue.ts';

/** Any two relays that publish events exclude each other with this, so that one entity's events cannot overtake each other. */
const PUBLISHING_LOCK = 7_203_462;

const FIRST_BACKOFF_SECONDS = 2;
const MAXIMUM_BACKOFF_SECONDS = 300;

/** The relay's side of the outbox table. */
export const outboxRows = {
  /** Held until the transaction ends. Answers false while another relay publishes. */
  async tryPublishingLock(tx: SystemTransaction): Promise<boolean> {
    const { rows } = await sql<{ locked: boolean }>`select pg_try_advisory_xact_lock(${PUBLISHING_LOCK}) as locked`.execute(tx);
    return rows[0]?.locked === true;
  },

  /**
   * Takes system events that are due, in order: until `until` no other relay takes them, or later ones of their entities, and after it they
   * come again by themselves. Behind a row that fails or is taken, only those of the same entity wait for it.
   */
  async takeEvents(tx: SystemTransaction, limit: number, now: DateTime, until: DateTime): Promise<OutboxRow[]> {
    const rows = await this.dueEvents(tx, limit, now);
    if (rows.length > 0)
      await tx
        .updateTable('outbox')
        .set({ nextAttemptAt: until })
        .where(
          'id',
          'in',
          rows.map(({ id }) => id),
        )
        .execute();
    return rows;
  },

  /** System events that are due, in order, locked. */
  async dueEvents(tx: SystemTransaction, limit: number, now: DateTime): Promise<OutboxRow[]> {
    const waiting = tx
      .selectFrom('outbox')
      .select(['tenantId', 'environmentId', 'entityId'])
      .select((eb) => eb.fn.min('position').as('first'))
      .where('publishedAt', 'is', null)
      .where('nextAttemptAt', 'is not', null)
      .where('nextAttemptAt', '>', now)
      .groupBy(['tenantId', 'environmentId', 'entityId']);
    // Materialized: few rows, computed once, whatever the planner believes about a table that grows and empties all day.
    return tx
      .with(
        (cte) => cte('waiting').materialized(),
        () => waiting,
      )
      .selectFrom('outbox')
      .selectAll('outbox')
      .where('eventName', '!=', JOB_START)
      .where('publishedAt', 'is', null)
      .where((eb) => eb.or([eb('nextAttemptAt', 'is', null), eb('nextAttemptAt', '<=', now)]))
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom('waiting')
              .select(sql`1`.as('one'))
              .whereRef('waiting.tenantId', '=', 'outbox.tenantId')
              .whereRef('waiting.environmentId', '=', 'outbox.environmentId')
              .whereRef('waiting.entityId', '=', 'outbox.entityId')
              .whereRef('waiting.first', '<', 'outbox.position'),
          ),
        ),
      )
      .orderBy('position')
      .limit(limit)
      .forUpdate('outbox')
      .skipLocked()
      .execute();
  },

  /**
   * Takes job starts that are due: until `until` no other relay takes them, and after it they come again by themselves.
   * Their order does not matter: a job's id decides.
   */
  async takeJobStarts(tx: SystemTransaction, limit: number, now: DateTime, until: DateTime): Promise<OutboxRow[]> {
    const rows = await tx
      .updateTable('outbox')
      .set({ nextAttemptAt: until })
      .where('id', 'in', (eb) =>
        eb
          .selectFrom('outbox')
          .select('id')
          .where('eventName', '=', JOB_START)
          .where('publishedAt', 'is', null)
          .where((where) => where.or([where('nextAttemptAt', 'is', null), where('nextAttemptAt', '<=', now)]))
          .orderBy('position')
          .limit(limit)
          .forUpdate()
          .skipLocked(),
      )
      .returningAll()
      .execute();
    return rows.sort((a, b) => a.position - b.position);
  },

  /** Gives back what was taken and not tried: it is due at once. */
  async giveBack(tx: SystemTransaction, ids: readonly string[]): Promise<void> {
    if (ids.length > 0)
      await tx.updateTable('outbox').set({ nextAttemptAt: null }).where('id', 'in', ids).where('publishedAt', 'is', null).execute();
  },

  /** When the oldest row came that is not published; null when all are. */
  async oldestUnpublished(tx: SystemTransaction): Promise<DateTime | null> {
    const row = await tx
      .selectFrom('outbox')
      .select((eb) => eb.fn.min('createdAt').as('oldest'))
      .where('publishedAt', 'is', null)
      .executeTakeFirst();
    return row?.oldest ?? null;
  },

  async markPublished(tx: SystemTransaction, ids: readonly string[], now: DateTime): Promise<void> {
    if (ids.length > 0) await tx.updateTable('outbox').set({ publishedAt: now, nextAttemptAt: null }).where('id', 'in', ids).execute();
  },

  /** Keeps why a row failed and when it is tried again: 2 s, doubling, at most 5 min. */
  async markFailed(tx: SystemTransaction, row: Pick<OutboxRow, 'id' | 'failureCount'>, reason: string, now: DateTime): Promise<void> {
    const seconds = Math.min(MAXIMUM_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** Math.min(row.failureCount, 20));
    await tx
      .updateTable('outbox')
      .set({ failureCount: row.failureCount + 1, failureReason: reason.slice(0, 1000), nextAttemptAt: now.plus({ seconds }) })
      .where('id', '=', row.id)
      .execute();
  },

  /** Deletes rows published before a time, a bounded number per call. Answers how many. */
  async deletePublished(tx: SystemTransaction, before: DateTime, limit: number): Promise<number> {
    const result =
      await sql`delete from outbox where id in (select id from outbox where published_at < ${before} order by published_at limit ${limit})`.execute(
        tx,
      );
    return Number(result.numAffectedRows ?? 0);
  },
};
