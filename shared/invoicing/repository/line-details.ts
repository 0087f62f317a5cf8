import type { TenantTransaction } from '#platform/postgres/database.ts';
import { jsonb } from '#platform/postgres/types.ts';
import { chunksOf } from '#kernel/chunks.ts';
import { inParts } from '#platform/postgres/in-parts.ts';
import type { DetailKind, LineDetails } from '../domain/line-details.ts';

declare module '#platform/postgres/tables.ts' {
  interface Tables {
    invoiceLineDetails: {
      readonly lineItemId: string;
      readonly kind: DetailKind;
      /** Of the first entry, from 0. */
      readonly position: number;
      readonly entries: readonly unknown[];
    };
  }
}

/** Entries of one row. */
const PART = 1000;

/** Buckets and windows that stand beside a line. They go with it. */
export const lineDetailRepository = {
  async insert(tx: TenantTransaction, details: readonly (LineDetails & { readonly lineItemId: string })[]): Promise<void> {
    // Line by line: one may have hundreds of thousands, and they are all the memory that this takes.
    for (const { lineItemId, kind, entries } of details) {
      const rows = chunksOf(entries, PART).map((part, index) => ({ lineItemId, kind, position: index * PART, entries: jsonb(part) }));
      await inParts(rows, (part) => tx.insertInto('invoiceLineDetails').values(part).execute());
    }
  },

  /** `limit` entries from the one at `offset` on, in the order of time. */
  async page(
    tx: TenantTransaction,
    { lineItemId, kind, limit, offset }: { lineItemId: string; kind: DetailKind; limit: number; offset: number },
  ): Promise<unknown[]> {
    const parts = await tx
      .selectFrom('invoiceLineDetails')
      .select(['position', 'entries'])
      .where('lineItemId', '=', lineItemId)
      .where('kind', '=', kind)
      .where('position', '>', offset - PART)
      .where('position', '<', offset + limit)
      .orderBy('position')
      .execute();
    const [first] = parts;
    if (first === undefined) return [];
    const from = offset - first.position;
    return parts.flatMap(({ entries }) => entries).slice(from, from + limit);
  },
};
