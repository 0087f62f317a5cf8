import { sql } from 'kysely';
import type { ColumnType } from 'kysely';
import type { DateTime } from 'luxon';
import type { TenantTransaction } from '#platform/postgres/database.ts';

interface CyclesInHandTable {
  readonly subscriptionId: string;
  readonly tenantId: ColumnType<string, string | undefined, never>;
  readonly environmentId: ColumnType<string, string | undefined, never>;
  readonly until: DateTime;
}

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    billingCyclesInHand: CyclesInHandTable;
  }
}

/** Which subscriptions' periods a run is closing, and until when it is believed to live. */
export const cyclesInHand = {
  /** Takes those of the subscriptions that are in nobody's hands at `now`, until `until`; answers their ids. Of several at once one gets each. */
  async take(tx: TenantTransaction, subscriptionIds: readonly string[], now: DateTime, until: DateTime): Promise<Set<string>> {
    const rows = await tx
      .insertInto('billingCyclesInHand')
      .values([...subscriptionIds].sort().map((subscriptionId) => ({ subscriptionId, until })))
      .onConflict((conflict) => conflict.column('subscriptionId').doUpdateSet({ until }).where('billingCyclesInHand.until', '<=', now))
      .returning('subscriptionId')
      .execute();
    return new Set(rows.map(({ subscriptionId }) => subscriptionId));
  },

  /** Whoever closes a period lives: it has the subscription for longer, whether or not it was taken before. */
  async keep(tx: TenantTransaction, subscriptionId: string, until: DateTime): Promise<void> {
    await tx
      .insertInto('billingCyclesInHand')
      .values({ subscriptionId, until })
      .onConflict((conflict) =>
        conflict.column('subscriptionId').doUpdateSet({ until: sql`greatest(billing_cycles_in_hand.until, excluded.until)` }),
      )
      .execute();
  },

  /** Nothing is left to close. */
  async release(tx: TenantTransaction, subscriptionId: string): Promise<void> {
    await tx.deleteFrom('billingCyclesInHand').where('subscriptionId', '=', subscriptionId).execute();
  },
};
