import { type ColumnType, sql } from 'kysely';
import type { DateTime } from 'luxon';
import type { DeadLetter } from '#platform/event-log/dead-letter.ts';
import type { SystemTransaction, TenantTransaction } from '#platform/postgres/database.ts';

/** A dead letter that was put back on its topic. */
export interface Redrive {
  readonly topic: string;
  readonly partition: number;
  readonly letterOffset: string;
  readonly letterTime: DateTime;
  readonly tenantId: string;
  readonly environmentId: string;
  readonly redrivenAt: DateTime;
  readonly redrivenBy: string;
}

type RedrivesTable = { [K in keyof Redrive]: ColumnType<Redrive[K], Redrive[K], Redrive[K]> };

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    dlqRedrives: RedrivesTable;
  }
}

/** Letters are kept for 14 days. */
const KEPT = { days: 30 } as const;

/** The memory of redrives. A tenant's transaction sees that tenant's, the system's all. */
export const redriveRepository = {
  /** Those of the letters that were driven again. */
  async find(tx: TenantTransaction | SystemTransaction, letters: readonly DeadLetter[]): Promise<Redrive[]> {
    if (letters.length === 0) return [];
    const { rows } = await sql<Redrive>`
      select r.topic, r.partition, r.letter_offset::text as letter_offset, r.letter_time, r.tenant_id, r.environment_id, r.redriven_at, r.redriven_by
      from dlq_redrives r join unnest(${letters.map(({ topic }) => topic)}::text[], ${letters.map(({ partition }) => partition)}::int[],
        ${letters.map(({ offset }) => String(offset))}::bigint[], ${letters.map(({ time }) => time.toISO())}::timestamptz[]) as l (topic, partition, letter_offset, letter_time)
      on r.topic = l.topic and r.partition = l.partition and r.letter_offset = l.letter_offset and r.letter_time = l.letter_time`.execute(
      tx,
    );
    return rows;
  },

  /** Remembers redrives; of one that is remembered already, the time and the person. */
  async put(tx: TenantTransaction | SystemTransaction, redrives: readonly Redrive[]): Promise<void> {
    if (redrives.length === 0) return;
    await tx
      .insertInto('dlqRedrives')
      .values([...redrives])
      .onConflict((conflict) =>
        conflict.columns(['topic', 'partition', 'letterOffset', 'letterTime']).doUpdateSet((eb) => ({
          redrivenAt: eb.ref('excluded.redrivenAt'),
          redrivenBy: eb.ref('excluded.redrivenBy'),
        })),
      )
      .execute();
  },

  /** Forgets those whose letters are long gone. */
  async forget(tx: SystemTransaction, now: DateTime): Promise<void> {
    await tx.deleteFrom('dlqRedrives').where('redrivenAt', '<', now.minus(KEPT)).execute();
  },
};
