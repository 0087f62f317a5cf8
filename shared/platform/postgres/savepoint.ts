import { sql } from 'kysely';
import type { TenantTransaction } from './database.ts';

/**
 * Runs `work` so that its failure leaves the transaction usable: what it did is undone, and the answer is what `otherwise` makes of the error.
 * Throws when the connection itself is gone. One at a time within a transaction.
 */
export async function within<T, Otherwise>(tx: TenantTransaction, work: () => Promise<T>, otherwise: (error: unknown) => Otherwise): Promise<T | Otherwise> {
  await sql`savepoint part`.execute(tx);
  try {
    const result = await work();
    await sql`release savepoint part`.execute(tx);
    return result;
  } catch (error) {
    await sql`rollback to savepoint part`.execute(tx);
    return otherwise(error);
  }
}
