import { LRUCache } from 'lru-cache';
import { sql } from 'kysely';
import type { TenantTransaction } from '../postgres/database.ts';
import type { Condition } from './conditions.ts';
import type { ListRequest } from './listing.ts';
import { indexedAs, type ListSource, refIn, split, whereAll } from './where.ts';
import { Decimal } from '#kernel/decimal.ts';

/** Totals are exact up to here. */
export const COUNTED = 10_000;
/** Rows that are looked at, at most, for a condition or an order that no index serves. */
export const LOOKED_AT = 50_000;
/** Blocks of the table that an estimate looks at. */
const SAMPLED_BLOCKS = 400;

export interface Total {
  readonly total: number;
  readonly isEstimate: boolean;
}

/** Lists that are longer than is counted, with their estimate: it may be half a minute old. */
const estimates = new LRUCache<string, number>({ max: 5_000, ttl: 30_000 });

/** How many rows the list has: counted up to 10,000, and up to 50,000 where each has to be looked at; else an estimate above what was counted. */
export async function totalOf(tx: TenantTransaction, source: ListSource, request: ListRequest): Promise<Total> {
  const known = estimates.get(request.counted);
  if (known !== undefined) return { total: known, isEstimate: true };
  const { indexed, others } = split(request);
  const most = others.length === 0 ? COUNTED : LOOKED_AT;
  const { rows } = await sql<{ looked: number; matching: number }>`
    select count(*) as looked, count(*) filter (where ${whereAll(source, null, others)}) as matching
    from (${candidates(source, request, indexed, most + 1)}) as ${sql.table(source.table)}`.execute(tx);
  const { looked = 0, matching = 0 } = rows[0] ?? {};
  if (looked <= most) return { total: matching, isEstimate: false };
  const total = Math.max(await estimated(tx, source, request), matching, others.length === 0 ? COUNTED + 1 : 0);
  estimates.set(request.counted, total);
  return { total, isEstimate: true };
}

/** Rows that a condition without an index would have to look at, counted up to one more than it may. */
export async function lookedAt(tx: TenantTransaction, source: ListSource, request: ListRequest): Promise<number> {
  const { rows } = await sql<{ looked: number }>`
    select count(*) as looked from (${candidates(source, request, split(request).indexed, LOOKED_AT + 1)}) as found`.execute(tx);
  return rows[0]?.looked ?? 0;
}

/** In the order of an index that has the first condition: the rows are then read from there, and no further than the limit. */
function candidates(source: ListSource, request: ListRequest, indexed: ReturnType<typeof split>['indexed'], limit: number) {
  const ref = refIn(source);
  const first = indexed.find(({ column }) => column !== 'id');
  const leading = first === undefined ? [] : [isExact(first) ? indexedAs(first.column) : first.column];
  const order = sql.join([...new Set([...leading, 'createdAt', 'id'])].map(ref));
  return sql`select * from ${sql.table(source.table)} where ${whereAll(source, request, indexed)} order by ${order} limit ${limit}`;
}

function isExact(condition: Condition): boolean {
  return Decimal.isDecimal('values' in condition ? condition.values[0] : 'value' in condition ? condition.value : null);
}

/** From some blocks of the table, the same ones each time. */
async function estimated(tx: TenantTransaction, source: ListSource, request: ListRequest): Promise<number> {
  const table = sql.table(source.table);
  const percent = sql`least(100, 100.0 * ${SAMPLED_BLOCKS} / greatest(1, pg_relation_size(${source.table}::regclass) / current_setting('block_size')::bigint))`;
  const { rows } = await sql<{ found: number; percent: number }>`
    select count(*) as found, (${percent})::double precision as percent
    from ${table} tablesample system (${percent}) repeatable (1)
    where ${whereAll(source, request, request.conditions)}`.execute(tx);
  const { found = 0, percent: looked = 100 } = rows[0] ?? {};
  return Math.round((found * 100) / looked);
}
