import type { ColumnType } from 'kysely';
import { DateTime } from 'luxon';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import type { Bucket } from '../domain/token-bucket.ts';

interface IngestBucketsTable {
  readonly tenantId: ColumnType<string, string | undefined, never>;
  readonly scope: string;
  readonly level: number;
  readonly filledAt: DateTime;
}

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    ingestBuckets: IngestBucketsTable;
  }
}

/** What is left of the quotas of a tenant. */
export const ingestBuckets = {
  /** The bucket of a scope, locked until the transaction ends. The first time it is made as `initial`. */
  async lock(tx: TenantTransaction, scope: string, initial: Bucket): Promise<Bucket> {
    await tx
      .insertInto('ingestBuckets')
      .values({ scope, ...columnsOf(initial) })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    const row = await tx
      .selectFrom('ingestBuckets')
      .select(['level', 'filledAt'])
      .where('scope', '=', scope)
      .forUpdate()
      .executeTakeFirstOrThrow();
    return { level: row.level, filledAtMs: row.filledAt.toMillis() };
  },

  async save(tx: TenantTransaction, scope: string, bucket: Bucket): Promise<void> {
    await tx.updateTable('ingestBuckets').set(columnsOf(bucket)).where('scope', '=', scope).execute();
  },
};

function columnsOf({ level, filledAtMs }: Bucket): Pick<IngestBucketsTable, 'level' | 'filledAt'> {
  return { level, filledAt: DateTime.fromMillis(filledAtMs, { zone: 'utc' }) };
}
