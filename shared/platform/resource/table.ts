import { type Insertable, type SelectQueryBuilder, type Selectable, sql, type Transaction, type Updateable } from 'kysely';
import type { DateTime } from 'luxon';
import { notFound } from '#kernel/errors.ts';
import type { Page } from '#kernel/pagination.ts';
import type { RecordStatus } from '#kernel/wire.ts';
import type { TenantTransaction } from '../postgres/database.ts';
import { inParts } from '../postgres/in-parts.ts';
import type { Tables } from '../postgres/tables.ts';
import { jsonb } from '../postgres/types.ts';
import { listRows } from './list.ts';
import type { ListRequest } from './listing.ts';
import { versionConflict } from './version.ts';

/** A row before the database has it: it fills in whose it is, and who wrote it. */
export type New<E> = Omit<E, 'tenantId' | 'environmentId' | 'status' | 'createdBy' | 'updatedBy'>;

interface AnyRow {
  readonly id: string;
  readonly status: RecordStatus;
  readonly version: number;
  readonly updatedBy: string | null;
}
/** Tables whose rows are entities. */
type EntityTable = { [N in keyof Tables]: Selectable<Tables[N]> extends Omit<AnyRow, 'version'> ? N : never }[keyof Tables] & string;
type Row<N extends EntityTable> = Selectable<Tables[N]>;
type Change<N extends EntityTable> = Omit<Updateable<Tables[N]>, 'id' | 'updatedBy'> & { readonly updatedAt: DateTime };

export interface TableOptions<Column> {
  /** What the caller knows it as: `plan not found`. */
  readonly entity: string;
  /** What locks and questions of one's own find: rows that are published unless told, or all but deleted ones. */
  readonly found?: 'published' | 'existing';
  /** A read by id also finds what locks do not. */
  readonly readable?: 'always';
  /** Columns of JSON that are written through `jsonb`: lists, which the driver would take for lists of the database, and decimals. */
  readonly json?: readonly Column[];
  /** Columns of free content, `metadata` unless told: a page of a list is bounded by their bytes. */
  readonly large?: readonly Column[];
}

/**
 * The table of an entity, for its repository to be composed of. The transaction carries the tenant, and row-level security applies it.
 *
 *     export const planRepository = { ...resourceTable('plans', { entity: 'plan' }), findByLookupKey(tx, key) {...} };
 */
export function resourceTable<N extends EntityTable>(name: N, options: TableOptions<keyof Row<N> & string>) {
  const { entity, found = 'published', readable, json = [], large = ['metadata'] } = options;
  const listed = { table: name, large };
  const rows = (tx: TenantTransaction) => (tx as unknown as Transaction<Record<string, AnyRow>>).selectFrom(name as string).selectAll();
  const visible = (tx: TenantTransaction) =>
    found === 'published' ? rows(tx).where('status', '=', 'published') : rows(tx).where('status', '!=', 'deleted');
  const stored = <V extends object>(values: V): V =>
    json.length === 0
      ? values
      : (Object.fromEntries(Object.entries(values).map(([column, value]) => [column, storedValue(column, value)])) as V);
  const storedValue = (column: string, value: unknown): unknown =>
    (json as readonly string[]).includes(column) && value !== null && value !== undefined ? jsonb(value) : value;
  const changing = (tx: TenantTransaction, id: string, change: object) =>
    (tx as unknown as Transaction<Record<string, AnyRow>>)
      .updateTable(name as string)
      .set({ ...stored(change), updatedBy: sql<string>`current_setting('app.actor_id', true)` })
      .where('id', '=', id)
      .returningAll();
  const one = async (query: { executeTakeFirst(): Promise<unknown> }, id: string): Promise<Row<N>> => {
    const row = await query.executeTakeFirst();
    if (row === undefined) throw notFound(entity, id);
    return row as Row<N>;
  };

  return {
    /** For questions of one's own. */
    visible: (tx: TenantTransaction) => visible(tx) as unknown as SelectQueryBuilder<Tables, N, Row<N>>,

    /** Throws NotFound. */
    get: (tx: TenantTransaction, id: string): Promise<Row<N>> =>
      one((readable === 'always' ? rows(tx) : visible(tx)).where('id', '=', id), id),

    /** Those of the ids that exist, in any order, whatever their status: what refers to them can still be shown. */
    getMany: async (tx: TenantTransaction, ids: readonly string[]): Promise<Row<N>[]> =>
      ids.length === 0 ? [] : ((await rows(tx).where('id', '=', sql<string>`any(${ids}::text[])`).execute()) as unknown as Row<N>[]),

    /** Locks the row until the transaction ends. Throws NotFound. */
    lock: (tx: TenantTransaction, id: string): Promise<Row<N>> => one(visible(tx).where('id', '=', id).forUpdate(), id),

    /** Keeps the row as it is until the transaction ends; others may share it meanwhile. Throws NotFound. */
    share: (tx: TenantTransaction, id: string): Promise<Row<N>> => one(visible(tx).where('id', '=', id).forShare(), id),

    /** The lock alone, whatever the row's status, and also where there is none. */
    hold: async (tx: TenantTransaction, id: string): Promise<void> => {
      await rows(tx).clearSelect().select('id').where('id', '=', id).forUpdate().execute();
    },

    insert: async (tx: TenantTransaction, values: Insertable<Tables[N]>): Promise<Row<N>> =>
      (await tx
        .insertInto(name)
        .values(stored(values) as never)
        .returningAll()
        .executeTakeFirstOrThrow()) as Row<N>,

    /** In the order of the values. */
    insertMany: async (tx: TenantTransaction, values: readonly Insertable<Tables[N]>[]): Promise<Row<N>[]> =>
      (await inParts(values.map(stored) as object[], (part) =>
        tx
          .insertInto(name)
          .values(part as never)
          .returningAll()
          .execute(),
      )) as Row<N>[],

    /** Whoever changes a row holds its lock. */
    update: async (tx: TenantTransaction, id: string, change: Change<N>): Promise<Row<N>> =>
      (await changing(tx, id, change).executeTakeFirstOrThrow()) as unknown as Row<N>,

    /** Changes the version that was read, and raises it. Throws `version_conflict` when somebody was faster. */
    updateVersion: async (
      tx: TenantTransaction,
      read: { readonly id: string; readonly version: number },
      change: Omit<Change<N>, 'version'>,
    ): Promise<Row<N>> => {
      const row = await changing(tx, read.id, { ...change, version: read.version + 1 })
        .where('version', '=', read.version)
        .executeTakeFirst();
      if (row === undefined) throw versionConflict(entity, read);
      return row as unknown as Row<N>;
    },

    list: (tx: TenantTransaction, request: ListRequest): Promise<Page<Row<N>>> => listRows(tx, listed, request),
  };
}
