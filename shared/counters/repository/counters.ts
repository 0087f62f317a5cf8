import { type RawBuilder, sql } from 'kysely';
import type { DateTime } from 'luxon';
import type { SystemTransaction, TenantTransaction } from '#platform/postgres/database.ts';
import type { Table } from '#platform/postgres/tables.ts';
import type { TouchedCustomer } from '#kernel/stored-summary.ts';
import type { Count, CounterQuestion, UsageCounter } from '../domain/counter.ts';

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    usageCounters: Table<UsageCounter>;
  }
}

export type NewCounter = Omit<UsageCounter, 'tenantId' | 'environmentId' | 'value' | 'watermark' | 'reading'>;
/** Where a page of counters ended. `time` is RFC 3339. */
export interface CounterCursor {
  readonly time: string;
  readonly id: string;
}

export const counterRepository = {
  /** One look-up in the index of the key; null when nobody has asked for it yet. */
  async find(tx: TenantTransaction, { externalCustomerId, meter, window, timezone }: CounterQuestion): Promise<UsageCounter | null> {
    return (
      (await tx
        .selectFrom('usageCounters')
        .selectAll()
        .where('externalCustomerId', '=', externalCustomerId)
        .where('meterId', '=', meter.id)
        .where('meterVersion', '=', meter.version)
        .where('windowStart', '=', window.start)
        .where('windowEnd', '=', window.end)
        .where('timezone', '=', timezone)
        .executeTakeFirst()) ?? null
    );
  },

  /** Makes the counter unless it is there. */
  async ensure(tx: TenantTransaction, counter: NewCounter): Promise<void> {
    await tx
      .insertInto('usageCounters')
      .values({ ...counter, value: null, watermark: null, reading: 0 })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  },

  async asked(tx: TenantTransaction, id: string, askedAt: DateTime): Promise<void> {
    await tx.updateTable('usageCounters').set({ askedAt }).where('id', '=', id).execute();
  },

  /** The number of a reading that is about to begin. */
  async nextReading(tx: TenantTransaction): Promise<number> {
    const { rows } = await sql<{ reading: number }>`select nextval('usage_counter_readings') as reading`.execute(tx);
    return (rows[0] as { reading: number }).reading;
  },

  /** Counters of open windows that these events may have changed. */
  async touched(tx: TenantTransaction, customers: readonly TouchedCustomer[], now: DateTime): Promise<UsageCounter[]> {
    const namesOf = new Map(customers.map(({ externalCustomerId, eventNames }) => [externalCustomerId, new Set(eventNames)]));
    // Lists of customers and of names are what the index can find, whatever the planner knows of the table; which name is whose is seen here.
    const found = await tx
      .selectFrom('usageCounters')
      .innerJoin('meters', 'meters.id', 'usageCounters.meterId')
      .selectAll('usageCounters')
      .select('meters.eventName')
      .where('usageCounters.externalCustomerId', '=', anyOf([...namesOf.keys()]))
      .where('meters.eventName', '=', anyOf([...new Set(customers.flatMap(({ eventNames }) => eventNames))]))
      .where('usageCounters.windowEnd', '>', now)
      .execute();
    return found.filter(({ externalCustomerId, eventName }) => namesOf.get(externalCustomerId)?.has(eventName));
  },

  getMany(tx: TenantTransaction, ids: readonly string[]): Promise<UsageCounter[]> {
    return ids.length === 0 ? Promise.resolve([]) : tx.selectFrom('usageCounters').selectAll().where('id', 'in', ids).execute();
  },

  /** Writes what a reading found, but for counters in which a later reading stands. */
  async write(
    tx: TenantTransaction,
    reading: number,
    countedAt: DateTime,
    counts: readonly (Count & { readonly id: string })[],
  ): Promise<void> {
    const ids = anyOf(counts.map(({ id }) => id));
    // In the order of their ids: two readings that meet on the same counters cannot lock each other out.
    await tx.selectFrom('usageCounters').select('id').where('id', '=', ids).orderBy('id').forUpdate().execute();
    await sql`
      update usage_counters set value = found.value, watermark = found.watermark, reading = ${reading}, counted_at = ${countedAt}
      from unnest(${counts.map(({ id }) => id)}::text[], ${counts.map(({ value }) => value.toFixed())}::numeric[], ${counts.map(({ watermark }) => watermark?.toISO() ?? null)}::timestamptz[]) as found (id, value, watermark)
      where usage_counters.id = ${ids} and usage_counters.id = found.id and usage_counters.reading < ${reading}`.execute(tx);
  },

  async delete(tx: TenantTransaction, ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await tx.deleteFrom('usageCounters').where('id', 'in', ids).execute();
  },

  /** Counters of open windows that were last read before a time, of all tenants, oldest first. */
  stale(tx: SystemTransaction, before: DateTime, now: DateTime, after: CounterCursor | null, limit: number): Promise<UsageCounter[]> {
    let query = tx.selectFrom('usageCounters').selectAll().where('countedAt', '<=', before).where('windowEnd', '>', now);
    if (after !== null) query = query.where(sql<boolean>`(counted_at, id) > (${after.time}::timestamptz, ${after.id})`);
    return query.orderBy('countedAt').orderBy('id').limit(limit).execute();
  },

  /** Deletes counters whose window ended before `closed` or that nobody asked for since `idle`, a bounded number per call. Answers how many. */
  async deleteUnused(tx: SystemTransaction, closed: DateTime, idle: DateTime, limit: number): Promise<number> {
    const result =
      await sql`delete from usage_counters where id in (select id from usage_counters where window_end <= ${closed} or asked_at <= ${idle} limit ${limit})`.execute(
        tx,
      );
    return Number(result.numAffectedRows ?? 0);
  },
};

function anyOf(texts: readonly string[]): RawBuilder<string> {
  return sql<string>`any(${texts}::text[])`;
}
