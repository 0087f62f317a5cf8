import { sql } from 'kysely';
import type { DateTime } from 'luxon';
import type { SystemTransaction, TenantTransaction } from '#platform/postgres/database.ts';
import type { Table } from '#platform/postgres/tables.ts';
import type { Count, CounterQuestion, TouchedCustomer, UsageCounter } from '../domain/counter.ts';

declare module '#platform/postgres/tables.ts' {
  interface Tables { usageCounters: Table<UsageCounter> }
}

export type NewCounter = Omit<UsageCounter, 'tenantId' | 'environmentId' | 'value' | 'watermark' | 'reading'>;
/** Where a page of counters ended. `time` is RFC 3339. */
export interface CounterCursor { readonly time: string; readonly id: string }

export const counterRepository = {
  /** One look-up in the index of the key; null when nobody has asked for it yet. */
  async find(tx: TenantTransaction, { externalCustomerId, meter, window, timezone }: CounterQuestion): Promise<UsageCounter | null> {
    return (await tx.selectFrom('usageCounters').selectAll()
      .where('externalCustomerId', '=', externalCustomerId).where('meterId', '=', meter.id).where('meterVersion', '=', meter.version)
      .where('windowStart', '=', window.start).where('windowEnd', '=', window.end).where('timezone', '=', timezone).executeTakeFirst()) ?? null;
  },

  /** Makes the counter unless it is there. */
  async ensure(tx: TenantTransaction, counter: NewCounter): Promise<void> {
    await tx.insertInto('usageCounters').values({ ...counter, value: null, watermark: null, reading: 0 }).onConflict((conflict) => conflict.doNothing()).execute();
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
    const pairs = customers.flatMap(({ externalCustomerId, eventNames }) => eventNames.map((eventName) => ({ externalCustomerId, eventName })));
    const named = sql`unnest(${pairs.map((pair) => pair.externalCustomerId)}::text[], ${pairs.map((pair) => pair.eventName)}::text[])`;
    return tx.selectFrom('usageCounters').innerJoin('meters', 'meters.id', 'usageCounters.meterId').selectAll('usageCounters')
      .where('usageCounters.windowEnd', '>', now)
      .where(sql<boolean>`(usage_counters.external_customer_id, meters.event_name) in (select * from ${named})`).execute();
  },

  getMany(tx: TenantTransaction, ids: readonly string[]): Promise<UsageCounter[]> {
    return ids.length === 0 ? Promise.resolve([]) : tx.selectFrom('usageCounters').selectAll().where('id', 'in', ids).execute();
  },

  /** Writes what a reading found, but for counters in which a later reading stands. */
  async write(tx: TenantTransaction, reading: number, countedAt: DateTime, counts: readonly (Count & { readonly id: string })[]): Promise<void> {
    // In the order of their ids: two readings that meet on the same counters cannot lock each other out.
    const rows = counts.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    await sql`
      update usage_counters set value = found.value, watermark = found.watermark, reading = ${reading}, counted_at = ${countedAt}
      from (
        select held.id, wanted.value, wanted.watermark
        from unnest(${rows.map(({ id }) => id)}::text[], ${rows.map(({ value }) => value.toFixed())}::numeric[], ${rows.map(({ watermark }) => watermark?.toISO() ?? null)}::timestamptz[]) as wanted (id, value, watermark)
        join usage_counters held on held.id = wanted.id
        where held.reading < ${reading}
        order by held.id for update of held
      ) found
      where usage_counters.id = found.id and usage_counters.reading < ${reading}`.execute(tx);
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
    const result = await sql`delete from usage_counters where id in (select id from usage_counters where window_end <= ${closed} or asked_at <= ${idle} limit ${limit})`.execute(tx);
    return Number(result.numAffectedRows ?? 0);
  },
};
