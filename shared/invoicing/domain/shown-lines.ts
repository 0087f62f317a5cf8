/** How much of its lines an invoice is shown with. */
export type LineDetail = 'none' | 'bare' | 'explained';
/** What an answer leaves out because it would be too large, as the wire names it. */
export type LeftOut = 'line_items' | 'line_items.calculation';

/** Bytes that the lines of one answer may have together: a Lambda function answers with 6 MB at most, and invoices have more than lines. */
export const LINES_BYTES = 4_000_000;
/** A line on the wire has names of fields that its row has not. */
const BYTES_PER_LINE = 100;

interface Sizes {
  readonly invoiceId: string;
  readonly count: number;
  readonly bareBytes: number;
  readonly explainedBytes: number;
}

export interface ShownLines {
  readonly lines: LineDetail;
  readonly leftOut: readonly LeftOut[];
}

/**
 * How each invoice of an answer is shown, so that all fit: as `wanted` in the order of the invoices while there is room, then without
 * calculations, then without lines. Nothing is left out without a word. An invoice without sizes has no lines.
 */
export function shownLines(sizes: readonly Sizes[], invoiceIds: readonly string[], wanted: LineDetail): ReadonlyMap<string, ShownLines> {
  const bySize = new Map(sizes.map((size) => [size.invoiceId, size]));
  let room = LINES_BYTES;
  return new Map(
    invoiceIds.map((id): [string, ShownLines] => {
      const { count, bareBytes, explainedBytes } = bySize.get(id) ?? { count: 0, bareBytes: 0, explainedBytes: 0 };
      const bytes = { explained: explainedBytes + count * BYTES_PER_LINE, bare: bareBytes + count * BYTES_PER_LINE };
      if (wanted === 'none') return [id, { lines: 'none', leftOut: [] }];
      if (wanted === 'explained' && bytes.explained <= room) {
        room -= bytes.explained;
        return [id, { lines: 'explained', leftOut: [] }];
      }
      const without: readonly LeftOut[] = wanted === 'explained' ? ['line_items.calculation'] : [];
      if (bytes.bare > room) return [id, { lines: 'none', leftOut: ['line_items', ...without] }];
      room -= bytes.bare;
      return [id, { lines: 'bare', leftOut: without }];
    }),
  );
}
