import { type ColumnType, sql } from 'kysely';
import type { DateTime } from 'luxon';
import type { TenantTransaction } from '#platform/postgres/database.ts';

interface RejectedEventWindowsTable {
  readonly tenantId: ColumnType<string, string | undefined, never>;
  readonly environmentId: ColumnType<string, string | undefined, never>;
  readonly eventName: string;
  readonly openedAt: DateTime;
}

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    rejectedEventWindows: RejectedEventWindowsTable;
  }
}

/** Windows that are over and are deleted together with the claim of others. */
const FORGOTTEN_PER_CLAIM = 100;

/** In which windows a rejected event was told already: one row per event name. */
export const rejectionWindows = {
  /**
   * Opens the windows of those names that have none open at `now`, and answers them. Of several at once one gets a name.
   * What happens between the opening and the end of the transaction happens once per window, or the window is not opened.
   */
  async open(tx: TenantTransaction, eventNames: readonly string[], now: DateTime, windowSeconds: number): Promise<Set<string>> {
    const over = now.minus({ seconds: windowSeconds });
    const rows = await tx
      .insertInto('rejectedEventWindows')
      .values([...eventNames].sort().map((eventName) => ({ eventName, openedAt: now })))
      .onConflict((conflict) =>
        conflict
          .columns(['tenantId', 'environmentId', 'eventName'])
          .doUpdateSet({ openedAt: now })
          .where('rejectedEventWindows.openedAt', '<=', over),
      )
      .returning('eventName')
      .execute();
    // Names that never come again would stay for ever. Rows that another transaction holds are left to the next claim.
    await sql`delete from rejected_event_windows where (tenant_id, environment_id, event_name) in (select tenant_id, environment_id, event_name from rejected_event_windows
      where opened_at <= ${over} order by opened_at limit ${FORGOTTEN_PER_CLAIM} for update skip locked)`.execute(tx);
    return new Set(rows.map(({ eventName }) => eventName));
  },
};
