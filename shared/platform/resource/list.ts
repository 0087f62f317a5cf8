import { type RawBuilder, type SqlBool, sql } from 'kysely';
import { invalid } from '#kernel/errors.ts';
import type { Page } from '#kernel/pagination.ts';
import type { TenantTransaction } from '../postgres/database.ts';
import { writeCursor } from './cursor.ts';
import type { ListRequest } from './listing.ts';
import { indexedOrder, orderBy, positionOf, rangesAfter } from './order.ts';
import { LOOKED_AT, lookedAt, totalOf } from './total.ts';
import { type ListSource, refIn, split, whereAll } from './where.ts';

/** Bytes of maps and other free content that a page holds. */
const PAGE_BYTES = 4 * 1024 * 1024;

type Row = Readonly<Record<string, unknown>>;
interface Rows {
  readonly rows: readonly Row[];
  readonly hasMore: boolean;
}

/**
 * A page of a list. What it costs depends on the page and not on how many rows there are: an index has the order and finds what the
 * conditions leave, the total is counted up to 10,000 and estimated above, and where no index helps, 50,000 rows are looked at.
 * Throws a validation error that names the parameter which asks for more, or `limit` where the rows are too large for one page.
 */
export async function listRows<T>(tx: TenantTransaction, source: ListSource, request: ListRequest): Promise<Page<T>> {
  const { limit, offset, after, sort, fingerprint } = request;
  const order = indexedOrder(sort);
  if (order === null && (await lookedAt(tx, source, request)) > LOOKED_AT)
    throw invalid('sort', `several fields sort ${LOOKED_AT} rows at most, and here are more: narrow the list, or sort by one field`);

  const ranges = after === null || order === null ? [null] : rangesAfter(after, order, refIn(source));
  const rows: Row[] = [];
  let hasMore = false;
  for (const range of ranges) {
    if (rows.length === limit && hasMore) break;
    const found = await rowsOf(tx, source, request, { range, limit: limit - rows.length, offset: after === null ? offset : 0 });
    rows.push(...found.rows);
    hasMore = found.hasMore;
  }

  const seen = after?.seen ?? offset;
  const last = rows.at(-1);
  // Where there is no next page, the page itself says how many there are.
  const isAll = !hasMore && after === null && (last !== undefined || offset === 0);
  const { total, isEstimate } = isAll ? { total: offset + rows.length, isEstimate: false } : await totalOf(tx, source, request);
  const next = hasMore && last && order ? writeCursor(positionOf(last, order, seen + rows.length), fingerprint) : null;
  return { items: rows as readonly unknown[] as readonly T[], total, isEstimate, limit, offset: seen, next };
}

interface Part {
  /** Narrows the list to where the page goes on. */
  readonly range: RawBuilder<SqlBool> | null;
  readonly limit: number;
  readonly offset: number;
}

async function rowsOf(tx: TenantTransaction, source: ListSource, request: ListRequest, { range, limit, offset }: Part): Promise<Rows> {
  const table = sql.table(source.table);
  const order = orderBy(request.sort, refIn(source));
  const { indexed, others } = split(request);
  const where = sql`${whereAll(source, request, indexed)}${range === null ? sql`` : sql` and ${range}`}`;
  const candidates = sql`select * from ${table} where ${where} order by ${order}`;
  const matching =
    others.length === 0
      ? candidates
      : sql`select * from (${candidates} limit ${LOOKED_AT}) as ${table} where ${whereAll(source, null, others)} order by ${order}`;
  // One row more than is asked for says whether there are more.
  const found = await sized(tx, source, sql`${matching} limit ${limit + 1} offset ${offset}`, order);
  if (found.length <= limit && others.length > 0 && (await lookedAt(tx, source, request)) > LOOKED_AT)
    throw invalid(
      others[0]?.parameter ?? 'filters',
      `no index serves this condition, so that it looks at ${LOOKED_AT} rows at most, and too few of them match: narrow the list by another filter or by start_time and end_time`,
    );

  const page = found.slice(0, limit);
  const isTooLarge = (page.at(-1)?.bytes ?? 0) > PAGE_BYTES;
  if (isTooLarge && limit > 1)
    throw invalid('limit', `these rows are too large for one page: ask for ${Math.max(page.length - 1, 1)} at a time`);
  return { rows: page.map(({ row }) => row), hasMore: found.length > limit || isTooLarge };
}

/** Rows with the bytes of free content up to each. What lies behind the first row that exceeds the bound is never loaded. */
async function sized(
  tx: TenantTransaction,
  { table: name, large }: ListSource,
  page: RawBuilder<unknown>,
  order: RawBuilder<unknown>,
): Promise<{ readonly row: Row; readonly bytes: number }[]> {
  if (large.length === 0) return (await page.execute(tx)).rows.map((row) => ({ row: row as Row, bytes: 0 }));
  const table = sql.table(name);
  const size = sql.join(
    large.map((column) => sql`coalesce(octet_length(${sql.ref(`${name}.${column}`)}::text), 0)`),
    sql` + `,
  );
  const { rows } = await sql<Row & { pageBytes: number; rowBytes: number }>`
    select * from (
      select *, sum(row_bytes) over (order by ${order} rows unbounded preceding) as page_bytes
      from (select *, ${size} as row_bytes from (${page}) as ${table}) as ${table}
    ) as ${table} where page_bytes - row_bytes <= ${PAGE_BYTES} order by ${order}`.execute(tx);
  return rows.map(({ pageBytes, rowBytes: _, ...row }) => ({ row, bytes: Number(pageBytes) }));
}
