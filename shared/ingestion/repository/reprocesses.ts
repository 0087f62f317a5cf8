import type { ColumnType } from 'kysely';
import { notFound } from '#kernel/errors.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import { jsonb } from '#platform/postgres/types.ts';
import type { Reprocess } from '../domain/reprocess.ts';

type ReprocessTable = { [K in keyof Reprocess]: ColumnType<Reprocess[K], Reprocess[K] | undefined, Reprocess[K]> };

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    eventReprocesses: ReprocessTable;
  }
}

type Progress = Partial<
  Pick<Reprocess, 'runStatus' | 'processed' | 'total' | 'lastPosition' | 'failureReason' | 'startedAt' | 'finishedAt'>
>;

export const reprocessRepository = {
  async insert(tx: TenantTransaction, run: Pick<Reprocess, 'id' | 'selection' | 'batchSize' | 'createdAt'>): Promise<void> {
    await tx
      .insertInto('eventReprocesses')
      .values({ ...run, selection: jsonb(run.selection), runStatus: 'pending' })
      .execute();
  },

  /** Throws NotFound. */
  async get(tx: TenantTransaction, id: string): Promise<Reprocess> {
    const run = await tx.selectFrom('eventReprocesses').selectAll().where('id', '=', id).executeTakeFirst();
    if (!run) throw notFound('reprocess run', id);
    return run;
  },

  async update(tx: TenantTransaction, id: string, { lastPosition, ...progress }: Progress): Promise<void> {
    await tx
      .updateTable('eventReprocesses')
      .set({ ...progress, ...(lastPosition === undefined ? {} : { lastPosition: jsonb(lastPosition) }) })
      .where('id', '=', id)
      .execute();
  },
};
