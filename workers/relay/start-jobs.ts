import * as z from 'zod';
import type { OutboxRow } from '#platform/postgres/outbox.ts';
import { messageOf, type RelayDependencies } from './dependencies.ts';
import { outboxRows } from './outbox-rows.ts';

/** Starts under way at a time; when all of them fail, the job engine is taken to be away and the round ends. */
const PARALLEL = 4;

const jobStart = z.object({ job: z.string(), workflow_id: z.string(), input: z.unknown() });

/** For so long rows in hand are this relay's; after a crash they come again. */
const IN_HAND = { minutes: 1 };

/**
 * Hands the job starts that are due to the job driver. A job's id decides whether it runs, so a start that is handed over again
 * after a crash is harmless. No transaction is open meanwhile: the driver may be slow, or need the connection itself.
 * @returns the number of rows looked at
 */
export async function startJobs({ database, jobs, clock, logger }: RelayDependencies, batchSize: number): Promise<number> {
  const rows = await database.asSystem('relay jobs', (tx) =>
    outboxRows.takeJobStarts(tx, batchSize, clock.now(), clock.now().plus(IN_HAND)),
  );
  const open = new Set(rows.map(({ id }) => id));
  for (let from = 0; from < rows.length; from += PARALLEL) {
    const group = rows.slice(from, from + PARALLEL);
    const results = await Promise.allSettled(group.map(start));
    for (const { id } of group) open.delete(id);
    await database.asSystem('relay jobs', async (tx) => {
      await outboxRows.markPublished(
        tx,
        group.filter((_, index) => results[index]?.status === 'fulfilled').map(({ id }) => id),
        clock.now(),
      );
      for (const [index, result] of results.entries()) {
        const row = group[index];
        if (result.status === 'fulfilled' || !row) continue;
        logger.error('a job could not be started', {
          id: row.id,
          workflow_id: row.entityId,
          failures: row.failureCount + 1,
          reason: messageOf(result.reason),
        });
        await outboxRows.markFailed(tx, row, messageOf(result.reason), clock.now());
      }
    });
    if (results.filter(({ status }) => status === 'rejected').length === PARALLEL) break;
  }
  if (open.size > 0) await database.asSystem('relay jobs', (tx) => outboxRows.giveBack(tx, [...open]));
  return rows.length;

  async function start(row: OutboxRow): Promise<void> {
    const { job, workflow_id: workflowId, input } = jobStart.parse(row.payload);
    await jobs.start(job, workflowId, input);
  }
}
