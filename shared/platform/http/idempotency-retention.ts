import { sql } from 'kysely';
import type { DateTime } from 'luxon';
import type { SystemTransaction } from '../postgres/database.ts';

/** Deletes answers of all tenants that were given before `before`, at most `limit` of them. Returns how many; a key that is deleted may be used anew. */
export async function deleteExpiredKeys(tx: SystemTransaction, before: DateTime, limit: number): Promise<number> {
  const { numAffectedRows } =
    await sql`delete from idempotency_keys where ctid in (select ctid from idempotency_keys where created_at < ${before} order by created_at limit ${limit})`.execute(
      tx,
    );
  return Number(numAffectedRows ?? 0);
}
