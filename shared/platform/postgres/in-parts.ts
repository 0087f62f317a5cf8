import { chunksOf } from '#kernel/chunks.ts';

/** Values that one statement carries at most. The protocol ends at 65,535 and says no more than "bind message has wrong formats". */
const VALUES_PER_STATEMENT = 30_000;

/**
 * Inserts rows of one table, however many, in as many statements as their columns need; answers what the statements return, in order.
 * All in the caller's transaction, so none is there without the others.
 */
export async function inParts<Row extends object, T>(
  rows: readonly Row[],
  insert: (part: readonly Row[]) => Promise<readonly T[]>,
): Promise<T[]> {
  const columns = Math.max(1, ...rows.map((row) => Object.keys(row).length));
  const inserted: T[] = [];
  for (const part of chunksOf(rows, Math.floor(VALUES_PER_STATEMENT / columns))) inserted.push(...(await insert(part)));
  return inserted;
}
