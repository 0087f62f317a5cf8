import * as z from 'zod';
import type { OutboxRow } from '#platform/postgres/outbox.ts';
import { messageOf, type RelayDependencies } from './dependencies.ts';
import { outboxRows } from './outbox-rows.ts';

/** Starts under way at a time; when all of them fail, the job engine is taken to be away and the round ends. */
const PARALLEL = 4;

const jobStart = z.object({ job: z.string(), workflow_id: z.string(), input: z.unknown() });

/**
 * Hands the job starts that are due to the job driver. A job's id decides whether it runs, so a start that is handed over again
 * after a crash is harmless.
 * @returns the number of rows looked at
 */
export async function startJobs({ database, jobs, clock, logger }: RelayDependencies, batchSize: number): Promise<number> {
  return database.asSystem('relay jobs', async (tx) => {
    const rows = await outboxRows.dueJobStarts(tx, batchSize, clock.now());
    for (let from = 0; from < rows.length; from += PARALLEL) {
      const group = rows.slice(from, from + PARALLEL);
      const results = await Promise.allSettled(group.map(start));
      const failed = results.filter(({ status }) => status === 'rejected').length;
      await outboxRows.markPublished(tx, group.filter((_, index) => results[index]?.status === 'fulfilled').map(({ id }) => id), clock.now());
      for (const [index, result] of results.entries()) {
        const row = group[index];
        if (result.status === 'fulfilled' || !row) continue;
        logger.error('a job could not be started', { id: row.id, workflow_id: row.entityId, failures: row.failureCount + 1, reason: messageOf(result.reason) });
        await outboxRows.markFailed(tx, row, messageOf(result.reason), clock.now());
      }
      if (failed === PARALLEL) break;
    }
    return rows.length;
  });

  async function start(row: OutboxRow): Promise<void> {
    const { job, workflow_id: workflowId, input } = jobStart.parse(row.payload);
    await jobs.start(job, workflowId, input);
  }
}
