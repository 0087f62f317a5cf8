import { notFound } from '#kernel/errors.ts';
import type { ListOptions, Page } from '#kernel/pagination.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import { listRows } from '#platform/postgres/list.ts';
import type { Table } from '#platform/postgres/tables.ts';
import { jsonb } from '#platform/postgres/types.ts';
import type { Meter } from '../domain/meter.ts';

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    meters: Table<Meter>;
  }
}

export type NewMeter = Omit<Meter, 'tenantId' | 'environmentId' | 'status' | 'createdBy' | 'updatedBy'>;
export type MeterChange = Partial<Pick<Meter, 'filters' | 'disabledAt' | 'status' | 'version'>> & Pick<Meter, 'updatedAt'>;
export interface MeterListFilter {
  readonly meterIds?: readonly string[] | null | undefined;
  readonly eventName?: string | null | undefined;
}

const LIST_FIELDS = { name: 'string', event_name: 'string', reset_usage: 'string' } as const;

export const meterRepository = {
  insert(tx: TenantTransaction, meter: NewMeter): Promise<Meter> {
    return tx
      .insertInto('meters')
      .values({ ...meter, aggregation: jsonb(meter.aggregation), filters: jsonb(meter.filters) })
      .returningAll()
      .executeTakeFirstOrThrow();
  },

  /** Disabled meters are found, deleted ones are not. Throws NotFound. */
  async get(tx: TenantTransaction, id: string): Promise<Meter> {
    const meter = await existing(tx).where('id', '=', id).executeTakeFirst();
    if (!meter) throw notFound('meter', id);
    return meter;
  },

  /** Those of the ids that exist, in any order. */
  findByIds(tx: TenantTransaction, ids: readonly string[]): Promise<Meter[]> {
    return ids.length === 0 ? Promise.resolve([]) : existing(tx).where('id', 'in', ids).execute();
  },

  findByEventName(tx: TenantTransaction, eventName: string): Promise<Meter[]> {
    return existing(tx).where('eventName', '=', eventName).orderBy('createdAt').orderBy('id').execute();
  },

  findByEventNames(tx: TenantTransaction, eventNames: readonly string[]): Promise<Meter[]> {
    return eventNames.length === 0
      ? Promise.resolve([])
      : existing(tx).where('eventName', 'in', eventNames).orderBy('createdAt').orderBy('id').execute();
  },

  /** Locks the row until the transaction ends. */
  async lock(tx: TenantTransaction, id: string): Promise<Meter> {
    const meter = await existing(tx).where('id', '=', id).forUpdate().executeTakeFirst();
    if (!meter) throw notFound('meter', id);
    return meter;
  },

  update(tx: TenantTransaction, id: string, { filters, ...change }: MeterChange, actorId: string): Promise<Meter> {
    return tx
      .updateTable('meters')
      .set({ ...change, ...(filters === undefined ? {} : { filters: jsonb(filters) }), updatedBy: actorId })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow();
  },

  list(tx: TenantTransaction, filter: MeterListFilter, options: ListOptions): Promise<Page<Meter>> {
    let query = tx.selectFrom('meters').selectAll();
    if (filter.meterIds?.length) query = query.where('id', 'in', filter.meterIds);
    if (filter.eventName) query = query.where('eventName', '=', filter.eventName);
    return listRows<Meter>(query, options, LIST_FIELDS, 'meters');
  },
};

function existing(tx: TenantTransaction) {
  return tx.selectFrom('meters').selectAll().where('status', '!=', 'deleted');
}
