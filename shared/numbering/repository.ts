import { sql } from 'kysely';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import type { Table } from '#platform/postgres/tables.ts';
import type { NumberScope } from './domain.ts';

interface NumberSequence {
  readonly tenantId: string;
  readonly environmentId: string;
  readonly scope: NumberScope;
  readonly pattern: string;
  readonly lastValue: number;
}

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    numberSequences: Table<NumberSequence>;
  }
}

export const sequenceRepository = {
  /**
   * The next value of the sequence, `start` for a new one. Whoever asks next waits until this transaction ends: a rollback gives the
   * value back, and none is handed out twice.
   */
  async next(tx: TenantTransaction, scope: NumberScope, pattern: string, start: number): Promise<number> {
    const row = await tx
      .insertInto('numberSequences')
      .values({ scope, pattern, lastValue: start })
      .onConflict((conflict) =>
        conflict
          .columns(['tenantId', 'environmentId', 'scope', 'pattern'])
          .doUpdateSet({ lastValue: sql`number_sequences.last_value + 1` }),
      )
      .returning('lastValue')
      .executeTakeFirstOrThrow();
    return row.lastValue;
  },
};
